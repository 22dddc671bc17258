"""`awase doctor`: is this installation and its store in order; rebuild the catalog."""

from __future__ import annotations

from dataclasses import asdict

import click

from pipelines.cli.common import json_option, open_store, print_json, say


@click.command("doctor")
@click.option(
    "--rebuild", is_flag=True, help="Fill the catalog anew from refs and manifests first."
)
@json_option
def command(rebuild: bool, as_json: bool) -> None:
    """Check this installation, the store and its catalog; exit code 1 if something is wrong.

    --rebuild moves a damaged catalog.db aside and restores versions, aliases, tags, notes, views,
    plans and runs from the store, with how far each run was handed out.
    """
    from curation.base.errors import Failed
    from pipelines.doctor import examine, in_words
    from pipelines.rebuild import rebuild_catalog

    store = open_store()
    document: dict[str, object] = {}
    problems: list[str] = []
    if rebuild:
        report = rebuild_catalog(store, say=say)
        document["rebuilt"] = {"counts": report.counts, "problems": report.problems}
        problems += report.problems
        if not as_json:
            words = in_words(report.counts) or "the store is empty"
            click.echo(f"rebuilt the catalog: {words}")
    checks = examine(store)
    problems += [f"{check.name}: {check.found}" for check in checks if check.level == "problem"]
    if as_json:
        print_json({**document, "checks": [asdict(check) for check in checks]})
    else:
        for check in checks:
            mark = {"ok": " ", "warning": "!", "problem": "✗"}[check.level]
            click.echo(f"{mark} {check.name:<17}{check.found}")
    if problems:
        raise Failed("\n".join(problems))
