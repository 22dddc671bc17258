"""njit whose cache on disk follows every file that a kernel's machine code is made from.

numba's own cache looks at the file of the compiled function alone: after a change in another file
whose functions or constants went into it, the old machine code is found and run. Here the stamp of
a cache index is a digest over the kernel's module and all modules of its packages that it imports,
directly or not, and over llvmlite's version (numba's and the processor's are looked at by numba).
The stamp depends on what the files hold, not on where they lie or when they were written, so that
all processes on one installation agree, forked, spawned or on another machine.

Where the cache lies is numba's choice: NUMBA_CACHE_DIR, else __pycache__ beside the module, else
the user's cache folder; where none can be written, each process compiles for itself. One index and
the data files it names stay for each function; those of other stamps go when the index is written.

Importing this module imports numba.
"""

# numba infers the types of its functions; annotations would only repeat the docstrings.
# mypy: allow-untyped-defs, allow-untyped-calls, disable-error-code="misc"

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import os
import re
import sys
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core import caching, config, typeinfer

_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]*(\([^)]*\)|[^\n]*)|import[ \t]+([^\n]*))", re.M
)
_NAME = re.compile(r"([\w.]+)(?:\s+as\s+\w+)?")
_COMMENT = re.compile(r"#[^\n]*")
# Stands in file names where numba has a line number: a kernel that moved is still the same file.
_DISAMBIGUATOR = "stamped"
# Packages with kernels: modules of others, and what they import, are not looked at.
_packages: set[str] = set()


def njit(*signatures: Any, cache: bool = False, **options: Any) -> Any:
    """`numba.njit` with these signatures and options; `cache=True` caches as said above."""
    if len(signatures) == 1 and inspect.isfunction(signatures[0]):
        return njit(cache=cache, **options)(signatures[0])

    def decorate(function: Any) -> Any:
        found = numba.njit(**options)(function)
        if config.DISABLE_JIT:
            return found
        if cache:
            with contextlib.suppress(RuntimeError):  # numba: "no locator available"
                found._cache = _Cache(function)
        if signatures:
            with typeinfer.register_dispatcher(found):
                for signature in signatures:
                    found.compile(signature)
            found.disable_compile()
        return found

    return decorate


def sources(module: str, file: str) -> dict[str, str]:
    """Digests by name of this module and of all it imports from packages with kernels."""
    _packages.add(module.partition(".")[0])
    found: dict[str, str] = {}
    waiting = [(module, file)]
    while waiting:
        name, path = waiting.pop()
        if name in found:
            continue
        found[name], imported = _read(name, path)
        for other in imported:
            if other not in found and other.partition(".")[0] in _packages:
                place = _file_of(other)
                if place is not None:
                    waiting.append((other, place))
    return found


@functools.cache
def _stamp(module: str, file: str) -> str:
    digests = sorted(sources(module, file).items())
    return hashlib.sha256(repr((llvmlite.__version__, digests)).encode()).hexdigest()


@functools.cache
def _read(name: str, path: str) -> tuple[str, tuple[str, ...]]:
    """(digest of a source file, names that may be modules it imports)."""
    data = Path(path).read_bytes()
    package = name if Path(path).name == "__init__.py" else name.rpartition(".")[0]
    names: dict[str, None] = {}
    for origin, parts, plain in _IMPORT.findall(data.decode()):
        if plain:
            names.update(dict.fromkeys(_NAME.findall(_COMMENT.sub("", plain))))
            continue
        dots = len(origin) - len(origin.lstrip("."))
        if dots:
            above = package.split(".")[: len(package.split(".")) - dots + 1]
            origin = ".".join([*above, *filter(None, [origin[dots:]])])
        names[origin] = None
        names.update((f"{origin}.{part}", None) for part in _NAME.findall(_COMMENT.sub("", parts)))
    return hashlib.sha256(data).hexdigest(), tuple(names)


@functools.cache
def _file_of(name: str) -> str | None:
    """The source file of a module, None where it is no module of an imported package."""
    top, *rest = name.split(".")
    for folder in getattr(sys.modules.get(top), "__path__", ()):
        place = os.path.join(folder, *rest)
        for path in (f"{place}.py" if rest else "", os.path.join(place, "__init__.py")):
            if os.path.isfile(path):
                return path
    return None


class _Stamped:
    """A cache locator's part that says what the machine code was made from."""

    def __init__(self, function: Any, file: str) -> None:
        super().__init__(function, file)  # type: ignore[call-arg]
        self._stamp = _stamp(function.__module__, file)

    def get_source_stamp(self) -> str:
        return self._stamp

    def get_disambiguator(self) -> str:
        return _DISAMBIGUATOR


class _Function(caching.CompileResultCacheImpl):
    # of numba's locators, those of functions that stand in a source file
    _locator_classes = tuple(
        type(locator.__name__, (_Stamped, locator), {})
        for locator in caching.CacheImpl._locator_classes
        if issubclass(locator, caching._SourceFileBackedLocatorMixin)
        and locator.__name__ != "ZipCacheLocator"
    )


class _Files(caching.IndexDataCacheFile):
    """An index and its data files, whose names carry the stamp: a process with another stamp may
    write beside it at the same time."""

    def __init__(self, cache_path: str, filename_base: str, source_stamp: str) -> None:
        super().__init__(cache_path, filename_base, source_stamp)
        self._base = filename_base
        self._data_name_pattern = f"{filename_base}.{source_stamp[:16]}.{{number:d}}.nbc"

    def _save_index(self, overloads: Any) -> None:
        super()._save_index(overloads)
        kernel, _, version = self._base.rpartition(f"-{_DISAMBIGUATOR}")
        kept = {self._index_name, *overloads.values()}
        for name in os.listdir(self._cache_path):
            old = name.startswith(f"{kernel}-") and f"{version}." in name and name not in kept
            if old and name.endswith((".nbi", ".nbc")):
                with contextlib.suppress(OSError):  # another process was first
                    os.unlink(os.path.join(self._cache_path, name))


class _Cache(caching.FunctionCache):
    _impl_class = _Function

    def __init__(self, function: Any) -> None:
        super().__init__(function)
        self._cache_file = _Files(
            self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp()
        )
