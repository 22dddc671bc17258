"""Run a recipe over inputs: from files to committed dataset versions, registered in the catalog.

    survey    each input read once: digest, size, cut points
    score     one task a range of the input: documents, scores, keys (workers)
    decide    rules over scores, duplicates over keys (this process)
    write     one task a range of a dataset: shard, audit, dropped text (workers)
    commit    manifest of each dataset, its number in the catalog

Every phase leaves commit records under the store's work folder. The same command after a kill, a
full disk or Ctrl-C goes on behind the last record and ends in the same digests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from curation.base.errors import NotFound, TryAgain, UsageError
from curation.base.store import Store
from curation.plan import RunPlan, make_plan
from curation.readers import hub
from curation.readers.records import HubSource
from curation.readers.survey import expand, survey
from curation.recipe import Recipe, parse_recipe, read_recipe
from curation.run import check_bad_records
from curation.shards.manifest import DatasetManifest, load
from pipelines import warm
from pipelines.commit import Committed
from pipelines.execute import Progress, execute, finish, local, report_path, score, silent

if TYPE_CHECKING:
    from mixtures.catalog import Catalog
    from pipelines.executors import Executor


@dataclass(frozen=True, slots=True)
class CurateResult:
    """One dataset of a run; `created` is False where the same rows were committed before.

    `counts` and `reasons` are of this run's documents; the manifest's of the run that made it.
    """

    name: str
    number: int
    manifest: DatasetManifest
    created: bool
    counts: Mapping[str, int]  # documents: in, kept, dropped, perhaps repeated_ids
    reasons: Mapping[str, int]  # first reason -> documents dropped
    report: Path  # the run's HTML page, one for all of its datasets
    skipped: tuple[str, ...] = ()  # records of the run that could not be read: file:line: why
    unreadable: int = 0  # how many they are; at most 100 are named

    @property
    def version(self) -> str:
        return f"{self.name}@{self.number}"


def curate(
    recipe: str | Path | Recipe,
    inputs: Sequence[str | Path],
    store: Store,
    *,
    workers: int = 2,
    progress: Progress | None = None,
    catalog: Catalog | None = None,
    executor: Executor | None = None,
) -> list[CurateResult]:
    """Curate `inputs` by `recipe` into `store`; one result a dataset, in the recipe's order.

    `recipe` is a path, or the text of a recipe, or a Recipe. A second call with the same recipe and
    inputs returns at once. InvalidDocument, NotFound, UsageError and Failed are a user's mistakes;
    TryAgain (a full disk) and an interrupt leave what was committed for the next call.
    """
    if executor is None and workers > 1:
        warm.start(recipe.text if isinstance(recipe, Recipe) else recipe)
    plan = plan_run(recipe, inputs, store, workers=workers, progress=progress)
    results = _finished(plan, store)
    if results is None:
        _check_catalog(store, catalog)
        execute(plan, executor or local(workers), progress=progress)
        results = finish(plan, store, workers=workers)
    return _registered(plan, results, store, catalog)


def complete(plan: RunPlan, store: Store, *, workers: int) -> list[CurateResult]:
    """Decide, write and commit a plan whose layers are all there already."""
    results = _finished(plan, store)
    if results is None:
        execute(plan, local(workers))
        results = finish(plan, store, workers=workers)
    return _registered(plan, results, store, None)


def curate_share(
    plan: RunPlan, index: int, count: int, *, workers: int, progress: Progress | None = None
) -> int:
    """Score share `index` of `count` of a run's tasks, for schedulers of any kind; returns them.

    Shares may run anywhere and at any time; `finish_run` does the rest when all are done.
    """
    first, stop = (len(plan.tasks) * k // count for k in (index, index + 1))
    score(plan, local(workers), range(first, stop), progress)
    return stop - first


def finish_run(
    plan: RunPlan, store: Store, *, workers: int, progress: Progress | None = None
) -> list[CurateResult]:
    """Decide, write and commit when all shares are done; TryAgain names a task that is not."""
    for task in range(len(plan.tasks)):
        if plan.unfinished(task):
            raise TryAgain(
                f"task {task} of {len(plan.tasks)} is not done yet; run the share that holds it "
                "(--task I --tasks N), then --finish again"
            )
    execute(plan, local(workers), progress=progress)
    return _registered(plan, finish(plan, store, workers=workers), store, None)


def plan_run(
    recipe: str | Path | Recipe,
    inputs: Sequence[str | Path],
    store: Store,
    *,
    workers: int,
    progress: Progress | None = None,
) -> RunPlan:
    """Read the recipe, survey the inputs, fix tasks and fingerprints."""
    if isinstance(recipe, str) and "\n" in recipe:
        recipe = parse_recipe(recipe)
    elif not isinstance(recipe, Recipe):
        recipe = read_recipe(recipe)
    options = recipe.input
    if options.read.hub is not None:
        return _plan_hub(recipe, options.read.hub, inputs, store, progress or silent)
    paths = expand([str(path) for path in inputs], format=options.format)
    report = progress or silent
    report("survey", 0, len(paths))
    files = survey(
        store,
        paths,
        format=options.format,
        task_bytes=options.task_bytes,
        max_expansion=options.max_expansion,
        workers=workers,
    )
    report("survey", len(paths), len(paths))
    return make_plan(store, recipe, files)


def _plan_hub(
    recipe: Recipe,
    source: HubSource,
    inputs: Sequence[str | Path],
    store: Store,
    report: Progress,
) -> RunPlan:
    """The plan of a run whose recipe names its dataset, at the commit that it is at now."""
    if inputs:
        raise UsageError(f"the recipe reads {source}: leave out --input {inputs[0]}")
    report("survey", 0, 1)
    source = hub.pinned(source)
    options = replace(recipe.input, read=replace(recipe.input.read, hub=source))
    files = hub.survey(source, task_bytes=options.task_bytes)
    report("survey", 1, 1)
    return make_plan(store, replace(recipe, input=options), files)


def _finished(plan: RunPlan, store: Store) -> list[Committed] | None:
    """The versions of an earlier run of the same plan, if they and its report are still there."""
    if not report_path(plan).exists():
        return None
    try:
        record = json.loads((plan.folder() / "result.json").read_bytes())
        return [
            Committed(load(store, name, digest), False, counts, reasons)
            for name, digest, counts, reasons in record
        ]
    except (FileNotFoundError, NotFound, ValueError):  # ValueError: written before it had counts
        return None


def _registered(
    plan: RunPlan,
    found: Sequence[Committed],
    store: Store,
    catalog: Catalog | None,
) -> list[CurateResult]:
    from mixtures.catalog import Catalog

    if catalog is None:
        with Catalog.open(store) as opened:
            return _registered(plan, found, store, opened)
    bad, named = check_bad_records(plan)
    skipped = tuple(f"{bad['file']}:{bad['line']}: {bad['why']}" for bad in named)
    results = []
    for item in found:
        name = item.manifest.name
        results.append(
            CurateResult(
                name,
                catalog.register_dataset(name, item.manifest).number,
                item.manifest,
                item.created,
                item.counts,
                item.reasons,
                report_path(plan),
                skipped,
                bad,
            )
        )
    return results


def _check_catalog(store: Store, catalog: Catalog | None) -> None:
    """Raise before the work, not after it, where the catalog cannot be opened."""
    from mixtures.catalog import Catalog

    if catalog is None:
        with Catalog.open(store):
            pass
