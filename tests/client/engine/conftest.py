"""Plans made of plain arguments, as the bytes of a plan.json."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from awase_client.engine.plan import Plan
from curation.base.digest import canonical


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def plan_document(
    stages: list[list[int]],
    *,
    sequences: list[int] | None = None,
    tree: list[Any] | None = None,
    seed: int = 1,
    **other: Any,
) -> dict[str, Any]:
    """A plan whose stages run to their ends; `sequences` defaults to 1,000 a source."""
    count = len(stages[0])
    until, rows = 0, []
    for counts in stages:
        until += sum(counts)
        rows.append({"until": until, "tree": 0, "counts": counts})
    return {
        "version": 1,
        "kind": "plan",
        "seed": seed,
        "sequence_length": 16,
        "width": 16,
        "dtype": "uint16",
        "pad": 0,
        "packing": "concat",
        "labels": "shift",
        "loss": "all",
        "separators": {"bos": False, "eos": True},
        "tokenizer": digest("tokenizer"),
        "sources": [
            {
                "path": f"s{i}",
                "dataset": f"d{i}",
                "version": digest(f"version {i}"),
                "text_digest": digest(f"text {i}"),
                "view": digest(f"view {i}"),
                "sequences": sequences[i] if sequences else 1000,
                "holdout_sequences": 0,
                "licenses": ["Apache-2.0"],
                "terms": [],
            }
            for i in range(count)
        ],
        "trees": [tree if tree is not None else list(range(count))],
        "stages": rows,
        "omit": [],
        "parent": None,
        "from": 0,
        "restart": [],
    } | other


@pytest.fixture
def document() -> Callable[..., dict[str, Any]]:
    return plan_document


@pytest.fixture
def plan() -> Callable[..., Plan]:
    """plan(stages, sequences=..., tree=..., seed=..., any field of plan.json) -> Plan"""
    return lambda *args, **kwargs: Plan.from_bytes(canonical(plan_document(*args, **kwargs)))
