"""`awase mixture init`, `blends` and `schema`: where a mixture begins."""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.common import json_option, print_json, print_table
from pipelines.cli.options import check_together


@click.command()
@click.argument("file", default="mixture.yaml", type=click.Path())
@click.option("--blend", metavar="BLEND", help="Start from a published blend.")
@click.option(
    "--map",
    "pairs",
    multiple=True,
    metavar="PATH=DATASET",
    help="Which dataset a source of the blend is, or all of a group. Repeat for each.",
)
@click.option("--partial", is_flag=True, help="Leave out sources of the blend without a --map.")
@click.option(
    "--name", metavar="NAME", help="Name of the mixture. Default: the file's or the blend's."
)
@click.option(
    "--tokenizer",
    metavar="NAME[@VERSION]",
    default="my-tokenizer",
    show_default=True,
    help="The mixture's tokenizer.",
)
@click.option(
    "--budget",
    metavar="TOKENS",
    help="Length of the training, as in 100B. Makes a blend by repeats one by weights.",
)
@click.option("--force", is_flag=True, help="Write over an existing FILE.")
def init(
    file: str,
    blend: str | None,
    pairs: tuple[str, ...],
    partial: bool,
    name: str | None,
    tokenizer: str,
    budget: str | None,
    force: bool,
) -> None:
    """Write a commented mixture to FILE to start from; `-` prints it."""
    from curation.base.errors import Conflict, NotFound, UsageError
    from curation.base.store import write_atomic
    from mixtures.starter import schema_line, starter, starter_from_blend

    target = Path("mixture.yaml" if file == "-" else file)
    check_together(needs={"pairs": "blend", "partial": "blend"})
    if force and file == "-":
        raise UsageError("--force and `-` do not go together: nothing is written over")
    line = schema_line(target)
    if blend is None:
        text = starter(name=name or named_after(target), tokenizer=tokenizer, budget=budget)
    else:
        text = starter_from_blend(
            blend,
            dict(pair(text) for text in pairs),
            tokenizer=tokenizer,
            name=name,
            budget=budget,
            partial=partial,
        )
    if file == "-":
        click.echo(line + text, nl=False)
        return
    if target.exists() and not force:
        raise Conflict(f"{file} exists; --force writes over it")
    if not target.parent.is_dir():
        raise NotFound(f"there is no folder {target.parent}")
    write_atomic(target, (line + text).encode())
    click.echo(f"{file}: edit it, then `awase mixture check {file}`")


def pair(text: str) -> tuple[str, str]:
    """`ja.cc=web-ja` as ("ja.cc", "web-ja")."""
    from curation.base.errors import UsageError

    path, equals, dataset = text.partition("=")
    if not (path and equals and dataset):
        raise UsageError(f"--map {text!r}: expected PATH=DATASET, such as ja.cc=web-ja")
    return path, dataset


def named_after(path: Path) -> str:
    """A mixture's name from its file's."""
    from curation.base.names import NAME

    name = path.stem.lower().replace(" ", "-")
    return name if NAME.fullmatch(name) else "my-mixture"


@click.command()
@click.argument("name", required=False)
@json_option
def blends(name: str | None, as_json: bool) -> None:
    """List the blends that awase ships, or the sources of blend NAME."""
    from mixtures.blends import blends as all_blends
    from mixtures.blends import document_of, load_blend
    from mixtures.quantities import show_share, show_tokens

    if name is None:
        found = all_blends()
        if as_json:
            print_json([document_of(blend) for blend in found])
            return
        rows = [
            (
                blend.name,
                show_tokens(blend.total_tokens),
                ", ".join(f"{k} {show_share(v)}" for k, v in blend.languages().items()),
                sum(1 for _ in blend.root.walk()),
                blend.evidence,
                blend.source,
            )
            for blend in found
        ]
        print_table(
            ("blend", "tokens", "languages", "sources", "evidence", "source"),
            rows,
            right=("tokens", "sources"),
        )
        return
    blend = load_blend(name)
    if as_json:
        print_json(document_of(blend))
        return
    share = blend.shares()
    click.echo(f"{blend.name}: {blend.description}")
    click.echo(f"evidence {blend.evidence}: {blend.source}")
    if blend.accuracy:
        click.echo(f"accuracy: {blend.accuracy}")
    print_table(
        ("source", "language", f"tokens ({blend.counts})", "repeat", "share"),
        [
            (
                source.path,
                blend.published[source.path].language,
                show_tokens(blend.published[source.path].tokens or 0)
                if blend.published[source.path].tokens
                else "?",
                "" if source.repeat is None else f"{float(source.repeat):g}",
                show_share(share[source.path]) if source.path in share else "by size",
            )
            for source in blend.root.walk()
        ],
        right=(f"tokens ({blend.counts})", "repeat", "share"),
    )


@click.command()
def schema() -> None:
    """Print the JSON Schema of mixtures, for editors."""
    from mixtures.json_schema import mixture_schema

    print_json(mixture_schema())
