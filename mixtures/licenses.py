"""What a blend may be used for: obligations add up, permissions shrink, unknown stays "?".

    tally = Tally()
    tally.add(batch, selected, tokens)            rows of a source that `where` selected
    verdict = judge(mixture.licenses, [Holding("ja.web", tally, share)])
    verdict.refusals                              why the plan is refused, one finding each
    verdict.lines()                               what `mixture plan` prints

Works on single rows: 0.1 % rows without a licence, or one row made by GPT-4, show up by name and
share. A table of words, not legal advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from curation.base.licenses import (
    NOASSERTION,
    ids_of,
    read_license,
    satisfies,
    split_terms,
    terms_of_model,
)
from mixtures.license_table import OBLIGATIONS, PERMISSIONS, effect_of_license, effect_of_terms
from mixtures.license_tally import Amount, Tally
from mixtures.quantities import show_share
from mixtures.spec import Licenses

MAX_SHOWN: Final = 8


@dataclass(frozen=True, slots=True)
class Holding:
    """A source's tally, and its share of the mixture's tokens (0 to 1)."""

    path: str
    tally: Tally
    share: Fraction


@dataclass(frozen=True, slots=True)
class Finding:
    """One value in one source that a rule refuses."""

    source: str
    rule: str  # allow, deny, deny_terms
    column: str  # license, terms, generated_by, judged_by
    value: str
    rows: int
    tokens: int
    share: Fraction  # of the source's tokens
    share_of_mixture: Fraction
    reason: str

    def __str__(self) -> str:
        rows = f"{self.rows:,} row" + ("s" if self.rows != 1 else "")
        return (
            f"licenses.{self.rule}: source {self.source}: {rows} ({show_share(self.share)} of its "
            f"tokens, {show_share(self.share_of_mixture)} of the mixture): {self.reason}"
        )

    def document(self) -> dict[str, Any]:
        return {
            "source": self.source,
            "rule": self.rule,
            "column": self.column,
            "value": self.value,
            "rows": self.rows,
            "tokens": self.tokens,
            "share": float(self.share),
            "share_of_mixture": float(self.share_of_mixture),
            "message": str(self),
        }


@dataclass(frozen=True, slots=True)
class Part:
    """A licence, or terms, with its part of the mixture and the sources it is in."""

    name: str
    share: Fraction  # of the mixture's tokens
    rows: int
    sources: tuple[str, ...]
    via: str = ""  # for terms: the column and value that brought them


@dataclass(frozen=True, slots=True)
class Verdict:
    """Licences, terms, obligations (union) and permissions (intersection) of a mixture.

    permissions: name -> "yes", "no (why)" or "? (why)".
    """

    licenses: tuple[Part, ...]
    terms: tuple[Part, ...]
    obligations: tuple[str, ...]
    permissions: dict[str, str]
    refusals: tuple[Finding, ...]

    def lines(self) -> Iterator[str]:
        """What a person reads before training, most common first; "?" marks what nobody stated."""
        yield "licences     " + _shown(self.licenses)
        if self.terms:
            yield "terms        " + _shown(self.terms)
        if self.obligations:
            yield "obligations  " + "; ".join(
                f"{name}: {OBLIGATIONS[name]}" for name in self.obligations
            )
        for name, answer in self.permissions.items():
            yield f"permits      {PERMISSIONS[name]}: {answer}"
        for finding in self.refusals:
            yield f"refused      {finding}"

    def document(self) -> dict[str, Any]:
        def parts(items: tuple[Part, ...]) -> list[dict[str, Any]]:
            return [
                {
                    "name": part.name,
                    "share": float(part.share),
                    "rows": part.rows,
                    "sources": list(part.sources),
                }
                | ({"via": part.via} if part.via else {})
                for part in items
            ]

        return {
            "licenses": parts(self.licenses),
            "terms": parts(self.terms),
            "obligations": list(self.obligations),
            "permissions": self.permissions,
            "refusals": [finding.document() for finding in self.refusals],
        }


def _shown(parts: tuple[Part, ...]) -> str:
    """The most common, and whatever has no licence stated: nothing hides that."""
    texts = []
    unsaid = [part for part in parts[MAX_SHOWN:] if part.name == NOASSERTION]
    for part in (*parts[:MAX_SHOWN], *unsaid):
        name = "?" if part.name == NOASSERTION else part.name
        inside = f" ({', '.join(part.sources[:3])}{', ...' if len(part.sources) > 3 else ''})"
        via = f" [{part.via}]" if part.via else ""
        texts.append(f"{name} {show_share(part.share)}{inside}{via}")
    more = len(parts) - len(texts)
    return ", ".join(texts) + (f", and {more} more" if more > 0 else "")


def judge(rules: Licenses, holdings: Sequence[Holding]) -> Verdict:
    """Hold every row's licence and terms against `rules`; every refusal is listed."""
    judge_ = _Judge(rules)
    for holding in holdings:
        judge_.take(holding)
    return judge_.verdict()


class _Judge:
    def __init__(self, rules: Licenses) -> None:
        self.allow = None if rules.allow is None else {_canonical(id_) for id_ in rules.allow}
        self.deny = {_canonical(id_) for id_ in rules.deny}
        self.deny_terms = {name.lower() for name in rules.deny_terms}
        self.licenses: dict[str, Part] = {}
        self.terms: dict[tuple[str, str], Part] = {}
        self.findings: list[Finding] = []
        self.denied: dict[str, list[str]] = {}
        self.unknown: dict[str, list[str]] = {}
        self.obligations: set[str] = set()

    def take(self, holding: Holding) -> None:
        tally = holding.tally
        for value, amount in sorted(tally.license.items()):
            rights = read_license(value)
            self.take_license(holding, value, rights.expression, rights.unread, amount)
            for name in rights.terms:
                self.take_terms(holding, "license", value, name, amount)
        for value, amount in sorted(tally.terms.items()):
            for name in split_terms(value):
                self.take_terms(holding, "terms", value, name, amount)
        for column, models in (
            ("generated_by", tally.generated_by),
            ("judged_by", tally.judged_by),
        ):
            for model, amount in sorted(models.items()):
                found = terms_of_model(model)
                for name in found or ():
                    self.take_terms(holding, column, model, name, amount)
                if found is None and amount.rows:
                    self.note(self.unknown, "competing-models", f"{column} {model}")

    def take_license(
        self, holding: Holding, value: str, expression: str, unread: str, amount: Amount
    ) -> None:
        if not amount.rows:
            return
        _add(self.licenses, expression, expression, holding, amount)
        shown = (
            f"licence {expression}" if not unread else f"licence {unread!r}, read as NOASSERTION"
        )
        if expression == NOASSERTION and not unread:
            shown = "no licence is stated (NOASSERTION)"
        if self.deny and not satisfies(expression, lambda id_: id_ not in self.deny):
            self.refuse(holding, "deny", "license", value, amount, f"{shown} is denied")
        if self.allow is not None and expression not in self.allow:
            allow = self.allow
            if not satisfies(expression, lambda id_: id_ in allow):
                text = f"{shown}; it is not among those allowed"
                self.refuse(holding, "allow", "license", value, amount, text)
        for id_ in ids_of(expression):
            effect = effect_of_license(id_)
            self.obligations.update(effect.obligations)
            for permission in effect.denied:
                self.note(self.denied, permission, id_)
            for permission in effect.unknown:
                self.note(self.unknown, permission, "?" if id_ == NOASSERTION else id_)

    def take_terms(
        self, holding: Holding, column: str, value: str, name: str, amount: Amount
    ) -> None:
        if not amount.rows:
            return
        via = "" if column == "terms" else f"{column} {value}"
        _add(self.terms, (name, via), name, holding, amount, via)
        if name in self.deny_terms:
            text = f"terms {name}" + (f", from {via}" if via else "")
            self.refuse(holding, "deny_terms", column, value, amount, text)
        effect = effect_of_terms(name)
        self.obligations.update(effect.obligations)
        for permission in effect.denied:
            self.note(self.denied, permission, name)
        for permission in effect.unknown:
            self.note(self.unknown, permission, name)

    @staticmethod
    def note(where: dict[str, list[str]], permission: str, why: str) -> None:
        reasons = where.setdefault(permission, [])
        if why not in reasons:
            reasons.append(why)

    def refuse(
        self, holding: Holding, rule: str, column: str, value: str, amount: Amount, reason: str
    ) -> None:
        share = _share(amount, holding.tally)
        self.findings.append(
            Finding(
                holding.path,
                rule,
                column,
                value,
                amount.rows,
                amount.tokens,
                share,
                share * holding.share,
                reason,
            )
        )

    def verdict(self) -> Verdict:
        permissions = {}
        for name in PERMISSIONS:
            if name in self.denied:
                permissions[name] = f"no ({', '.join(self.denied[name][:MAX_SHOWN])})"
            elif name in self.unknown:
                permissions[name] = f"? ({', '.join(self.unknown[name][:MAX_SHOWN])})"
            else:
                permissions[name] = "yes"
        return Verdict(
            licenses=_by_share(self.licenses),
            terms=_by_share(self.terms),
            obligations=tuple(name for name in OBLIGATIONS if name in self.obligations),
            permissions=permissions,
            refusals=tuple(self.findings),
        )


def _canonical(entry: str) -> str:
    return read_license(entry).expression


def _share(amount: Amount, tally: Tally) -> Fraction:
    """Of the source's tokens; of its rows where it has no tokens."""
    if tally.total.tokens:
        return Fraction(amount.tokens, tally.total.tokens)
    return Fraction(amount.rows, max(tally.total.rows, 1))


def _add(
    parts: dict[Any, Part], key: Any, name: str, holding: Holding, amount: Amount, via: str = ""
) -> None:
    share = _share(amount, holding.tally) * holding.share
    old = parts.get(key)
    if old is None:
        parts[key] = Part(name, share, amount.rows, (holding.path,), via)
        return
    sources = old.sources if holding.path in old.sources else (*old.sources, holding.path)
    parts[key] = Part(name, old.share + share, old.rows + amount.rows, sources, via)


def _by_share(parts: Mapping[Any, Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts.values(), key=lambda part: (-part.share, part.name, part.via)))
