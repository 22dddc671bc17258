"""`awase stream`: tokens of a plan, from the store or from servers."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, BinaryIO

import click

from pipelines.cli.common import json_option, open_catalog, open_store, print_json, say
from pipelines.cli.options import check_together

if TYPE_CHECKING:
    from awase_client import Batch, TokenStream
    from awase_client.engine.views import Split

APART = {
    "as_digest": "form",
    "documents": "urls form as_digest find",
    "find": "urls form as_digest position count rank world",
}
KEY_VARIABLE = "AWASE_KEY"
MAX_COUNT = 1 << 48  # sequences that a plan can have


@click.command()
@click.argument("plan")
@click.option("--position", type=click.IntRange(min=0), default=0, help="The cursor to start at.")
@click.option(
    "--count",
    type=click.IntRange(0, MAX_COUNT),
    help="Sequences for this rank. Default: 1 as text, else all that are left.",
)
@click.option(
    "--rank",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Which rank of --world to read as.",
)
@click.option(
    "--world", type=click.IntRange(min=1), default=1, show_default=True, help="How many ranks."
)
@click.option(
    "--url",
    "urls",
    multiple=True,
    metavar="URL",
    help=f"Read from this server, not the store; several for replicas. Its key: {KEY_VARIABLE}.",
)
@click.option(
    "--split",
    type=click.Choice(["train", "holdout"]),
    default="train",
    show_default=True,
    help="Training data, or what `holdout` kept out of it.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "npy", "raw"]),
    help="Decoded text, one numpy array [count, width], or little-endian tokens. Default: text.",
)
@click.option("--digest", "as_digest", is_flag=True, help="Print the SHA-256 of the tokens alone.")
@click.option("--documents", is_flag=True, help="Print what documents the sequences hold.")
@click.option(
    "--find",
    nargs=2,
    metavar="SOURCE ID",
    help="Print every position that holds the document ID of SOURCE (a dotted path).",
)
@json_option
def command(
    plan: str,
    position: int,
    count: int | None,
    rank: int,
    world: int,
    urls: tuple[str, ...],
    split: Split,
    form: str | None,
    as_digest: bool,
    documents: bool,
    find: tuple[str, str] | None,
    as_json: bool,
) -> None:
    """Read a plan's tokens from the store or a server.

    PLAN is a digest; the first digits of one do for a plan of this store. run:NAME is the plan at
    the head of a run, read without a lease. Rank R of W at position P receives P + R, P + R + W,
    ... as a trainer would with a batch of one.
    """
    import os

    from awase_client import Cursor, TokenStream
    from pipelines.remote import OPTIONS

    check_together(apart=APART)
    if as_json and form in ("npy", "raw"):
        raise click.UsageError(f"--json and --format {form} do not go together")
    if rank >= world:
        raise click.UsageError(f"--rank {rank} with --world {world}: ranks count from 0")
    store = open_store()
    if documents or find:
        plan = _digest(plan, (), key=None)
        from pipelines.cli.stream_inspect import print_documents, print_positions

        if find:
            print_positions(store, plan, find, split=split, as_json=as_json)
        else:
            numbers = range(position + rank, position + rank + world * (count or 1), world)
            print_documents(store, plan, numbers, split=split, as_json=as_json)
        return
    key = os.environ.get(KEY_VARIABLE)
    plan = _digest(plan, urls, key=key)
    with TokenStream(
        list(urls) or store.root,
        plan,
        rank=rank,
        world=world,
        split=split,
        key=key,
        options=OPTIONS,
    ) as stream:
        stream.load_state_dict(Cursor(stream.plan, position))
        if position >= stream.total:
            say(f"nothing is left at position {position:,}: {split} ends at {stream.total:,}")
        if count is None and not as_digest and form in (None, "text"):
            count = 1
        batches = islice(stream, count)
        if as_digest:
            _print_digest(stream, batches, position=position, as_json=as_json)
        elif form == "raw":
            _write_raw(batches, sys.stdout.buffer)
        elif form == "npy":
            _write_npy(stream, batches, count, sys.stdout.buffer)
        else:
            _print_text(stream.plan, batches, urls, key=key, as_json=as_json)


def _print_digest(
    stream: TokenStream, batches: Iterator[Batch], *, position: int, as_json: bool
) -> None:
    digest, sequences, tokens = hashlib.sha256(), 0, 0
    for batch in batches:
        digest.update(batch.input_ids.data)
        sequences += batch.input_ids.shape[0]
        tokens += batch.input_ids.size
    value = f"sha256:{digest.hexdigest()}"
    if as_json:
        print_json(
            {
                "plan": stream.plan,
                "position": position,
                "sequences": sequences,
                "tokens": tokens,
                "digest": value,
            }
        )
    else:
        click.echo(value)


def _write_raw(batches: Iterator[Batch], out: BinaryIO) -> None:
    for batch in batches:
        out.write(batch.input_ids.data)
    out.flush()


def _write_npy(
    stream: TokenStream, batches: Iterator[Batch], count: int | None, out: BinaryIO
) -> None:
    """One array without holding it: the header first, then the rows as they come."""
    import numpy as np

    left = max(0, stream.total - stream.cursor.position) // stream.world
    rows = left if count is None else min(count, left)
    first = next(batches, None)
    if first is None:
        np.lib.format.write_array(out, np.empty((0, 0), np.uint16))
        return
    header = {
        "descr": np.lib.format.dtype_to_descr(first.input_ids.dtype),
        "fortran_order": False,
        "shape": (rows, first.input_ids.shape[1]),
    }
    np.lib.format.write_array_header_1_0(out, header)
    out.write(first.input_ids.data)
    _write_raw(batches, out)


def _digest(plan: str, urls: Sequence[str], *, key: str | None) -> str:
    """The digest of a plan given as such, by its first digits, or by the run it is the head of."""
    from awase_client.run import PREFIX

    run = plan.removeprefix(PREFIX) if plan.startswith(PREFIX) else None
    if urls and run is not None:
        from pipelines.remote import Remote

        with Remote(urls, key=key) as remote:
            return remote.head(run)
    if urls and len(plan.removeprefix("sha256:")) == 64:
        return plan if plan.startswith("sha256:") else f"sha256:{plan}"
    with open_catalog() as catalog:
        if run is not None:
            from mixtures.runs import Runs

            return Runs(catalog).get(run).head
        return catalog.plan(plan).digest


def _print_text(
    plan: str, batches: Iterator[Batch], urls: Sequence[str], *, key: str | None, as_json: bool
) -> None:
    decode, sources = _decoder(plan, urls, key=key)
    shown = (
        {
            "position": int(batch.positions[0]),
            "source": sources[int(batch.sources[0])] if batch.sources is not None else "?",
            "text": decode(batch.input_ids[0].tolist()),
        }
        for batch in batches
    )
    if as_json:
        print_json(list(shown))
        return
    for item in shown:
        click.echo(f"# position {item['position']}, source {item['source']}\n{item['text']}\n")


def _decoder(
    digest: str, urls: Sequence[str], *, key: str | None
) -> tuple[Callable[[list[int]], str], list[str]]:
    """How to turn ids of this plan into text, and its sources' paths; from where the ids come."""
    from awase_client.engine.documents import plan_bytes
    from awase_client.engine.plan import Plan
    from pipelines.tokenizers import open_tokenizer

    if urls:
        from pipelines.remote import Remote

        with Remote(urls, key=key) as remote:
            plan = remote.plan(digest)
            tokenizer = remote.tokenizer(plan.tokenizer)
    else:
        store = open_store()
        plan = Plan.from_bytes(plan_bytes(store.root, digest))
        tokenizer = open_tokenizer(store, plan.tokenizer)
    return tokenizer.decode, [source.path for source in plan.sources]
