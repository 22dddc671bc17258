"""What `awase dataset show` says of a version's token sets: tokens per character and per byte."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from curation.shards.token_stats import read_token_stats, tokens_by
from mixtures.catalog import Catalog, DatasetVersion


def token_sizes(catalog: Catalog, version: DatasetVersion) -> list[dict[str, Any]]:
    """Each token set of a version in numbers; by language where its statistics are there."""
    found = []
    for item in catalog.token_sets(version.text_digest):
        digest = item.tokenizer_digest
        table = read_token_stats(catalog.store, version.manifest, digest)
        known = table is not None and "language" in table.column_names
        found.append(
            {
                "tokenizer": catalog.name_of("tokenizer", digest) or digest,
                **_sizes(item.tokens, item.characters, item.bytes),
                "languages": [
                    {"language": language, **_sizes(*counts)}
                    for language, *counts in (tokens_by(table, "language") if known else ())
                ],
            }
        )
    return found


def token_lines(sizes: Sequence[dict[str, Any]]) -> Iterator[str]:
    """The same for people."""
    for item in sizes:
        yield f"  {'tokens':<14}{item['tokens']:,} under {item['tokenizer']}{_a_unit(item)}"
        for part in item["languages"]:
            yield f"    {part['tokens']:>12,}  {part['language'] or 'no language'}{_a_unit(part)}"


def _sizes(tokens: int, characters: int, size: int) -> dict[str, Any]:
    return {
        "tokens": tokens,
        "tokens_per_character": tokens / characters if characters else None,
        "tokens_per_byte": tokens / size if size else None,
    }


def _a_unit(item: dict[str, Any]) -> str:
    if item["tokens_per_character"] is None:
        return ""
    return f", {item['tokens_per_character']:.3f} a character, {item['tokens_per_byte']:.3f} a byte"
