"""Bring a plan to its versions, phase by phase: score, write, commit, report.

Each phase hands the tasks that lack a commit record to an executor. What was done before, here or
elsewhere, is not done again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from curation.base.store import Store, to_json, write_atomic
from curation.decide import decide
from curation.output import Output, Range, ranges
from curation.plan import DatasetPlan, RunPlan
from curation.run import check_bad_records
from pipelines.commit import Committed, commit

if TYPE_CHECKING:
    from pipelines.executors import Executor

POLL_SECONDS = 0.2
Progress = Callable[[str, int, int], None]  # (phase, done, total)


def local(workers: int) -> Executor:
    from pipelines.executors import Local

    return Local(workers)


def execute(plan: RunPlan, executor: Executor, *, progress: Progress | None = None) -> None:
    """Bring all layers and files of a run into the store's work folder."""
    from pipelines.executors import Job
    from pipelines.phases import write_pipeline

    score(plan, executor, range(len(plan.tasks)), progress)
    check_bad_records(plan)
    outputs = outputs_of(plan)
    waiting = [item for item in outputs if Output(plan, *item).record() is None]
    if waiting:
        numbered = [(dataset.index, part) for dataset, part in waiting]

        def written() -> int:
            return sum(Output(plan, *item).record_path.exists() for item in outputs)

        job = Job(
            plan,
            "write",
            write_pipeline(plan, numbered),
            len(waiting),
            lambda: written() == len(outputs),
        )
        with _watched("write", len(outputs), written, progress):
            executor.run(job)


def score(plan: RunPlan, executor: Executor, share: range, progress: Progress | None) -> None:
    from pipelines.executors import Job
    from pipelines.phases import score_pipeline

    waiting: Sequence[int] = share

    def scored() -> int:
        nonlocal waiting  # asked often, and a task that is done stays done
        waiting = [task for task in waiting if plan.unfinished(task)]
        return len(share) - len(waiting)

    if scored() == len(share):
        return
    job = Job(
        plan,
        "score",
        score_pipeline(plan),
        len(plan.tasks),
        lambda: scored() == len(share),
        share.start,
        len(share),
    )
    with _watched("score", len(share), scored, progress):
        executor.run(job)


def report_path(plan: RunPlan) -> Path:
    return plan.folder() / "report.html"


def finish(plan: RunPlan, store: Store, *, workers: int = 1) -> list[Committed]:
    """Commit each dataset of a run whose files are all there, and write the run's report."""
    from pipelines.executors import Job
    from pipelines.phases import report_pipeline
    from pipelines.report.page import write_report

    committed = [commit(plan, dataset, store) for dataset in plan.datasets]
    manifests = [item.manifest for item in committed]
    steps = report_pipeline(plan, [manifest.digest for manifest in manifests])
    local(workers).run(Job(plan, "report", steps, len(manifests), lambda: True))
    write_report(report_path(plan), plan, manifests)
    record = [
        [item.manifest.name, item.manifest.digest, dict(item.counts), dict(item.reasons)]
        for item in committed
    ]
    write_atomic(plan.folder() / "result.json", to_json(record))
    return committed


def outputs_of(plan: RunPlan) -> list[tuple[DatasetPlan, Range]]:
    size = plan.recipe.output.shard_bytes
    return [
        (dataset, part)
        for dataset in plan.datasets
        for part in ranges(decide(plan, dataset), shard_bytes=size)
    ]


def silent(phase: str, done: int, total: int) -> None:
    """Progress nobody asked for."""


@contextmanager
def _watched(
    phase: str, total: int, done: Callable[[], int], progress: Progress | None
) -> Iterator[None]:
    """Report commit records as they appear, from a thread, while the executor blocks."""
    if progress is None:
        yield
        return
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(POLL_SECONDS):
            progress(phase, done(), total)

    thread = threading.Thread(target=watch, daemon=True)
    progress(phase, done(), total)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    progress(phase, done(), total)
