"""What a report and `--explain` say beside the numbers of the step `decontaminate`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NOTED = ("set", "item", "start", "length")  # the statistics that `note` reads


def note(scores: Mapping[str, Any], step: str) -> str:
    """Which item a document holds, and where; `scores` under their full names. Empty: none."""
    name, item, start, length = (scores[f"{step}.{statistic}"] for statistic in NOTED)
    if name is None:
        return ""
    return f"{name} item {item}, characters {start:,} to {start + length:,}"
