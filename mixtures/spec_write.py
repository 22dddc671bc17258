"""A Mixture back to YAML: what `publish` keeps of a document that extends others, and blends."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final

from mixtures.spec import Group, Licenses, Mixture, Sampling, Source, Stage

_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.@/-]*", re.ASCII)
_RESERVED: Final = frozenset(("null", "true", "false"))


def to_yaml(mixture: Mixture, *, notes: Mapping[str, str] | None = None) -> str:
    """YAML that `read_mixture` turns into an equal mixture; keys at their defaults are left out.

    notes: a comment after the source or group of that dotted path; "" goes above everything.
    """
    return "\n".join([*_lines(mixture, notes or {}), ""])


def _lines(mixture: Mixture, notes: Mapping[str, str]) -> Iterator[str]:
    yield from (f"# {line}" for line in notes.get("", "").splitlines())
    yield "version: 1"
    yield f"name: {quoted(mixture.name)}"
    if mixture.description:
        yield f"description: {quoted(mixture.description)}"
    if mixture.tags:
        yield f"tags: {_list(mixture.tags)}"
    yield f"tokenizer: {quoted(mixture.tokenizer)}"
    yield f"sequence_length: {mixture.sequence_length}"
    yield f"seed: {mixture.seed}"
    if mixture.budget_tokens is not None:
        yield f"budget: {tokens(mixture.budget_tokens)}"
    for key, value, default in (
        ("packing", mixture.packing, "concat"),
        ("by", mixture.by, "tokens"),
        ("labels", mixture.labels, "shift"),
        ("loss", mixture.loss, "all"),
    ):
        if value != default:
            yield f"{key}: {value}"
    if (mixture.bos, mixture.eos) != (False, True):
        yield f"separators: {{bos: {_flag(mixture.bos)}, eos: {_flag(mixture.eos)}}}"
    if mixture.holdout:
        yield f"holdout: {decimal(mixture.holdout)}"
    if mixture.root.sampling is not None:
        yield f"sampling: {_sampling(mixture.root.sampling)}"
    yield "sources:"
    yield from _children(mixture.root, "  ", notes)
    if mixture.stages:
        yield "stages:"
        yield from (f"  - {{{_stage(stage)}}}" for stage in mixture.stages)
    if mixture.licenses != Licenses():
        yield f"licenses: {{{_licenses(mixture.licenses)}}}"


def _children(group: Group, indent: str, notes: Mapping[str, str]) -> Iterator[str]:
    for child in group.children:
        name = child.path.rpartition(".")[2]
        note = notes.get(child.path, "")
        note = f"  # {note}" if note else ""
        if isinstance(child, Source):
            yield f"{indent}{name}: {{{_source(child)}}}{note}"
            continue
        yield f"{indent}{name}:{note}"
        if child.weight is not None:
            yield f"{indent}  weight: {decimal(child.weight)}"
        if child.sampling is not None:
            yield f"{indent}  sampling: {_sampling(child.sampling)}"
        yield f"{indent}  sources:"
        yield from _children(child, indent + "    ", notes)


def _source(source: Source) -> str:
    parts = [f"dataset: {quoted(source.dataset)}"]
    for key, value in (
        ("weight", source.weight),
        ("repeat", source.repeat),
        ("max_epochs", source.max_epochs),
    ):
        if value is not None:
            parts.append(f"{key}: {decimal(value)}")
    if source.where is not None:
        parts.append(f"where: {json.dumps(source.where, ensure_ascii=False)}")
    return ", ".join(parts)


def _stage(stage: Stage) -> str:
    parts = [f"until: {tokens(stage.until_tokens)}"]
    if stage.weights:
        inside = ", ".join(f"{path}: {decimal(value)}" for path, value in stage.weights.items())
        parts.append(f"weights: {{{inside}}}")
    return ", ".join(parts) + (", ramp: linear" if stage.ramp else "")


def _licenses(rules: Licenses) -> str:
    parts = [] if rules.allow is None else [f"allow: {_list(rules.allow)}"]
    parts += [f"deny: {_list(rules.deny)}"] if rules.deny else []
    parts += [f"deny_terms: {_list(rules.deny_terms)}"] if rules.deny_terms else []
    return ", ".join(parts)


def _sampling(sampling: Sampling) -> str:
    value = decimal(sampling.value)
    if sampling.kind == "temperature":
        return f"{{temperature: {value}}}"
    return f"{{unimax: {{max_epochs: {value}}}}}"


def _flag(value: bool) -> str:
    return "true" if value else "false"


def _list(values: Sequence[str]) -> str:
    return "[" + ", ".join(quoted(value) for value in values) + "]"


def quoted(text: str) -> str:
    """`text` as a YAML string; plain where that is safe, else as JSON, which YAML contains."""
    if _PLAIN.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    return json.dumps(text, ensure_ascii=False)


def tokens(count: int) -> str:
    """An exact amount of tokens in the largest unit that leaves a whole number."""
    for unit, size in (("T", 10**12), ("B", 10**9), ("M", 10**6)):
        if count % size == 0:
            return f"{count // size}{unit}"
    return str(count)


def decimal(number: Fraction) -> str:
    """An exact decimal; ValueError for a fraction that has none (no YAML number gives one)."""
    rest, twos, fives = number.denominator, 0, 0
    while rest % 2 == 0:
        rest, twos = rest // 2, twos + 1
    while rest % 5 == 0:
        rest, fives = rest // 5, fives + 1
    if rest != 1:
        raise ValueError(f"{number} has no exact decimal")
    places = max(twos, fives)
    digits = str(abs(number.numerator) * 10**places // number.denominator).zfill(places + 1)
    sign = "-" if number < 0 else ""
    return sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
