"""`python -m pipelines.cli.reference`: write every command's help into docs/cli.md."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from pipelines.cli.main import command as awase

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
HEADING = "## Commands\n"
COLUMNS = 100


def documented(page: str) -> str:
    """`page` with the help of all commands written anew under its heading."""
    before, heading, rest = page.partition(HEADING)
    assert heading, f"{PAGE} has no {HEADING!r}"
    introduction = rest.partition("\n### ")[0].strip()
    sections = [
        f"### {context.command_path}\n\n```\n{context.get_help()}\n```\n"
        for context in walk()
        if context.parent is not None
    ]
    return f"{before}{HEADING}\n{introduction}\n\n" + "\n".join(sections)


def walk(
    command: click.Command = awase, parent: click.Context | None = None
) -> Iterator[click.Context]:
    """A context for `awase` and for each command and member below it, in the order of --help."""
    name = "awase" if parent is None else command.name
    settings = command.context_settings
    context = click.Context(command, parent, info_name=name, terminal_width=COLUMNS, **settings)
    yield context
    if isinstance(command, click.Group):
        for member in command.list_commands(context):
            found = command.get_command(context, member)
            assert found is not None, f"{context.command_path} lists {member}"
            found.name = member
            yield from walk(found, context)


if __name__ == "__main__":
    PAGE.write_text(documented(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
