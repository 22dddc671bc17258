"""Rows of long work: claimed by one process, renewed while it lives, ended by plan or problem."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import select, update

from curation.base.errors import NotFound
from mixtures.catalog.catalog import Catalog
from mixtures.catalog.database import dump, insert_if_absent
from mixtures.catalog.models import jobs

State = Literal["running", "done", "failed", "lost"]


@dataclass(frozen=True, slots=True)
class Job:
    """How it stands: `plan` when done, `problem` (status, code, detail) when failed."""

    name: str
    state: State
    plan: str | None = None
    problem: Mapping[str, Any] | None = None


class Jobs:
    """The jobs of one catalog. Times are seconds of the caller's clock."""

    def __init__(self, catalog: Catalog) -> None:
        self._database = catalog.database

    def claim(self, name: str, *, now: float, lost_seconds: float) -> bool:
        """Whether the caller shall do it: it is new, ended, or its process is gone."""
        row = {"name": name, "state": "running", "renewed": int(now), "document": "{}"}
        with self._database.write() as rows:
            if insert_if_absent(rows, jobs, row):
                return True
            held = (jobs.c.state == "running") & (jobs.c.renewed >= int(now - lost_seconds))
            taken = update(jobs).where(jobs.c.name == name, ~held).values(**row)
            return bool(rows.execute(taken).rowcount)

    def renew(self, names: Sequence[str], *, now: float) -> None:
        """Say that the caller still works on these."""
        if not names:
            return
        chosen = jobs.c.name.in_(names) & (jobs.c.state == "running")
        with self._database.write() as rows:
            rows.execute(update(jobs).where(chosen).values(renewed=int(now)))

    def finish(
        self, name: str, *, plan: str | None = None, problem: Mapping[str, Any] | None = None
    ) -> None:
        """End a job by the plan it made, or by what went wrong."""
        state = "failed" if plan is None else "done"
        document = dump({"plan": plan, "problem": problem})
        with self._database.write() as rows:
            chosen = update(jobs).where(jobs.c.name == name)
            rows.execute(chosen.values(state=state, document=document))

    def get(self, name: str, *, now: float, lost_seconds: float) -> Job:
        """How a job stands; NotFound for one that was never asked for."""
        with self._database.read() as rows:
            row = rows.execute(select(jobs).where(jobs.c.name == name)).first()
        if row is None:
            raise NotFound(f"there is no planning job {name!r}: POST the plan again")
        if row.state == "running":
            return Job(name, "running" if row.renewed >= int(now - lost_seconds) else "lost")
        document = json.loads(row.document)
        return Job(name, row.state, document["plan"], document["problem"])
