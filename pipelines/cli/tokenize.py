"""`awase tokenize`: a dataset version becomes a token set."""

from __future__ import annotations

from pathlib import Path

import click

from pipelines.cli.common import (
    json_option,
    open_catalog,
    open_store,
    print_json,
    progress_bar,
    say,
    short,
    workers_option,
)


@click.command()
@click.argument("dataset", metavar="DATASET[@VERSION]")
@click.option(
    "--tokenizer",
    "tokenizer_reference",
    required=True,
    metavar="NAME[@VERSION]",
    help="Whose tokens; `awase tokenizer ls` lists them.",
)
@click.option(
    "--megatron",
    type=click.Path(path_type=Path),
    metavar="PREFIX",
    help="Also write PREFIX.bin and PREFIX.idx for Megatron-LM, each document ending in eos.",
)
@workers_option
@json_option
def command(
    dataset: str, tokenizer_reference: str, megatron: Path | None, workers: int, as_json: bool
) -> None:
    """Turn a dataset version into a token set.

    A set that is there already is not made again; an interrupted run goes on where it stopped.
    """
    from pipelines.tokenize import tokenize
    from pipelines.tokenizers import open_tokenizer

    store = open_store()
    with open_catalog() as catalog:
        version = catalog.dataset(dataset)
        tokenizer = open_tokenizer(store, catalog.tokenizer(tokenizer_reference).digest)
        with progress_bar(f"tokenizing {version.name}") as progress:
            tokens = tokenize(
                store, version.manifest, tokenizer, workers=workers, progress=progress
            )
        catalog.register_token_set(tokens.text_digest, tokens.tokenizer_digest)
    if megatron is not None:
        from curation.shards.megatron import export

        for path in export(store, tokens, megatron):
            say(f"wrote {path}")
    if as_json:
        print_json(tokens.to_document())
        return
    per_token = tokens.characters / tokens.tokens if tokens.tokens else 0.0
    click.echo(
        f"{version.name}@{version.number}: {tokens.documents:,} documents, {tokens.tokens:,} "
        f"tokens ({per_token:.2f} characters a token) under {short(tokenizer.digest)}"
    )
