"""Options that do not go together: a command refuses the pair, it never passes one over."""

from __future__ import annotations

from collections.abc import Mapping

import click
from click.core import ParameterSource


def check_together(
    *, apart: Mapping[str, str] | None = None, needs: Mapping[str, str] | None = None
) -> None:
    """UsageError naming the first two parameters of the running command that do not go together.

    apart: parameter -> those, by space, that it cannot stand beside; needs: parameter -> those of
    which at least one must stand beside it. What was not typed counts as not given.
    """
    context = click.get_current_context()
    labels = {p.name: _label(p) for p in context.command.params if p.name is not None}
    given = {name for name in labels if _given(context, name)}
    for name, others in (apart or {}).items():
        for other in others.split():
            if {name, other} <= given:
                raise click.UsageError(f"{labels[name]} and {labels[other]} do not go together")
    for name, others in (needs or {}).items():
        if name in given and not given & set(others.split()):
            wanted = " or ".join(labels[other] for other in others.split())
            raise click.UsageError(f"{labels[name]} goes with {wanted}")


def _given(context: click.Context, name: str) -> bool:
    typed = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    return typed and context.params[name] not in (None, ())


def _label(parameter: click.Parameter) -> str:
    if isinstance(parameter, click.Argument):
        return parameter.make_metavar(click.get_current_context()).strip("[].")
    return max(parameter.opts, key=len)
