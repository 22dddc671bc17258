"""`make bench-plan`: what it costs to plan, and to ask a plan where a position comes from.

views-10m           1,000 sources and 10 M documents, `where` and hold-out on: everything a first
                    plan builds, on 2 cores; and the same in documents a second
plan-1000-sources   the same mixture with its views there: a new process, imports excluded
plan-load           plan.json of 1,000 sources and 64 random positions: a new process
order-3, -1000      ns a position of a contiguous range: source, epoch and sequence
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from awase_client.engine.order import Order
from awase_client.engine.plan import Plan
from benchmarks._stream_data import WIDE_ROWS, WIDE_SOURCES, wide_requests
from benchmarks._table import RUNS, Measured, Table, chosen, measure
from benchmarks._tokenstore import LENGTH, TOKENIZER, folder_of
from curation.base.digest import canonical, digest_of
from curation.base.store import Store, write_atomic
from mixtures.catalog import Catalog

# What a plan adds to a store; everything else is its input.
OUTPUTS = ("views", "selections", "holdouts", "tallies", "plans", "refs/_plans")

PLAN = """
import json, resource, sys, time
from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.plan import make_plan
from mixtures.spec import read_mixture
import mixtures.license_tally, mixtures.views.kernels

started, used = time.perf_counter(), time.process_time()
store = Store(sys.argv[1])
with Catalog.open(store) as catalog:
    plan = make_plan(read_mixture(open(sys.argv[2]).read()), catalog, store, workers=2)
seconds, cpu = time.perf_counter() - started, time.process_time() - used
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
found = {"seconds": seconds, "cpu": cpu, "MiB": peak, "plan": plan.digest, "total": plan.total}
print(json.dumps(found))
"""
LOAD = """
import json, sys, time
import numpy as np
from awase_client.engine.order import Order
from awase_client.engine.plan import Plan

data = open(sys.argv[1], "rb").read()
random = np.random.default_rng(int(sys.argv[2]))
started, used = time.perf_counter(), time.process_time()
order = Order(Plan.from_bytes(data))
order.locate(random.integers(0, order.total, 64))
seconds, cpu = time.perf_counter() - started, time.process_time() - used
print(json.dumps({"ms": 1e3 * seconds, "cpu": 1e3 * cpu}))
"""


def new_process(code: str, *arguments: str) -> dict[str, Any]:
    """The JSON that a script prints, run by a Python of its own."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def inputs() -> tuple[Path, Path]:
    """(store, mixture file) with token sets of 1,000 registered datasets; made once and kept."""
    folder = folder_of("plan")
    root, mixture = folder / "store", folder / "mixture.yaml"
    if not mixture.exists():
        print(f"writing {WIDE_SOURCES} token sets of {WIDE_ROWS} documents (once)", flush=True)
        store = Store(root)
        requests = wide_requests(store)
        with Catalog.open(store) as catalog:
            catalog.register_tokenizer("bench", TOKENIZER, {"kind": "none"})
            for request in requests:
                manifest = request.dataset.manifest
                catalog.register_dataset(manifest.name, manifest)
        lines = [
            "version: 1",
            "name: wide",
            "tokenizer: bench",
            f"sequence_length: {LENGTH}",
            "seed: 1",
            "budget: 1T",
            "holdout: 0.001",
            "sources:",
        ]
        lines += [
            f"  {request.path}: {{dataset: {request.dataset.manifest.name}, "
            f"weight: {1 / (k + 1):.9f}, where: 'score >= 0.1'}}"
            for k, request in enumerate(requests)
        ]
        write_atomic(mixture, ("\n".join(lines) + "\n").encode())
    return root, mixture


def plans(table: Table) -> None:
    root, mixture = inputs()
    for name in OUTPUTS:
        shutil.rmtree(root / name, ignore_errors=True)
    with Catalog.open(Store(root)) as catalog:
        catalog.rebuild()
    documents = WIDE_SOURCES * WIDE_ROWS
    first = new_process(PLAN, str(root), str(mixture))
    note = f"{documents:,} documents, where and hold-out on; one run, nothing built before"
    table.add("views-10m", "s", first["seconds"], target="< 60", notes=note)
    table.add("views-10m", "CPU s", first["cpu"])
    table.add("views-10m", "documents/s", documents / first["seconds"])
    table.add("views-10m", "MiB peak", first["MiB"])
    again = [new_process(PLAN, str(root), str(mixture)) for _ in range(RUNS)]
    assert {run["plan"] for run in again} == {first["plan"]}
    case, note = "plan-1000-sources", f"{first['total']:,} sequences; new process, no imports"
    seconds = Measured(tuple(run["seconds"] for run in again))
    table.add(case, "s", seconds, target="< 2", notes=note)
    table.add(case, "CPU s", Measured(tuple(run["cpu"] for run in again)))
    table.add(case, "MiB peak", Measured(tuple(run["MiB"] for run in again)), target="< 500")
    path = Store(root).plan_path(first["plan"])
    runs = [new_process(LOAD, str(path), str(seed)) for seed in range(RUNS)]
    size = f"{path.stat().st_size:,} bytes of plan.json, 64 random positions; new process"
    table.add(
        "plan-load", "ms", Measured(tuple(run["ms"] for run in runs)), target="<= 15", notes=size
    )
    table.add("plan-load", "CPU ms", Measured(tuple(run["cpu"] for run in runs)))


def order(table: Table) -> None:
    for count, counts in (
        (3, [7 * 10**8, 2 * 10**8, 10**8]),
        (1000, [10**10 // (k + 1) for k in range(1000)]),
    ):
        plan = plan_of(counts)
        for numba, metric in ((True, "ns/position"), (False, "ns, no numba")):
            asked, resolver = 65_536, Order(plan, numba=numba)
            positions = np.arange(asked) + plan.total // 2
            resolver.locate(positions)
            found = measure(partial(resolver.locate, positions), work=asked, runs=15)
            each = Measured(tuple(1e9 / value for value in found.values))
            table.add(
                f"order-{count}",
                metric,
                each,
                target="<= 100" if numba and count == 3 else "",
                notes="contiguous range of 65,536, source, epoch and sequence",
            )


def plan_of(counts: list[int]) -> Plan:
    """A plan of one stage whose views do not exist; the order does not look at them."""
    digest = digest_of("none")
    document = {
        "version": 1,
        "kind": "plan",
        "seed": 1,
        "sequence_length": LENGTH,
        "width": LENGTH,
        "dtype": "uint16",
        "pad": 0,
        "packing": "concat",
        "labels": "shift",
        "loss": "all",
        "separators": {"bos": False, "eos": True},
        "tokenizer": digest,
        "sources": [
            {
                "path": f"s{k}",
                "dataset": "none",
                "version": digest,
                "text_digest": digest,
                "view": digest,
                "sequences": 10**7 + k,
                "holdout_sequences": 0,
                "licenses": [],
                "terms": [],
            }
            for k in range(len(counts))
        ],
        "trees": [list(range(len(counts)))],
        "stages": [{"until": sum(counts), "tree": 0, "counts": counts}],
        "omit": [],
        "parent": None,
        "from": 0,
        "restart": [],
    }
    return Plan.from_bytes(canonical(document))


CASES: dict[str, Callable[[Table], None]] = {"order": order, "plans": plans}


def main(names: list[str]) -> None:
    cases = chosen(names, CASES)
    table = Table("plan")
    started = time.perf_counter()
    for case in cases:
        CASES[case](table)
    table.finish()
    print(f"{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main(sys.argv[1:])
