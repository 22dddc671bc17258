"""The console script. It imports nothing before Ctrl-C has an answer: imports take a while."""

import atexit
import gc
import sys

INTERRUPTED = 130  # 128 + SIGINT


def main() -> None:
    """Run `awase`; a Ctrl-C while it is still being imported is exit code 130 and one line."""
    atexit.register(_skip_last_collection)
    try:
        from pipelines.cli.main import main as command

        command()
    except KeyboardInterrupt:
        sys.stderr.write("\ninterrupted\n")
        sys.exit(INTERRUPTED)


def _skip_last_collection() -> None:
    """Ending, Python would search all that was imported for cycles, twice: 0.3 s of `curate`.

    DuckDB's binding names on stderr what was not freed in the end, so with it all is freed.
    """
    if "duckdb" not in sys.modules:
        gc.freeze()
