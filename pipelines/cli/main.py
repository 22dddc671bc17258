"""`awase`: commands by noun, loaded when they run; errors become one message and an exit code.

stdout carries the result, stderr progress and messages. Exit codes are those of
`curation.base.errors` and `awase_client.errors`; 130 after Ctrl-C.
"""

from __future__ import annotations

import errno
import importlib
import os
import signal
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from pipelines.cli import streams
from pipelines.cli.entry import INTERRUPTED

if TYPE_CHECKING:
    from awase_client.errors import AwaseClientError
    from curation.base.errors import AwaseError

TERMINATED = 143  # 128 + SIGTERM
AGAIN_SECONDS = 0.02
_signals: list[int] = []  # SIGTERMs received

# name -> (module with a click command or group named `command`, one line of help)
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": (
        "pipelines.cli.demo",
        "Run the whole way once on real text, with a kill and a resume.",
    ),
    "curate": ("pipelines.cli.curate", "Filter and deduplicate text into a dataset version."),
    "dataset": (
        "pipelines.cli.dataset",
        "List, show, verify, alias, annotate and import datasets.",
    ),
    "tokenizer": ("pipelines.cli.tokenizer", "Train, add and list tokenizers."),
    "tokenize": ("pipelines.cli.tokenize", "Turn a dataset version into a token set."),
    "mixture": (
        "pipelines.cli.mixture",
        "Start, check, plan, explain, compare, publish and list mixtures.",
    ),
    "stream": ("pipelines.cli.stream", "Read a plan's tokens from the store or a server."),
    "run": ("pipelines.cli.run", "Create, list, show, branch and skip runs."),
    "serve": ("pipelines.cli.serve", "Serve the store over HTTP."),
    "key": ("pipelines.cli.key", "Create API keys."),
    "lineage": ("pipelines.cli.lineage", "What a plan was made from, what a dataset went into."),
    "doctor": (
        "pipelines.cli.doctor",
        "Check this installation and its store; rebuild the catalog.",
    ),
}


class LazyGroup(click.Group):
    """A group whose members are imported when asked for, so that --help stays quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = importlib.import_module(COMMANDS[cmd_name][0]).command
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            if not streams.reader_left():  # another pipe, such as a worker's that was killed
                from curation.base.errors import Failed

                raise Failed("a process of this command has ended: run it again") from error
            streams.drop_stdout()  # nobody waits for the rest; click would end with 1
            return 0

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="awase")
@click.option(
    "--store",
    metavar="PATH",
    help="The store to work on; also AWASE_STORE. Default: ./awase-store",
)
def command(store: str | None) -> None:
    """Curate text into shards, blend them by YAML, stream the blend as tokens."""
    if store is not None:
        os.environ["AWASE_STORE"] = store


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; never a traceback for a user's mistake."""
    from awase_client.errors import AwaseClientError
    from curation.base.errors import AwaseError

    try:
        result: Any = command.main(
            args=None if arguments is None else list(arguments),
            prog_name="awase",
            standalone_mode=False,
        )
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        _explained(error).show(sys.stderr)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; the same command goes on where this one stopped", err=True)
        return INTERRUPTED
    except (AwaseError, AwaseClientError) as error:
        return _say(error)
    except OSError as error:
        streams.settle()
        return _say(_of_system(error))
    return result if isinstance(result, int) else 0


def _explained(error: click.ClickException) -> click.ClickException:
    """click names the nearest option of the command; --store is one of `awase` itself."""
    if isinstance(error, click.NoSuchOption) and error.option_name == "--store":
        text = "--store stands before the command: awase --store PATH COMMAND ..."
        return click.UsageError(text, error.ctx)
    return error


def _of_system(error: OSError) -> AwaseError:
    """What the system refused outside the store, such as a full disk behind stdout."""
    from curation.base.errors import Failed
    from curation.base.store import disk_full

    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return disk_full(error.filename or "stdout")
    what = error.strerror or str(error)
    return Failed(f"{error.filename}: {what}" if error.filename else what)


def _say(error: AwaseError | AwaseClientError) -> int:
    """Print an error with its notes and return its exit code."""
    from curation.base.errors import InvalidDocument

    # problems of a document start with file:line:column, which editors make clickable
    click.echo(str(error) if isinstance(error, InvalidDocument) else f"awase: {error}", err=True)
    for note in getattr(error, "__notes__", ()):
        click.echo(f"  {note}", err=True)
    return error.exit_code


def main() -> None:
    """Run this process's arguments. SIGTERM ends a command as Ctrl-C does: its children end too."""
    streams.prepare()
    signal.signal(signal.SIGTERM, _terminated)
    sys.unraisablehook = _interrupt_again
    code = run()
    sys.exit(TERMINATED if code == INTERRUPTED and _signals else code)


def _terminated(number: int, frame: object) -> None:
    _signals.append(number)
    raise KeyboardInterrupt


def _interrupt_again(ignored: sys.UnraisableHookArgs) -> None:
    """Send a Ctrl-C or SIGTERM again that came while LLVM was calling back, from where it cannot be
    raised."""
    if ignored.exc_type is KeyboardInterrupt:
        number = signal.SIGTERM if _signals else signal.SIGINT  # a SIGINT may be ignored
        threading.Timer(AGAIN_SECONDS, os.kill, (os.getpid(), number)).start()
    else:
        sys.__unraisablehook__(ignored)
