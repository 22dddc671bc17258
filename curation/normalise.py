"""Normalisation of text: what it may change is listed here, each rule can be switched off.

    newlines          CR LF, CR, U+0085, U+2028, U+2029 become LF
    controls          C0 and C1 controls but TAB and LF, U+FEFF, U+200B, U+2060, noncharacters go
    mojibake          UTF-8 once read as latin-1 or cp1252 is mended by ftfy (and nothing else)
    halfwidth_kana    half-width katakana and marks become full-width, dakuten joined to their kana
    fullwidth_ascii   full-width letters and digits become ASCII; punctuation such as （）！～ stays
    ideographic_space U+3000 becomes a space
    nfc               canonical composition

NFKC is never applied to text: it turns ① into 1, ㈱ into (株) and ｍ² into m2; it belongs into
matching keys. Nothing here deletes a tilde, a wave dash or a (semi-)voiced mark.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from curation.base.marks import normal
from curation.steps import Rule, Scored, Statistic

_NEWLINES = re.compile("\r\n?|[\x85\u2028\u2029]")
_CONTROLS = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufeff\u200b\u2060\ufdd0-\ufdef\ufffe\uffff]"
)
_KANA = re.compile("[\uff61-\uff9f]+")
_ALONE = "\uff9e\uff9f"
_MARKS = str.maketrans(_ALONE, "\u309b\u309c")  # half-width marks standing alone -> ゛ ゜
_FULLWIDTH = {c: c - 0xFEE0 for c in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B))} | {
    c: c - 0xFEE0 for c in range(0xFF41, 0xFF5B)
}

# What sends a document to the Python rules at all; the rest is passed on untouched.
_SUSPECT = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x{9f}\x{feff}\x{200b}\x{2028}\x{2029}\x{2060}\x{fdd0}-\x{fdef}"
    r"\x{fffe}\x{ffff}\x{ff61}-\x{ff9f}\x{ff10}-\x{ff19}\x{ff21}-\x{ff3a}\x{ff41}-\x{ff5a}\x{3000}]"
)
# UTF-8 lead bytes followed by continuation bytes, both read as latin-1 or cp1252.
_LATIN_MOJIBAKE = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]"
)
# 縺 繧 繝 譁: what the lead bytes of Japanese UTF-8 become when read as cp932.
_CP932_MOJIBAKE = "[縺繧繝譁]"

RULES = ("newlines", "controls", "mojibake", "halfwidth_kana", "fullwidth_ascii")
SWITCHES = (*RULES, "ideographic_space", "nfc")

_OURS = "awase docs/rules.md, Thresholds of our own"
MAX_MOJIBAKE = 0.03
MAX_REPLACEMENT = 0.001


@dataclass(frozen=True)
class Normalise:
    """The step `normalise`: rewrites text, and counts what only a broken decoding leaves behind."""

    off: frozenset[str] = frozenset()
    name: str = "normalise"
    rewrites: bool = True
    statistics: tuple[Statistic, ...] = (
        Statistic("mojibake", pa.float64(), "share of characters", "縺繧繝譁: UTF-8 read as cp932"),
        Statistic("replacement", pa.float64(), "share of characters", "U+FFFD"),
        Statistic("changed", pa.bool_(), "", "the text was changed by a rule of this step"),
    )
    rules: tuple[Rule, ...] = (
        Rule("mojibake", "mojibake", ">=", MAX_MOJIBAKE, f"{_OURS}: 3 % of 縺繧繝譁"),
        Rule("replacement", "replacement", ">", MAX_REPLACEMENT, f"{_OURS}: 0.1 % of U+FFFD"),
    )
    source: str = (
        "Unicode Standard Annex 15 (NFC); ftfy 6 fix_encoding; docs/curation.md says which"
    )
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if unknown := sorted(self.off - set(SWITCHES)):
            raise ValueError(f"normalise has no rule {unknown[0]!r}; there are {SWITCHES}")
        self.settings.update(off=sorted(self.off), unicode=unicodedata.unidata_version)

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        suspect = pc.match_substring_regex(text, _SUSPECT).to_pylist()
        before = text.to_pylist()
        after = [self.text(t, suspect=s) for t, s in zip(before, suspect, strict=True)]
        changed = [a is not b and a != b for a, b in zip(after, before, strict=True)]
        rewritten = pa.array(after, pa.large_string()) if any(changed) else None
        now = text if rewritten is None else rewritten
        length = pc.max_element_wise(pc.utf8_length(now), 1).cast(pa.float64())
        scores = {
            "mojibake": pc.divide(
                pc.count_substring_regex(now, _CP932_MOJIBAKE).cast(pa.float64()), length
            ),
            "replacement": pc.divide(pc.count_substring(now, "\ufffd").cast(pa.float64()), length),
            "changed": pa.array(changed, pa.bool_()),
        }
        return Scored(scores, rewritten)

    def text(self, text: str, *, suspect: bool = True) -> str:
        """`text` after the rules that are on; `suspect=False` skips those that cannot apply."""
        if text.isascii() and not suspect:
            return text
        if suspect and "newlines" not in self.off:
            text = _NEWLINES.sub("\n", text)
        if "mojibake" not in self.off and not text.isascii():
            text = mend(text)
        if suspect:
            text = self._widths(text)
        if "nfc" not in self.off and not unicodedata.is_normalized("NFC", text):
            text = normal("NFC", text)
        return text

    def _widths(self, text: str) -> str:
        if "controls" not in self.off:
            text = _CONTROLS.sub("", text)
        if text.isascii():
            return text
        if "halfwidth_kana" not in self.off:
            text = _KANA.sub(_full_width, text)
        if "fullwidth_ascii" not in self.off:
            text = text.translate(_FULLWIDTH)
        if "ideographic_space" not in self.off:
            text = text.replace("\u3000", " ")
        return text


def mend(text: str) -> str:
    """Undo UTF-8 read as latin-1 or cp1252; any other text comes back as it is.

    ftfy with its width, quote, ligature, control and normalisation fixes off: those are wrong for
    Japanese, or a rule of their own here.
    """
    if not _LATIN_MOJIBAKE.search(text):
        return text
    from ftfy import fix_encoding

    return str(fix_encoding(text))


def _full_width(match: re.Match[str]) -> str:
    run = match.group()
    first = run.lstrip(_ALONE)
    alone = run[: len(run) - len(first)]
    before = match.string[match.start() - 1] if alone and match.start() else ""
    if "\u3041" <= before <= "\u30ff":  # a mark behind full-width kana: NFC joins it to that kana
        return unicodedata.normalize("NFKC", run)
    return alone.translate(_MARKS) + unicodedata.normalize("NFKC", first)
