"""The process that workers are forked from, started early and made ready.

A worker needs imports, tables, models and compiled kernels before its first document: about three
seconds, the same in each. So multiprocess's fork server, of which all workers of a command are
forked, runs the recipe's steps once over a line of text, while the command itself still imports and
reads its input. It changes speed alone: whatever fails here is left for a worker to say.

The fork server runs this module by importing it, with the recipe in its environment; nowhere else
does importing it do anything.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path

from curation.base.arrow import leave_pandas_out

_RECIPE = "AWASE_WARM_RECIPE"
_MAX_BYTES = 100_000  # of a variable of the environment; Linux takes 128 KiB
_MODULES = ["pipelines.warm", "pipelines.executors"]
_TEXTS = (
    "The first line of a text, with 12 words in it, and so on.\nA second one.",
    "これは最初の文です。カタカナと漢字、数字の12もあります。\n二行目です。",
)


def start(recipe: str | Path | None = None) -> None:
    """Start this process's fork server, unless it runs; with `recipe` (its text, or its path) make
    it ready for that recipe's steps. Returns at once."""
    from multiprocess import forkserver

    forkserver.set_forkserver_preload(_MODULES)
    os.environ[_RECIPE] = _text(recipe)
    try:
        forkserver.ensure_running()
    finally:
        os.environ.pop(_RECIPE, None)


def _text(recipe: str | Path | None) -> str:
    """The recipe's text; nothing where there is none that can be passed on."""
    if recipe is None:
        return ""
    if isinstance(recipe, Path) or "\n" not in recipe:
        try:
            recipe = Path(recipe).read_text("utf-8")
        except (OSError, ValueError):
            return ""
    return recipe if len(recipe.encode()) < _MAX_BYTES and "\0" not in recipe else ""


def _make_ready(text: str, parent: int) -> None:
    """Run all steps of a recipe over two texts; end where the command has ended meanwhile."""
    import pyarrow as pa

    leave_pandas_out()
    import pipelines.executors  # noqa: F401  (all that a worker imports)
    from curation.base.errors import AwaseError
    from curation.batch import FILE, ROW, Batch
    from curation.recipe import parse_recipe
    from curation.run import warm_up
    from pipelines.compiling import say_when_compiling

    if not text:
        return
    say_when_compiling()
    texts = pa.array(_TEXTS, pa.large_string())
    origin = pa.array(range(len(texts)), pa.int64())
    with suppress(AwaseError, OSError):
        for _ in warm_up(parse_recipe(text), Batch(texts, {FILE: origin, ROW: origin})):
            if os.getppid() != parent:
                sys.exit()


if _RECIPE in os.environ:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's
    _make_ready(os.environ.pop(_RECIPE), os.getppid())
    gc.freeze()  # what is here stays: a worker's collector would copy the pages it marks
