"""The process that workers are forked from, started early and made ready.

A worker needs imports, tables, models and compiled kernels before its first document: about three
seconds, the same in each. So multiprocess's fork server, of which all workers of a command are
forked, runs the recipe's steps once over a line of text, while the command itself still imports and
reads its input. It changes speed alone: whatever fails here is left for a worker to say.

Where kernels had to be compiled, the compiler leaves 250 MiB that every worker would be forked
with: the process then begins anew, once, and takes the compiled ones from the disk.

The fork server runs this module by importing it, with the recipe in its environment; nowhere else
does importing it do anything.
"""

from __future__ import annotations

import atexit
import gc
import os
import secrets
import shutil
import signal
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path

from curation.base.arrow import leave_pandas_out
from curation.decontaminate import INDEXES

_RECIPE = "AWASE_WARM_RECIPE"
_FOLDER = "AWASE_WARM_FOLDER"  # from which the recipe's paths are looked up
_AGAIN = "AWASE_WARM_AGAIN"
_MAX_BYTES = 100_000  # of a variable of the environment; Linux takes 128 KiB
_MODULES = ["pipelines.warm", "pipelines.executors"]
_TEXTS = (
    "The first line of a text, with 12 words in it, and so on.\nA second one.",
    "これは最初の文です。カタカナと漢字、数字の12もあります。\n二行目です。",
)


def start(recipe: str | Path | None = None) -> None:
    """Start this process's fork server, unless it runs; with `recipe` (its text, or its path) make
    it ready for that recipe's steps. Returns at once."""
    from multiprocess import forkserver, resource_tracker

    resource_tracker.ensure_running()  # which unblocks signals, once it has been started
    if INDEXES not in os.environ:  # made when the first index is
        folder = os.path.join(tempfile.gettempdir(), f"awase-indexes-{secrets.token_hex(8)}")
        os.environ[INDEXES] = folder
        atexit.register(_remove, folder, os.getpid())
    forkserver.set_forkserver_preload(_MODULES)
    os.environ[_RECIPE], os.environ[_FOLDER] = _text(recipe)
    # Ctrl-C is the command's, also while the server imports what comes before this module
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.environ.pop(_RECIPE, None)
        os.environ.pop(_FOLDER, None)


def _remove(folder: str, owner: int) -> None:
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)


def _text(recipe: str | Path | None) -> tuple[str, str]:
    """The recipe's text and its folder; no text where there is none that can be passed on."""
    if recipe is None:
        return "", ""
    folder = Path()
    if isinstance(recipe, Path) or "\n" not in recipe:
        folder = Path(recipe).parent
        try:
            recipe = Path(recipe).read_text("utf-8")
        except (OSError, ValueError):
            return "", ""
    fits = len(recipe.encode()) < _MAX_BYTES and "\0" not in recipe
    return recipe if fits else "", str(folder)


def _make_ready(text: str, folder: Path, parent: int) -> bool:
    """Run all steps of a recipe over two texts; end where the command has ended meanwhile.

    True where kernels were compiled for it and are on the disk for the next process.
    """
    import pyarrow as pa

    leave_pandas_out()
    import pipelines.executors  # noqa: F401  (all that a worker imports)
    from curation.base.errors import AwaseError
    from curation.batch import FILE, ROW, Batch
    from curation.recipe import parse_recipe
    from curation.run import warm_up
    from pipelines.compiling import kept_on_disk, say_when_compiling

    if not text:
        return False
    if os.getppid() != parent:
        sys.exit()
    compilations = say_when_compiling()
    texts = pa.array(_TEXTS, pa.large_string())
    origin = pa.array(range(len(texts)), pa.int64())
    with suppress(AwaseError, OSError):
        recipe = parse_recipe(text, folder=folder)
        for _ in warm_up(recipe, Batch(texts, {FILE: origin, ROW: origin})):
            if os.getppid() != parent:
                sys.exit()
    return compilations.seconds > 0 and kept_on_disk()


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's
    again = os.environ.pop(_AGAIN, None)
    passed = {name: os.environ.pop(name, "") for name in (_RECIPE, _FOLDER)}
    compiled = False
    try:
        compiled = _make_ready(passed[_RECIPE], Path(passed[_FOLDER]), os.getppid())
    except Exception:  # noqa: BLE001  without this process there would be no worker to fail, or not
        traceback.print_exc()
    if compiled and again is None:
        # the same command: the fork server's sockets stay open, as they were handed to this process
        environment = {**os.environ, **passed, _AGAIN: "1"}
        os.execve(sys.executable, sys.orig_argv, environment)  # noqa: S606 (no shell is wanted)


if _RECIPE in os.environ:
    _begin()
    gc.freeze()  # what is here stays: a worker's collector would copy the pages it marks
