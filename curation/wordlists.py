"""Word lists: files given by path, or those of the installed HojiChar wheel; none ship with awase.

    word_list("hojichar:adult_keywords_ja")     Apache-2.0, read from the installed package
    word_list("lists/own.txt")                  one word a line, UTF-8

A list's digest enters the fingerprint of the step that uses it, its licence the step's settings.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from pathlib import Path

from curation.base.errors import NotFound, UsageError
from curation.base.fields import nearest

MAX_WORDS = 200_000
_PACKAGE = "hojichar:"


@dataclass(frozen=True, slots=True)
class WordList:
    """Words in the order of their file, where they come from, and under which licence."""

    source: str
    words: tuple[str, ...]
    license: str
    digest: str


def word_list(source: str) -> WordList:
    """The words of a file, stripped, empty lines left out; NotFound where there is no such list."""
    try:
        path, licence = _place(source)
        data = path.read_bytes()
        lines = data.decode("utf-8").split("\n")
    except FileNotFoundError as error:
        raise NotFound(f"word list {source}: there is no file {error.filename}") from error
    except OSError as error:
        raise UsageError(f"word list {source}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"word list {source}: byte {error.start} of it, or of its .license, is not UTF-8"
        ) from error
    words = tuple(word for line in lines if (word := line.strip()))
    if not words or len(words) > MAX_WORDS:
        raise UsageError(f"word list {source}: {len(words)} words; from 1 to {MAX_WORDS} are read")
    return WordList(source, words, licence, "sha256:" + hashlib.sha256(data).hexdigest())


def _place(source: str) -> tuple[Path, str]:
    if not source.startswith(_PACKAGE):
        path = Path(source)
        beside = path.parent / f"{path.name}.license"
        licence = beside.read_text(encoding="utf-8").strip() if beside.is_file() else "NOASSERTION"
        return path, licence
    spec = importlib.util.find_spec("hojichar")
    if spec is None or spec.origin is None:
        raise NotFound(
            f"word list {source}: the package hojichar is not installed; "
            "install awase with the extra `word-lists`, or name a file of your own"
        )
    version = importlib.metadata.version("hojichar")
    name = source.removeprefix(_PACKAGE)
    if not name.replace("_", "").isalnum():
        raise UsageError(f"word list {source}: {name!r} is not the name of a list")
    folder = Path(spec.origin).parent / "dict"
    if not (folder / f"{name}.txt").is_file():
        known = sorted(path.stem for path in folder.glob("*.txt"))
        raise NotFound(
            f"word list {source}: HojiChar {version} has no list {name!r}{nearest(name, known)}"
        )
    return folder / f"{name}.txt", f"Apache-2.0 (HojiChar {version})"
