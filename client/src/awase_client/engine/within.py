"""What can be asked of a plan: sections beside tokens, sequences before the end."""

from __future__ import annotations

from awase_client.engine.plan import Plan


def sections(plan: Plan) -> tuple[str, ...]:
    """In the order of frames; the loss mask only where not every token counts."""
    always = ("sources", "cu_seqlens")
    return always if plan.loss == "all" else (*always, "loss_mask")


def remaining(total: int, first: int, stride: int) -> int:
    """How many of first, first + stride, ... lie before `total`."""
    return max(0, -(-(total - first) // stride))
