"""The run's generators as datatrove pipeline steps, and the executors that run them.

What flows between the steps are batches (`curation.batch.Batch`), not datatrove documents; the
adapters of `curation.batch` let a datatrove step stand between two of them. datatrove's own markers
of completion are not believed (`skip_completed=False`): only our commit records say what is done.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from loguru import logger

from curation import run
from curation.batch import Batch
from curation.output import Output, Range
from curation.plan import DatasetPlan, RunPlan

logger.disable("datatrove")  # it would write to the terminal; records and errors are ours


class Base(PipelineStep):
    """Read, normalise, identify the language, route."""

    type = "awase"
    name = "base"

    def __init__(self, plan: RunPlan) -> None:
        super().__init__()
        self.plan = plan

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        leave_interrupts_to_the_parent()
        yield from run.base(self.plan, rank)


class Apply(PipelineStep):
    """One step of one dataset's profile."""

    type = "awase"

    def __init__(self, plan: RunPlan, dataset: DatasetPlan, number: int) -> None:
        super().__init__()
        self.plan = plan
        self.dataset = dataset
        self.number = number
        self.name = f"{dataset.name} {dataset.recipe.steps[number].name}"

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        yield from run.apply(self.plan, self.dataset, self.number, rank, data)


class Keys(PipelineStep):
    """Matching keys and MinHash bands."""

    type = "awase"
    name = "keys"

    def __init__(self, plan: RunPlan) -> None:
        super().__init__()
        self.plan = plan

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        yield from run.take_keys(self.plan, rank, data)


class Write(PipelineStep):
    """The files of one range of one dataset a task."""

    type = "awase"
    name = "write"

    def __init__(self, plan: RunPlan, outputs: Sequence[tuple[DatasetPlan, Range]]) -> None:
        super().__init__()
        self.plan = plan
        self.outputs = outputs

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        leave_interrupts_to_the_parent()
        dataset, part = self.outputs[rank]
        Output(self.plan, dataset, part).write()
        yield from ()


def leave_interrupts_to_the_parent() -> None:
    """Ctrl-C reaches every process of the terminal; the parent ends the workers."""
    if multiprocessing.parent_process() is not None or _in_multiprocess_worker():
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _in_multiprocess_worker() -> bool:
    import multiprocess  # datatrove's own fork of multiprocessing

    return multiprocess.parent_process() is not None


def score_pipeline(plan: RunPlan) -> list[PipelineStep]:
    """The steps of a scoring task, in order."""
    steps: list[PipelineStep] = [Base(plan)]
    for dataset in plan.datasets:
        steps += [Apply(plan, dataset, number) for number in range(len(dataset.steps))]
    return [*steps, Keys(plan)]


@dataclass(frozen=True, slots=True)
class Local:
    """Runs a pipeline's tasks in this process (one worker) or in a pool of processes."""

    workers: int

    def run(self, plan: RunPlan, phase: str, pipeline: list[PipelineStep], tasks: int) -> None:
        if tasks == 0:
            return
        LocalPipelineExecutor(
            pipeline,
            tasks=tasks,
            workers=min(self.workers, tasks),
            logging_dir=str(plan.folder() / "logs" / phase),
            skip_completed=False,
        ).run()
