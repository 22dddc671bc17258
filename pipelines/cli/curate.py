"""`awase curate`: raw text becomes dataset versions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from curation.base.arrow import leave_pandas_out
from pipelines import warm
from pipelines.cli.common import (
    json_option,
    open_catalog,
    open_store,
    print_json,
    print_table,
    progress_bars,
    say,
    workers_option,
)
from pipelines.cli.options import check_together

if TYPE_CHECKING:
    from pipelines.curate import CurateResult
    from pipelines.executors import Executor

SLURM_TIME = "04:00:00"
_SCHEDULED = "executor partition time_limit task tasks finish"
APART = {
    "explain": f"recipe more inputs workers rescore write dry_run {_SCHEDULED}",
    "rescore": f"inputs more dry_run {_SCHEDULED}",
    "dry_run": f"write {_SCHEDULED}",
    "finish": "task tasks executor partition time_limit",
    "task": "executor partition time_limit",
    "tasks": "executor partition time_limit",
}
NEEDS = {"write": "rescore", "task": "tasks", "tasks": "task"}


@click.command()
@click.argument("recipe", type=click.Path(path_type=Path), required=False)
@click.argument("more", nargs=-1, metavar="[PATH]...")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    metavar="PATH",
    help="A file, folder or quoted pattern ('in/*.jsonl.gz', **) of JSONL, Parquet, text, HTML or "
    "WARC; plain, gz or zst; more follow.",
)
@workers_option
@click.option(
    "--executor",
    type=click.Choice(["local", "ray", "slurm"]),
    default="local",
    show_default=True,
    help="Where tasks run. Slurm also needs --partition.",
)
@click.option("--partition", metavar="NAME", help="Slurm: the partition to submit to.")
@click.option(
    "--time", "time_limit", metavar="H:M:S", help=f"Slurm: a task's. [default: {SLURM_TIME}]"
)
@click.option("--task", type=click.IntRange(min=0), help="Score share TASK of --tasks, then stop.")
@click.option("--tasks", type=click.IntRange(min=1), help="Into how many shares a run is divided.")
@click.option("--finish", is_flag=True, help="Decide, write and commit when all shares are done.")
@click.option(
    "--rescore",
    metavar="DATASET[@VERSION]",
    help="What RECIPE's thresholds would do to a version, from its audit alone; no --input.",
)
@click.option("--write", is_flag=True, help="With --rescore: write and register that version.")
@click.option(
    "--explain",
    type=(str, str),
    metavar="DATASET[@VERSION] ID",
    help="Why a document was kept or dropped; no RECIPE, no --input.",
)
@click.option("--dry-run", is_flag=True, help="Estimate time and size from a sample of the input.")
@json_option
def command(
    recipe: Path | None,
    more: tuple[str, ...],
    inputs: tuple[str, ...],
    workers: int,
    executor: str,
    partition: str | None,
    time_limit: str | None,
    task: int | None,
    tasks: int | None,
    finish: bool,
    rescore: str | None,
    write: bool,
    explain: tuple[str, str] | None,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Filter and deduplicate text into dataset versions, as RECIPE says.

    Each PATH after --input is one more input. A killed or interrupted run is finished by the same
    command; a run that is done returns at once.
    """
    check_together(apart=APART, needs=NEEDS)
    if executor == "local" and workers > 1 and recipe and not (rescore or dry_run or explain):
        warm.start(recipe)  # before the imports below: they take a second of their own
    leave_pandas_out()
    from pipelines.curate import curate, curate_share, finish_run, plan_run

    if explain is not None:
        _explain(*explain, as_json=as_json)
        return
    if recipe is None:
        raise click.UsageError("name a RECIPE")
    if rescore is not None:
        check_together(needs={} if write else {"workers": "write"})
        _rescore(recipe, rescore, write=write, workers=workers, as_json=as_json)
        return
    from pipelines.compiling import say_for_workers, say_when_compiling

    # with workers, the process that they are forked from compiles first, and says so itself
    (say_when_compiling if workers == 1 or dry_run else say_for_workers)()
    inputs += more
    if dry_run:
        _dry_run(recipe, inputs, workers=workers, as_json=as_json)
        return
    if task is not None and tasks is not None and task >= tasks:
        raise click.UsageError(f"--task {task} with --tasks {tasks}: shares count from 0")
    _check_executor(executor, partition, time_limit)
    store = open_store()
    _say_left_out(recipe, inputs)
    with progress_bars() as progress:
        if task is not None and tasks is not None:
            plan = plan_run(recipe, list(inputs), store, workers=workers, progress=progress)
            done = curate_share(plan, task, tasks, workers=workers, progress=progress)
            say(f"share {task} of {tasks} is done: {done} of {len(plan.tasks)} tasks")
            if as_json:
                print_json({"share": task, "shares": tasks, "tasks": done, "of": len(plan.tasks)})
            return
        if finish:
            plan = plan_run(recipe, list(inputs), store, workers=workers, progress=progress)
            results = finish_run(plan, store, workers=workers, progress=progress)
        else:
            results = curate(
                recipe,
                list(inputs),
                store,
                workers=workers,
                progress=progress,
                executor=_executor(executor, workers, partition, time_limit),
            )
    _show(results, as_json=as_json)


def _say_left_out(recipe: Path, inputs: tuple[str, ...]) -> None:
    """Name the files of input folders that are not read, so that none is missed unseen."""
    from curation.readers.survey import left_out
    from curation.recipe import read_recipe

    found = left_out(inputs, format=read_recipe(recipe).input.format)
    if found:
        more = f" and {len(found) - 5:,} more" if len(found) > 5 else ""
        names = ", ".join(map(str, found[:5]))
        say(f"not read, as their names do not tell the format: {names}{more}")


def _check_executor(name: str, partition: str | None, time_limit: str | None) -> None:
    if name == "slurm" and partition is None:
        raise click.UsageError("--executor slurm needs --partition NAME")
    for option, value in (("--partition", partition), ("--time", time_limit)):
        if name != "slurm" and value is not None:
            raise click.UsageError(f"{option} and --executor {name} do not go together")


def _executor(name: str, workers: int, partition: str | None, time_limit: str | None) -> Executor:
    from pipelines.executors import Local, Ray, Slurm

    if name == "slurm":
        assert partition is not None
        return Slurm(workers, partition, time_limit or SLURM_TIME)
    return Ray(workers) if name == "ray" else Local(workers)


def _explain(reference: str, name: str, *, as_json: bool) -> None:
    from curation.explain import explain
    from pipelines.cli.explanation import show_explanation

    store = open_store()
    with open_catalog() as catalog:
        manifest = catalog.dataset(reference).manifest
    found = explain(store, manifest, name)
    if as_json:
        print_json(found.document())
        return
    show_explanation(found)


def _rescore(recipe: Path, reference: str, *, write: bool, workers: int, as_json: bool) -> None:
    from curation.recipe import read_recipe
    from pipelines.rescore import rescore, rescore_write

    store = open_store()
    with open_catalog() as catalog:
        manifest = catalog.dataset(reference).manifest
    if write:
        _show(
            [rescore_write(store, manifest, read_recipe(recipe), workers=workers)], as_json=as_json
        )
        return
    found = rescore(store, manifest, read_recipe(recipe))
    if as_json:
        rows = [{"reason": name, "before": old, "after": new} for name, old, new in found.rows]
        kept = {"before": found.kept_before, "after": found.kept}
        print_json({"documents": found.documents, "kept": kept, "reasons": rows})
        return
    rows_: list[list[object]] = [[n, f"{old:,}", f"{new:,}"] for n, old, new in found.rows]
    rows_.append(["kept", f"{found.kept_before:,}", f"{found.kept:,}"])
    print_table(["first reason", "before", "now"], rows_, right=["before", "now"])


def _dry_run(recipe: Path, inputs: tuple[str, ...], *, workers: int, as_json: bool) -> None:
    from pipelines.estimate import estimate

    say("measuring a sample of the input")
    found = estimate(recipe, list(inputs), open_store(), workers=workers)
    if as_json:
        print_json(found.document())
        return
    for line in found.lines():
        click.echo(line)


def _show(results: list[CurateResult], *, as_json: bool) -> None:
    for skipped in results[0].skipped:
        say(f"skipped {skipped}")
    if more := results[0].unreadable - len(results[0].skipped):
        say(f"skipped {more:,} more records that could not be read")
    if as_json:
        print_json([_document(result) for result in results])
        return
    rows: list[list[object]] = []
    for result in results:
        counts = result.counts
        state = "new" if result.created else "unchanged"
        sizes = [f"{counts[key]:,}" for key in ("in", "kept", "dropped")]
        rows.append([result.version, *sizes, f"{result.manifest.bytes:,}", state])
    numbers = ("in", "kept", "dropped", "bytes")
    print_table(["dataset", *numbers, "version"], rows, right=numbers)
    say(f"report: {results[0].report}")
    for result in results:
        if repeated := result.counts.get("repeated_ids"):
            say(f"{result.name}: {repeated:,} with an id that came before, told apart by a suffix")
        for reason, count in sorted(result.reasons.items(), key=lambda r: -r[1]):
            say(f"{result.name}: {count:,} dropped by {reason}")


def _document(result: CurateResult) -> dict[str, Any]:
    manifest = result.manifest
    return {
        "dataset": result.name,
        "version": result.number,
        "digest": manifest.digest,
        "text_digest": manifest.text_digest,
        "created": result.created,
        "counts": dict(result.counts),
        "reasons": dict(result.reasons),
        "rows": manifest.rows,
        "bytes": manifest.bytes,
        "unreadable_records": result.unreadable,
        "report": str(result.report),
    }
