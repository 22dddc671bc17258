"""Where the tasks of a phase run: datatrove's executors, on this machine, on Ray or under Slurm.

datatrove's own markers of completion are not believed (`skip_completed=False`): only our commit
records say what is done.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.logging import logger
from multiprocess.util import register_after_fork

from curation.base.errors import Failed, UsageError
from curation.base.store import disk_errors
from curation.plan import RunPlan
from pipelines import warm
from pipelines.phases import logs_of
from pipelines.watch import Tasks, end_with_the_parent, workers_watched

logger.disable("datatrove")  # it would write to the terminal; records and errors are ours

SLURM_SECONDS = 2.0
SLURM_PATIENCE = 5  # polls without the job in the queue: a network file system shows files late


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
