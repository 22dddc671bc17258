"""The phases of a run as datatrove pipelines: what a worker process runs.

What flows between the steps are batches (`curation.batch.Batch`), not datatrove documents; the
adapters of `curation.batch` let a datatrove step stand between two of them.
"""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Iterator, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from datatrove.pipeline.base import PipelineStep

from curation import run
from curation.batch import Batch
from curation.output import Output, Range
from curation.plan import RunPlan
from pipelines import compiling
from pipelines.watch import Tasks, end_with_the_parent


def logs_of(plan: RunPlan, phase: str) -> Path:
    return plan.folder() / "logs" / phase


class Shared:
    """The plan as all steps of a pipeline share it: never copied, and one line in executor.json.

    A pool pickles the pipeline once a task, with dill, which is pure Python: 70 ms for the plan of
    30 tasks. So the plan is pickled once, and read once in each worker.
    """

    def __init__(self, plan: RunPlan, parent: int | None = None) -> None:
        self.plan = plan
        self.parent = os.getpid() if parent is None else parent

    @cached_property
    def pickled(self) -> bytes:
        return pickle.dumps(self.plan)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpickled, (self.pickled, self.parent)

    def __deepcopy__(self, memo: object) -> Shared:
        return self

    def __str__(self) -> str:
        return f"run {self.plan.fingerprint}"

    def begin(self, phase: str, task: int, count: int) -> None:
        """In a worker: leave Ctrl-C, which reaches every process of a terminal, to the parent, end
        when the parent does, however it was killed, and say what this process is at."""
        if os.getpid() != self.parent:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            end_with_the_parent()
            tasks = Tasks(logs_of(self.plan, phase), self.parent)
            tasks.begin(f"task {task} of {count} ({phase})")
            compiling.watch(tasks.compiling)


def _unpickled(pickled: bytes, parent: int) -> Shared:
    return _last(pickled, parent)  # a cached function itself dill would pickle by value


@lru_cache(maxsize=1)
def _last(pickled: bytes, parent: int) -> Shared:
    """The plan that this process was handed last, once again."""
    return Shared(pickle.loads(pickled), parent)  # noqa: S301  (pickled above, by this run)


class _Step(PipelineStep):
    """A step of ours in datatrove's pipelines."""

    type = "awase"

    def __init__(self, shared: Shared) -> None:
        super().__init__()
        self.shared = shared


class Base(_Step):
    """Read, normalise, identify the language, route."""

    name = "base"

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        self.shared.begin("score", rank, len(self.shared.plan.tasks))
        yield from run.base(self.shared.plan, rank)


class Apply(_Step):
    """One step of one dataset's profile."""

    def __init__(self, shared: Shared, dataset: int, number: int) -> None:
        super().__init__(shared)
        self.dataset = dataset
        self.number = number
        recipe = shared.plan.datasets[dataset].recipe
        self.name = f"{recipe.name} {recipe.steps[number].name}"

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        plan = self.shared.plan
        yield from run.apply(plan, plan.datasets[self.dataset], self.number, rank, data)


class Keys(_Step):
    """Matching keys and MinHash bands."""

    name = "keys"

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        yield from run.take_keys(self.shared.plan, rank, data)


class Write(_Step):
    """The files of one range of one dataset a task."""

    name = "write"

    def __init__(self, shared: Shared, outputs: Sequence[tuple[int, Range]]) -> None:
        super().__init__(shared)
        self.outputs = outputs

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        self.shared.begin("write", rank, len(self.outputs))
        plan = self.shared.plan
        dataset, part = self.outputs[rank]
        Output(plan, plan.datasets[dataset], part).write()
        yield from ()


def score_pipeline(plan: RunPlan) -> list[PipelineStep]:
    """The steps of a scoring task, in order."""
    shared = Shared(plan)
    steps: list[PipelineStep] = [Base(shared)]
    for dataset in plan.datasets:
        steps += [Apply(shared, dataset.index, n) for n in range(len(dataset.steps))]
    return [*steps, Keys(shared)]


def write_pipeline(plan: RunPlan, outputs: Sequence[tuple[int, Range]]) -> list[PipelineStep]:
    """Task k writes outputs[k] = (dataset, range)."""
    return [Write(Shared(plan), list(outputs))]


class Report(_Step):
    """The report's section about one dataset a task."""

    name = "report"

    def __init__(self, shared: Shared, digests: Sequence[str]) -> None:
        super().__init__(shared)
        self.digests = digests

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        from pipelines.report.section import write_section

        self.shared.begin("report", rank, len(self.digests))
        write_section(self.shared.plan, rank, self.digests[rank])
        yield from ()


def report_pipeline(plan: RunPlan, digests: Sequence[str]) -> list[PipelineStep]:
    """Task k writes the section of dataset k, whose version is digests[k]."""
    return [Report(Shared(plan), list(digests))]
