"""Rows of a benchmark: measured, printed as a table, written as JSON Lines.

    table = Table("curation")                     # benchmarks/results/curation.jsonl
    mine = measure(lambda: run(batch), work=megabytes)
    theirs = measure(lambda: their_run(docs), work=megabytes)
    table.add("en-rules-rerun", "MB/s", mine, peer="datatrove", peer_value=theirs, differences=0)
    table.finish()

A row of the file is {"case", "metric", "awase", "awase_range", "peer", "peer_value", "ratio",
"differences"}; null where there is no peer. Cases measured earlier under the same name stay in the
file, so that a benchmark can be run case by case.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"
RUNS = 5


@dataclass(frozen=True, slots=True)
class Measured:
    """Values of the runs of one case, in the metric's unit."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def range(self) -> list[float]:
        return [_short(min(self.values)), _short(max(self.values))]


def measure(
    run: Callable[[], object],
    *,
    work: float,
    runs: int = RUNS,
    before: Callable[[], object] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> Measured:
    """work / seconds of each of `runs` calls of `run`; `before` runs untimed ahead of each.

    With `clock=time.process_time` seconds are those of this process on its core: for code of one
    thread that neither reads nor waits, where other programs take a share of the machine.
    """
    values = []
    for _ in range(runs):
        if before is not None:
            before()
        started = clock()
        run()
        values.append(work / (clock() - started))
    return Measured(tuple(values))


def measure_pair(
    mine: Callable[[], object], peer: Callable[[], object], *, work: float, runs: int = RUNS
) -> tuple[Measured, Measured]:
    """Both sides in turn, so that a busy machine slows both: (mine, peer)."""
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(runs):
        ours += measure(mine, work=work, runs=1).values
        theirs += measure(peer, work=work, runs=1).values
    return Measured(tuple(ours)), Measured(tuple(theirs))


def chosen(asked: Sequence[str], cases: Collection[str]) -> list[str]:
    """The cases that begin with a name that was asked for, all where none was.

    Ends the process with exit code 2 where a name begins no case.
    """
    for name in asked:
        if not any(case.startswith(name) for case in cases):
            print(f"no case {name!r}: there are {', '.join(cases)}", file=sys.stderr)
            sys.exit(2)
    return [case for case in cases if not asked or case.startswith(tuple(asked))]


class Table:
    """The cases of one benchmark; `finish` writes the file and prints the table."""

    def __init__(self, name: str, *, folder: Path = RESULTS) -> None:
        self.path = folder / f"{name}.jsonl"
        self.rows: dict[tuple[str, str], dict[str, Any]] = {}
        self.targets: dict[tuple[str, str], str] = {}
        self.fresh: set[tuple[str, str]] = set()
        if self.path.exists():
            for line in self.path.read_text(encoding="utf-8").splitlines():
                row = json.loads(line)
                self.rows[row["case"], row["metric"]] = row

    def add(
        self,
        case: str,
        metric: str,
        awase: Measured | float,
        *,
        peer: str | None = None,
        peer_value: Measured | float | None = None,
        differences: int | None = None,
        target: str = "",
        notes: str = "",
    ) -> dict[str, Any]:
        """Add a row; the ratio is awase / peer, both in the metric's unit."""
        mine = awase if isinstance(awase, Measured) else Measured((awase,))
        other = peer_value.median if isinstance(peer_value, Measured) else peer_value
        row = {
            "case": case,
            "metric": metric,
            "awase": _short(mine.median),
            "awase_range": mine.range,
            "peer": peer,
            "peer_value": None if other is None else _short(other),
            "ratio": None if not other else _short(mine.median / other),
            "differences": differences,
        }
        if notes:
            row["notes"] = notes
        key = (case, metric)
        self.rows[key] = row
        self.targets[key] = target
        self.fresh.add(key)
        print(_line(row, target), flush=True)
        self._write()
        return row

    def finish(self) -> None:
        """Print all rows, those of earlier runs marked with `(earlier)`.

        What an earlier run measured of a case, and this one did not, is measured no more.
        """
        again = {case for case, _ in self.fresh}
        self.rows = {k: row for k, row in self.rows.items() if k in self.fresh or k[0] not in again}
        self._write()
        print()
        print(_HEAD)
        print("-" * len(_HEAD))
        for key, row in self.rows.items():
            earlier = "" if key in self.fresh else "(earlier)"
            print(_line(row, self.targets.get(key, "") or earlier))

    def _write(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps(row, ensure_ascii=False) for row in self.rows.values()]
        self.path.write_text("\n".join(lines) + "\n", encoding="utf-8")


_HEAD = (
    f"{'case':24} {'metric':16} {'awase':>10} {'(range)':>17} "
    f"{'peer':>22} {'ratio':>8} {'differ':>7}  target"
)


def _line(row: dict[str, Any], target: str) -> str:
    low, high = row["awase_range"]
    peer = "-" if row["peer"] is None else f"{row['peer']} {_show(row['peer_value'])}"
    ratio = "-" if row["ratio"] is None else f"{_show(row['ratio'])}x"
    differences = "-" if row["differences"] is None else str(row["differences"])
    spread = f"{_show(low)}..{_show(high)}"
    notes = f"  {row['notes']}" if row.get("notes") else ""
    return (
        f"{row['case']:24} {row['metric']:16} {_show(row['awase']):>10} {spread:>17} "
        f"{peer:>22} {ratio:>8} {differences:>7}  {target}{notes}"
    )


def _short(value: float) -> float:
    """Four significant digits: more would pretend to be measured."""
    return float(f"{value:.4g}")


def _show(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def texts_of(path: Path, *, megabytes: float | None = None) -> Sequence[str]:
    """The texts of a .jsonl.zst file, at most so many MB of UTF-8."""
    import io

    import zstandard

    texts, size = [], 0
    with path.open("rb") as raw, zstandard.ZstdDecompressor().stream_reader(raw) as stream:
        for line in io.TextIOWrapper(stream, encoding="utf-8"):
            text = json.loads(line)["text"]
            size += len(text.encode())
            texts.append(text)
            if megabytes is not None and size >= megabytes * 1e6:
                break
    return texts
