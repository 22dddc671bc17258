"""Plans being made: long work behind a POST, known to every worker of every replica.

A job is named by what it was asked for, so asking again joins it; its state is a row of the
catalog, so any worker can tell how it stands. The process that does the work renews the row; a job
that was not renewed for LOST_SECONDS died with its process and may be asked for anew.

The work itself may be repeated freely: views and plans are named by content.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from awase_client.errors import AwaseClientError
from curation.base.errors import AwaseError
from mixtures.catalog import Catalog
from mixtures.catalog.jobs import Job, Jobs

RENEW_SECONDS = 5.0
LOST_SECONDS = 30.0

log = logging.getLogger("awase.api")

# Answers the digest of the plan.
Work = Callable[[], str]


class Runner:
    """Runs at most `threads` jobs of this process at a time; the rest wait their turn."""

    def __init__(
        self, catalog: Catalog, *, threads: int, clock: Callable[[], float] = time.time
    ) -> None:
        self._jobs = Jobs(catalog)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="plan")
        self._clock = clock
        self._mine: dict[str, Future[None]] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name="plan-renewer", daemon=True)
        self._renewer.start()

    def close(self) -> None:
        """Wait for nothing: jobs that run are lost, and may be asked for again."""
        self._stop.set()
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._renewer.join()

    def submit(self, name: str, work: Work, *, wait_seconds: float) -> Job:
        """Start the job `name`, or join it, and wait up to `wait_seconds` for its end."""
        if self._jobs.claim(name, now=self._clock(), lost_seconds=LOST_SECONDS):
            with self._lock:
                future = self._pool.submit(self._run, name, work)
                self._mine[name] = future
        else:
            with self._lock:
                other = self._mine.get(name)
            if other is None:
                return self.get(name)
            future = other
        with suppress(TimeoutError):
            future.result(timeout=wait_seconds)
        return self.get(name)

    def get(self, name: str) -> Job:
        """How a job stands; NotFound for one that nobody asked for."""
        return self._jobs.get(name, now=self._clock(), lost_seconds=LOST_SECONDS)

    def _run(self, name: str, work: Work) -> None:
        try:
            self._jobs.finish(name, plan=work())
        except (AwaseError, AwaseClientError) as error:
            self._jobs.finish(name, problem=_told(error))
        except BaseException as error:
            log.error("plan_broke", extra={"job": name}, exc_info=error)
            detail = "the server made a mistake while planning; its log tells more"
            self._jobs.finish(name, problem={"status": 500, "code": "failed", "detail": detail})
            raise
        finally:
            with self._lock:
                self._mine.pop(name, None)

    def _renew(self) -> None:
        while not self._stop.wait(RENEW_SECONDS):
            with self._lock:
                names = list(self._mine)
            try:
                self._jobs.renew(names, now=self._clock())
            except AwaseError as error:  # the next turn tries again; jobs outlive several misses
                log.warning("jobs_not_renewed", exc_info=error)


def _told(error: AwaseError | AwaseClientError) -> dict[str, Any]:
    from api.problems import of_error

    problem = of_error(error)
    return {
        "status": problem.status,
        "code": problem.code,
        "detail": problem.detail,
        **problem.extra,
    }
