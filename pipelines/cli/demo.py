"""`awase demo`: the whole way once, on real text."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import click

from pipelines.cli.common import (
    json_option,
    print_json,
    progress_bar,
    say,
    workers_option,
)


class Terminal:
    """The demo's screen: steps and progress on stderr, the plan on stdout."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json

    def step(self, number: int, title: str) -> None:
        say(click.style(f"\n[{number}/6] {title}", bold=True))

    def say(self, message: str) -> None:
        say(f"  {message}")

    def show(self, text: str) -> None:
        click.echo(text, err=self.as_json)

    def bar(self, label: str) -> AbstractContextManager[Callable[[int, int], None]]:
        return progress_bar(label)


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("awase-demo"),
    show_default=True,
    help="Where everything goes; a second run goes on with what is there.",
)
@click.option(
    "--input",
    "inputs",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Your own text: JSON Lines, Parquet or text, plain, gz or zst; more paths may follow.",
)
@click.argument("more", nargs=-1, type=click.Path(path_type=Path), metavar="[PATH]...")
@click.option("--serve", is_flag=True, help="Keep a server running on the result at the end.")
@workers_option
@json_option
def command(
    folder: Path,
    inputs: tuple[Path, ...],
    more: tuple[Path, ...],
    serve: bool,
    workers: int,
    as_json: bool,
) -> None:
    """Run the main job on real text: curate, tokenize, mix, serve, train, kill, resume.

    Without --input the text is fetched: manuals from Debian's packages, else Wikipedia from the
    Hugging Face Hub.
    """
    from pipelines.demo import summary
    from pipelines.demo.run import run_demo, serve_until_interrupted

    if more and not inputs:
        raise click.UsageError(f"{more[0]}: name files behind --input")
    screen = Terminal(as_json=as_json)
    outcome = run_demo(folder.absolute(), [*inputs, *more], screen, workers=workers)
    screen.step(6, "Summary")
    if as_json:
        print_json(summary.document(outcome))
    else:
        click.echo("\n".join(summary.lines(outcome)))
    if serve:
        serve_until_interrupted(outcome, screen)
