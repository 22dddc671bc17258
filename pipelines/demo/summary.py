"""The end of the demo: what went in, what came out, where it lies, what to try next."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from pipelines.demo.run import Outcome


def document(outcome: Outcome) -> dict[str, Any]:
    """The summary as JSON; shares are of the sequences that the ranks received."""
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for version in outcome.versions:
        counts.update(version.counts)
        reasons.update(version.reasons)
    received = outcome.received
    return {
        "documents": dict(counts),
        "dropped_by_first_reason": dict(reasons.most_common()),
        "datasets": [version.reference for version in outcome.versions],
        "tokens": outcome.tokens,
        "plan": outcome.plan.digest,
        "sequences_received": received.position,
        "shares_received": {
            source.path: received.by_source.get(number, 0) / max(1, received.position)
            for number, source in enumerate(outcome.plan.sources)
        },
        "stream_sha256": outcome.digest,
        "losses": {
            name: {"bigram": bigram, "unigram": unigram}
            for name, (bigram, unigram) in outcome.losses.items()
        },
        "report": str(outcome.report),
        "folder": str(outcome.folder),
    }


def command_name() -> str:
    """How this process was called, where it is awase that was: `.venv/bin/awase` off the PATH."""
    called = sys.argv[0]
    return called if Path(called).name == "awase" and shutil.which("awase") is None else "awase"


def lines(outcome: Outcome) -> list[str]:
    """The summary for a person."""
    facts = document(outcome)
    counts = facts["documents"]
    reasons = ", ".join(
        f"{reason} {number:,}" for reason, number in facts["dropped_by_first_reason"].items()
    )
    shares = ", ".join(f"{path} {share:.2%}" for path, share in facts["shares_received"].items())
    losses = outcome.losses["trained"]
    store = outcome.folder / "store"
    awase = f"{shlex.quote(command_name())} --store {shlex.quote(str(store))}"
    return [
        f"documents   {counts['in']:,} in, {counts['kept']:,} kept, {counts['dropped']:,} dropped",
        f"dropped     {reasons or 'none'}",
        "tokens      " + ", ".join(f"{name} {number:,}" for name, number in outcome.tokens.items()),
        f"received    {outcome.received.position:,} sequences: {shares}",
        f"hold-out    {losses[0]:.3f} nats a token, unigram {losses[1]:.3f}",
        f"stream      sha256 {outcome.digest}, the same killed and resumed as in one go",
        f"report      {outcome.report}",
        f"store       {store}",
        f"plan        {outcome.plan.digest}",
        "",
        "Try next:",
        f"  {awase} mixture plan ja-en-demo --what-if weights.ja=0.9",
        f"  {awase} stream {outcome.plan.digest[7:19]} --position 100 --count 1 --format text",
        f"  {awase} lineage {outcome.plan.digest[7:19]}",
        f"  {awase} serve      # then open the page it names",
    ]
