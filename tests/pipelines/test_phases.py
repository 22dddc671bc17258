"""A pipeline reaches its workers whole, and its plan once a process."""

from __future__ import annotations

import time
from pathlib import Path

import dill
import pytest

from curation.base.store import Store
from curation.plan import RunPlan
from pipelines.curate import plan_run
from pipelines.phases import Apply, Base, score_pipeline

RECIPE = """\
version: 1
name: phases
input: {task_bytes: 1KB}
datasets:
  phases-en: {profile: en-default}
"""
LINES = 4_000


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> RunPlan:
    folder: Path = tmp_path_factory.mktemp("phases")
    source = folder / "in.jsonl"
    source.write_text("".join(f'{{"text": "line {n} of many"}}\n' for n in range(LINES)), "utf-8")
    return plan_run(RECIPE, [source], Store(folder / "store"), workers=1)


def test_pipeline_carries_the_plan_and_a_process_reads_it_once(plan: RunPlan) -> None:
    pickled = dill.dumps(score_pipeline(plan))
    first, second = dill.loads(pickled), dill.loads(pickled)
    assert isinstance(first[0], Base)
    assert isinstance(first[1], Apply)
    found = first[0].shared.plan
    assert (found.fingerprint, found.tasks, found.files) == (
        plan.fingerprint,
        plan.tasks,
        plan.files,
    )
    assert first[0].shared.parent == second[0].shared.parent
    assert first[0].shared is first[1].shared is second[0].shared


def test_pickling_a_pipeline_again_takes_no_longer_for_many_tasks(plan: RunPlan) -> None:
    """A pool pickles it once a task, in the command's process, beside the workers."""
    assert len(plan.tasks) > 50
    pipeline = score_pipeline(plan)
    dill.dumps(pipeline)

    def seconds(what: object) -> float:
        start = time.thread_time()
        dill.dumps(what)
        return time.thread_time() - start

    whole = min(seconds(plan) for _ in range(3))
    assert min(seconds(pipeline) for _ in range(3)) < whole
