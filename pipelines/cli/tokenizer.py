"""`awase tokenizer`: train one, add one from a file, list what the store has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipelines.cli.common import (
    Group,
    json_option,
    open_catalog,
    open_store,
    print_json,
    print_table,
    say,
    short,
)


@click.group(cls=Group)
def command() -> None:
    """Train, add and list tokenizers."""


@command.command()
@click.argument("name")
@click.argument("datasets", nargs=-1, required=True, metavar="DATASET...")
@click.option(
    "--vocabulary",
    type=click.IntRange(300, 1_000_000),
    default=32_000,
    show_default=True,
    help="Pieces, bytes and special ones included.",
)
@click.option(
    "--megabytes",
    type=click.IntRange(1, 10_000),
    default=100,
    show_default=True,
    help="Text to train on at most, an equal share of each dataset.",
)
@json_option
def train(
    name: str, datasets: tuple[str, ...], vocabulary: int, megabytes: int, as_json: bool
) -> None:
    """Train a SentencePiece unigram model NAME on dataset versions.

    Identity normalisation, byte fallback, digits split, white space kept: any text comes back as
    it was. Evenly spaced lines of each dataset are used.
    """
    from curation.base.names import check_name
    from pipelines.train_tokenizer import Training, train_on_versions

    check_name(name, what="tokenizer")  # before the training, which takes a while
    options = Training(vocabulary=vocabulary, max_bytes=megabytes * 1_000_000)
    with open_catalog() as catalog:
        versions = [catalog.dataset(reference) for reference in datasets]
        say(f"training {vocabulary:,} pieces on at most {megabytes} MB of lines")
        document = train_on_versions(
            open_store(), [version.manifest for version in versions], options
        )
        version = catalog.register_tokenizer(name, document["digest"], document)
    _show(f"{version.name}@{version.number}", document, as_json)


@command.command()
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--bos", help="Piece to use as BOS, for a tokenizer.json that adds none.")
@click.option("--eos", help="Piece to use as EOS, for a tokenizer.json that adds none.")
@click.option("--pad", help="Piece to pad with, for a tokenizer.json.")
@json_option
def add(
    name: str, file: Path, bos: str | None, eos: str | None, pad: str | None, as_json: bool
) -> None:
    """Add a SentencePiece model or a Hugging Face tokenizer.json as NAME."""
    from curation.base.names import check_name
    from pipelines.tokenizers import read_tokenizer

    check_name(name, what="tokenizer")
    roles = {"bos": bos, "eos": eos, "pad": pad}
    tokenizer = read_tokenizer(
        file, pieces={role: piece for role, piece in roles.items() if piece is not None}
    )
    with open_catalog() as catalog:
        document = tokenizer.save(open_store())
        version = catalog.register_tokenizer(name, tokenizer.digest, document)
    _show(f"{version.name}@{version.number}", document, as_json)


@command.command("ls")
@json_option
def list_tokenizers(as_json: bool) -> None:
    """List the newest version of each tokenizer."""
    with open_catalog() as catalog:
        versions = catalog.tokenizers()
    if as_json:
        print_json(
            [
                {"name": version.name, "version": version.number, **version.document}
                for version in versions
            ]
        )
        return
    print_table(
        ["tokenizer", "kind", "pieces", "digest"],
        [
            [
                f"{version.name}@{version.number}",
                version.document["kind"],
                f"{version.document['vocabulary']:,}",
                short(version.digest),
            ]
            for version in versions
        ],
        right=["pieces"],
        empty="no tokenizers yet: `awase tokenizer train` makes one",
    )


def _show(reference: str, document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json({"reference": reference, **document})
        return
    click.echo(f"{reference}  {document['vocabulary']:,} pieces  {short(document['digest'])}")
