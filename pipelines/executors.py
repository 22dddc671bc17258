"""The run's generators as datatrove pipeline steps, and the executors that run them.

What flows between the steps are batches (`curation.batch.Batch`), not datatrove documents; the
adapters of `curation.batch` let a datatrove step stand between two of them. datatrove's own markers
of completion are not believed (`skip_completed=False`): only our commit records say what is done.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.logging import logger
from multiprocess.util import register_after_fork

from curation import run
from curation.base.errors import Failed, UsageError
from curation.base.store import disk_errors
from curation.batch import Batch
from curation.output import Output, Range
from curation.plan import RunPlan
from pipelines import compiling, warm
from pipelines.watch import Tasks, end_with_the_parent, workers_watched

logger.disable("datatrove")  # it would write to the terminal; records and errors are ours

SLURM_SECONDS = 2.0
SLURM_PATIENCE = 5  # polls without the job in the queue: a network file system shows files late


def logs_of(plan: RunPlan, phase: str) -> Path:
    return plan.folder() / "logs" / phase


class Shared:
    """The plan as all steps of a pipeline share it: never copied, and one line in executor.json."""

    def __init__(self, plan: RunPlan) -> None:
        self.plan = plan
        self.parent = os.getpid()

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


class Base(PipelineStep):
    """Read, normalise, identify the language, route."""

    type = "awase"
    name = "base"

    def __init__(self, shared: Shared) -> None:
        super().__init__()
        self.shared = shared

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        self.shared.begin("score", rank, len(self.shared.plan.tasks))
        yield from run.base(self.shared.plan, rank)


class Apply(PipelineStep):
    """One step of one dataset's profile."""

    type = "awase"

    def __init__(self, shared: Shared, dataset: int, number: int) -> None:
        super().__init__()
        self.shared = shared
        self.dataset = dataset
        self.number = number
        recipe = shared.plan.datasets[dataset].recipe
        self.name = f"{recipe.name} {recipe.steps[number].name}"

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        plan = self.shared.plan
        yield from run.apply(plan, plan.datasets[self.dataset], self.number, rank, data)


class Keys(PipelineStep):
    """Matching keys and MinHash bands."""

    type = "awase"
    name = "keys"

    def __init__(self, shared: Shared) -> None:
        super().__init__()
        self.shared = shared

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        yield from run.take_keys(self.shared.plan, rank, data)


class Write(PipelineStep):
    """The files of one range of one dataset a task."""

    type = "awase"
    name = "write"

    def __init__(self, shared: Shared, outputs: Sequence[tuple[int, Range]]) -> None:
        super().__init__()
        self.shared = shared
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


class Report(PipelineStep):
    """The report's section about one dataset a task."""

    type = "awase"
    name = "report"

    def __init__(self, shared: Shared, digests: Sequence[str]) -> None:
        super().__init__()
        self.shared = shared
        self.digests = digests

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Iterator[Batch]:
        from pipelines.report.section import write_section

        self.shared.begin("report", rank, len(self.digests))
        write_section(self.shared.plan, rank, self.digests[rank])
        yield from ()


def report_pipeline(plan: RunPlan, digests: Sequence[str]) -> list[PipelineStep]:
    """Task k writes the section of dataset k, whose version is digests[k]."""
    return [Report(Shared(plan), list(digests))]


@dataclass(frozen=True, slots=True)
class Job:
    """Tasks 0..tasks-1 of one phase; `first` and `count` choose a share of them.

    `done` says whether all tasks of the share have committed, from our records.
    """

    plan: RunPlan
    phase: str
    pipeline: list[PipelineStep]
    tasks: int
    done: Callable[[], bool]
    first: int = 0
    count: int | None = None

    @property
    def logs(self) -> str:
        return str(logs_of(self.plan, self.phase))


class Executor(Protocol):
    """Runs all tasks of a job and returns when they are done, or raises."""

    def run(self, job: Job) -> None: ...


@dataclass(frozen=True, slots=True)
class Local:
    """datatrove's local executor: this process (one worker) or a pool of processes."""

    workers: int

    def run(self, job: Job) -> None:
        """TryAgain where a worker was killed from outside, most likely for want of memory; Failed
        where one ended by itself."""
        count = job.tasks if job.count is None else job.count
        if count == 0:
            return
        executor = LocalPipelineExecutor(
            job.pipeline,
            tasks=job.tasks,
            workers=min(self.workers, count),
            logging_dir=job.logs,
            skip_completed=False,
            local_tasks=count,
            local_rank_offset=job.first,
        )
        if executor.workers > 1:
            warm.start()
        # The pool's manager is a process too, forked from this one.
        register_after_fork(executor, lambda _: end_with_the_parent())
        # datatrove writes its own logs under the store and lets a full disk through as it is
        tasks = Tasks(Path(job.logs), os.getpid())
        with disk_errors(job.plan.folder()), workers_watched(tasks):
            executor.run()


@dataclass(frozen=True, slots=True)
class Ray:
    """datatrove's Ray executor, on the cluster of RAY_ADDRESS or else one of this machine."""

    workers: int
    mem_per_cpu_gb: float = 2

    def run(self, job: Job) -> None:
        try:
            import ray
        except ImportError as error:
            raise UsageError(
                "--executor ray needs Ray: install awase with its extra `ray`"
            ) from error
        from datatrove.executor.ray import RayPipelineExecutor

        if not ray.is_initialized():
            local = None if os.environ.get("RAY_ADDRESS") else self.workers
            ray.init(num_cpus=local, include_dashboard=False, log_to_driver=False)
        RayPipelineExecutor(
            job.pipeline,
            tasks=job.tasks,
            workers=self.workers,
            logging_dir=job.logs,
            skip_completed=False,
            mem_per_cpu_gb=self.mem_per_cpu_gb,
        ).run()
        if not job.done():
            raise Failed(f"Ray ended with tasks undone; its messages are in {job.logs}")


@dataclass(frozen=True, slots=True)
class Slurm:
    """datatrove's Slurm executor: an array job a phase, waited for by our commit records.

    Store and inputs must be reachable under the same paths from every node.
    """

    workers: int
    partition: str
    time: str
    mem_per_cpu_gb: int = 2
    qos: str = "normal"

    def run(self, job: Job) -> None:
        from datatrove.executor.slurm import SlurmPipelineExecutor

        if shutil.which("sbatch") is None:
            raise UsageError("--executor slurm needs Slurm: there is no sbatch on this machine")
        executor = SlurmPipelineExecutor(
            job.pipeline,
            tasks=job.tasks,
            time=self.time,
            partition=self.partition,
            qos=self.qos,
            workers=self.workers,
            mem_per_cpu_gb=self.mem_per_cpu_gb,
            job_name=f"awase-{job.phase}",
            venv_path=str(Path(sys.prefix) / "bin" / "activate"),
            logging_dir=job.logs,
            skip_completed=False,
            mail_type="NONE",
        )
        executor.run()
        self._wait(job, str(executor.job_id))

    def _wait(self, job: Job, number: str) -> None:
        """Until all records are there; Failed where the job has left the queue without them."""
        pause = threading.Event()
        gone = 0
        while not job.done():
            pause.wait(SLURM_SECONDS)
            queue = subprocess.run(
                ["squeue", "--noheader", "--jobs", number],
                capture_output=True,
                text=True,
                check=False,
            )
            gone = 0 if queue.stdout.strip() else gone + 1
            if gone > SLURM_PATIENCE and not job.done():
                raise Failed(
                    f"Slurm job {number} ended with tasks undone; its messages are in {job.logs}"
                )
