"""Personal data masked: e-mail addresses, Japanese phone numbers, My Number.

A text is matched on its shadow, where full-width digits, letters, ＠, brackets and all dashes stand
as ASCII, character for character, so that a match's place is its place in the text; the text itself
is changed nowhere else. Formats and look-arounds: facts of the numbering plan (03-1234-5678,
0120-..., +81 without the 0); the check digit of My Number as in python-stdnum's jp.in_, and only
near words that speak of it, since one in ten numbers of twelve digits has a right check digit.
Free and special services (0120, 0800, 0570, 0990) are nobody's own and stay, and so do digits alone
where an address of the web or a word such as ISBN says that they number something else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import numpy as np
import pyarrow as pa

from curation.kernels.buffers import Bytes, Offsets, from_utf8, utf8_view
from curation.kernels.pii import ADDRESS, NUMBER, candidate_lines
from curation.rules.base import RuleStep, integer
from curation.steps import Rule, Scored

EMAIL_MASK = "email@example.com"

_DASHES = "‐‑‒–—―−﹣－˗‾─━⁃"
_SHADOW: dict[int, int | str] = {
    **{0xFF01 + k: 0x21 + k for k in range(94)},  # full-width ASCII
    **{ord(dash): "-" for dash in _DASHES},
    0x3000: " ",
    0xA0: " ",
}
_LONG_VOWEL_BETWEEN_DIGITS = re.compile(r"(?<=[0-9)])[ーｰ](?=[0-9(])")
_INTERESTING = re.compile(r"[0-9０-９]{2}|[@＠★]|[(\[（［][aA][tT][)\]）］]")

_LOCAL = re.compile(r"[A-Za-z0-9._%+'-]{1,64}\Z")
# RFC 5321 section 4.1.2, Quoted-string; not the value of an attribute, as in class="x"@click.once.
_QUOTED_LOCAL = re.compile(
    r'(?:(?<=[\s<(\[{:;,|])|(?<=[^\x00-\x7f])|(?<![\s\S]))"(?:[^"\\\r\n]|\\[ -~]){1,62}"\Z'
)
_DOT = r"(?:\.| ?\((?:dot|DOT)\) ?| ?\[(?:dot|DOT)\] ?)"
_DOMAIN = re.compile(rf"[A-Za-z0-9-]{{1,63}}(?:{_DOT}(?P<top>[A-Za-z0-9-]{{1,63}})){{1,8}}")
_AT = re.compile(  # each begins with a character of its own, which `re` looks for at once
    r"@|★|\((?:at|AT)\) ?| \((?:at|AT)\) ?|\[(?:at|AT)\] ?| \[(?:at|AT)\] ?"
)

_FILES = frozenset(("png", "jpg", "jpeg", "gif", "webp", "svg", "css", "js"))  # icon@2x.png

# Nothing that a number would go on from, or the name of its kind without a space.
_TEL = r"(?:[Tt][Ee][Ll]|[Ff][Aa][Xx])"
_NAMED = "|".join(
    rf"(?<=(?<![A-Za-z]){name})" for name in (_TEL, rf"{_TEL}[.=/-]", r"[FMPTfmpt]\.")
)
_FREE = rf"(?:(?<![0-9A-Za-z+_.-])|{_NAMED})"
_NOT_IN_URL = rf"(?:(?<![0-9A-Za-z+_.-])(?<![0-9A-Za-z%_-][/=])|{_NAMED})"
_END = r"(?:(?![0-9A-Za-z_]|-[0-9])|(?=(?i:tel|fax|ext|e-?mail|http)))"
_GAP = r"(?: ?[-.・･] ?| )"
_ABROAD = (  # +81, (+81), 0081 and 010-81, as dialled from Japan; the 0 that abroad leaves out
    rf"(?P<abroad>(?:\(?\+ ?81\)?|0081(?=[ (.-])|010[ -]?81(?=[ (.-])){_GAP}?"
    rf"(?:\(0\){_GAP}?|\(0?|0)?)"
)
_PHONE = re.compile(
    rf"{_FREE}(?:{_ABROAD}|\(0|0)"
    rf"(?P<area>[0-9]{{1,4}})(?:{_GAP}|\)[- ]?| ?\()"
    rf"(?P<middle>[0-9]{{1,4}})(?: ?[-.・･] ?|\)[- ]?| )(?P<last>[0-9]{{4}}){_END}"
)
_TWO_PARTS = re.compile(
    rf"{_FREE}(?:{_ABROAD}|\(0|0)"
    rf"(?P<area>[1-9][0-9]{{0,3}})(?P<gap>{_GAP}|\)[- ]?)(?P<rest>[0-9]{{5,8}}){_END}"
)
_PLAIN_PHONE = re.compile(
    rf"{_NOT_IN_URL}(?:{_ABROAD}(?P<rest>[1-9][0-9]{{8,9}})|0[1-9][0-9]{{8,9}}){_END}"
)
# Where one stands near, ten digits are a book, 5, 1 and 4 an account of Japan Post Bank.
_NUMBERED = re.compile(r"(?i:ISBN|ASIN)|口座|振替")
_NUMBERED_NEAR = 16  # characters before the number
_ALL_DIGITS = "123456789"  # behind a 0: the ten digits in order, nobody's number
_MOBILE = ("50", "60", "70", "80", "90")
_NOBODYS = ("120", "800", "570", "990")

_TWELVE = re.compile(
    r"(?<![0-9A-Za-z_-])[0-9]{4}(?P<gap>[- ・･]?)[0-9]{4}(?P=gap)[0-9]{4}(?![0-9A-Za-z_]|-[0-9])"
)
_MY_NUMBER_WORDS = (
    *("マイナンバー", "ﾏｲﾅﾝﾊﾞｰ", "個人番号"),
    *("My Number", "My number", "my number", "MY NUMBER", "Individual Number"),
)
_MY_NUMBER_BYTES = tuple(word.encode() for word in _MY_NUMBER_WORDS)
_CONTEXT = 40  # characters before and after in which one of these words must stand


def shadow(text: str) -> str:
    """The text with full-width forms and dashes as ASCII, of the same length."""
    if text.isascii():
        return text
    folded = text.translate(_SHADOW)
    return _LONG_VOWEL_BETWEEN_DIGITS.sub("-", folded)


def check_digit(digits: str) -> int:
    """The twelfth digit of a My Number that starts with these eleven digits."""
    weights = (6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2)
    rest = sum(w * int(d) for w, d in zip(weights, digits[:11], strict=True)) % 11
    return 0 if rest <= 1 else 11 - rest


def emails(folded: str) -> Iterator[tuple[int, int]]:
    """Places of e-mail addresses in a shadow, (at) and ★ for @ included."""
    free = 0
    for at in _AT.finditer(folded):
        begin = _local_begin(folded, max(free, at.start() - 64), at.start())
        domain = _DOMAIN.match(folded, at.end())
        if begin is None or domain is None:
            continue
        top = domain["top"].rstrip("-")
        end = domain.end() - len(domain["top"]) + len(top)
        if 2 <= len(top) <= 24 and top.isalpha() and top.lower() not in _FILES:
            free = end
            if folded[begin:end] != EMAIL_MASK:
                yield begin, end


def _local_begin(folded: str, first: int, at: int) -> int | None:
    """Where the part of an address before its @ at `at` begins, from `first` on; None: nowhere."""
    if folded.endswith('"', first, at):
        quoted = _QUOTED_LOCAL.search(folded, first, at)
        return None if quoted is None else quoted.start()
    local = _LOCAL.search(folded, first, at)
    if local is None:
        return None
    begin = at - len(local.group().lstrip(".-'"))
    return begin if begin < at else None


def phones(folded: str) -> Iterator[tuple[int, int, int]]:
    """Places of phone numbers of persons in a shadow: (begin, where masking starts, end)."""
    found = []
    for match in _PHONE.finditer(folded):
        area, middle = match["area"], match["middle"]
        digits = len(area) + len(middle)
        mobile = area in _MOBILE and len(middle) == 4
        fixed = digits == 5 and area[0] in "123456789" and (len(area) > 1 or area in "346")
        account = len(middle) == 1 and not match["abroad"] and _numbered(folded, match.start())
        free = area in _NOBODYS and not match["abroad"]
        if (mobile or fixed) and not (free or account):
            found.append((match.start(), match.start("middle"), match.end()))
    for match in _TWO_PARTS.finditer(folded):
        area, rest = match["area"], match["rest"]
        mobile = area in _MOBILE and len(rest) == 8
        fixed = len(area) + len(rest) == 9
        if (mobile and match["gap"] != " ") or (match["abroad"] and (mobile or fixed)):
            found.append((match.start(), match.start("rest"), match.end()))
    for match in _PLAIN_PHONE.finditer(folded):
        number = match["rest"] or match.group()[1:]
        mobile = number[:2] in _MOBILE
        taken = number[:3] in _NOBODYS or number == _ALL_DIGITS
        other = not (mobile or match["abroad"]) and _numbered(folded, match.start())
        if len(number) == (10 if mobile else 9) and not (taken or other):
            found.append((match.start(), match.end() - len(number) + 2, match.end()))
    yield from sorted(found)


def _numbered(folded: str, begin: int) -> bool:
    """Whether a word before `begin` says that the number there is that of a book or an account."""
    return _NUMBERED.search(folded, max(0, begin - _NUMBERED_NEAR), begin) is not None


def my_numbers(text: str, folded: str) -> Iterator[tuple[int, int]]:
    """Places of My Numbers in a text by its shadow: right check digit, a word for it near by."""
    if not any(word in text for word in _MY_NUMBER_WORDS):
        return
    for match in _TWELVE.finditer(folded):
        digits = "".join(c for c in match.group() if c in "0123456789")
        if int(digits[11]) != check_digit(digits):
            continue
        begin, end = match.span()
        near = text[max(0, begin - _CONTEXT) : end + _CONTEXT]
        if any(word in near for word in _MY_NUMBER_WORDS):
            yield begin, end


def mask(text: str, held: int = ADDRESS | NUMBER) -> tuple[str, int, int, int]:
    """(text with personal data masked, e-mail addresses, phone numbers, My Numbers).

    `held` says which of ADDRESS and NUMBER the text can hold; the other is not looked for."""
    if _INTERESTING.search(text) is None:
        return text, 0, 0, 0
    folded = shadow(text)
    changes: list[tuple[int, int, str]] = []
    mails = list(emails(folded)) if held & ADDRESS else []
    changes += [(begin, end, EMAIL_MASK) for begin, end in mails]
    numbers = list(my_numbers(text, folded))
    changes += [(begin, end, _crossed(text[begin:end])) for begin, end in numbers]
    calls = list(phones(folded)) if held & NUMBER else []
    changes += [
        (begin, end, text[begin:start] + _crossed(text[start:end])) for begin, start, end in calls
    ]
    if not changes:
        return text, 0, 0, 0
    pieces = []
    at = 0
    for begin, end, replacement in sorted(changes):
        if begin >= at:
            pieces += [text[at:begin], replacement]
            at = end
    return "".join([*pieces, text[at:]]), len(mails), len(calls), len(numbers)


def _crossed(text: str) -> str:
    """Every digit, full-width ones too, replaced by X."""
    return "".join("X" if c.isdecimal() else c for c in text)


class PersonalData(RuleStep):
    """The step `pii`: masks personal data in the text and counts it."""

    default_name = "pii"
    rewrites = True
    options: ClassVar[dict[str, type]] = {}
    statistics = (
        integer("emails", "matches", "e-mail addresses masked"),
        integer("phones", "matches", "Japanese phone numbers masked"),
        integer("my_numbers", "matches", "My Numbers masked"),
    )

    def __init__(self, *, rules: Sequence[Rule] = (), name: str | None = None) -> None:
        super().__init__(rules=rules, name=name)
        self.settings = {"email": EMAIL_MASK, "context": _CONTEXT, "formats": 4}

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        data, offsets = utf8_view(text)
        counts = np.zeros((len(text), 3), np.int64)
        grown = np.zeros(len(text), np.int64)  # bytes that a text gains
        pieces: list[bytes | memoryview] = []
        view = data.data
        at = int(offsets[0])
        for row, begin, end, held in _windows(data, offsets):
            before = bytes(view[begin:end])
            after, *found = mask(before.decode(), held)
            if any(found):
                counts[row] += found
                new = after.encode()
                pieces += [view[at:begin], new]
                at = end
                grown[row] += len(new) - len(before)
        scores = self.arrays([counts[:, k] for k in range(3)])
        if not pieces:
            return Scored(scores)
        joined = np.frombuffer(b"".join([*pieces, view[at : int(offsets[-1])]]), np.uint8)
        ends = offsets - offsets[0] + np.concatenate([[0], np.cumsum(grown)])
        return Scored(scores, from_utf8(joined, ends))


def _windows(data: Bytes, offsets: Offsets) -> list[tuple[int, int, int, int]]:
    """(row, first byte, past the last byte, ADDRESS | NUMBER) of what `mask` must see: whole texts
    that speak of My Number and have as many digits, else lines with a candidate; e-mail and phone
    never cross a line."""
    lines, whole = candidate_lines(data, offsets)
    for row in np.flatnonzero(whole).tolist():
        held = bytes(data[offsets[row] : offsets[row + 1]])
        whole[row] = any(word in held for word in _MY_NUMBER_BYTES)
    rows = np.flatnonzero(whole)
    every = np.full(len(rows), ADDRESS | NUMBER)
    texts = np.stack([rows, offsets[rows], offsets[rows + 1], every], axis=1)
    both = np.concatenate([lines[~whole[lines[:, 0]]], texts])
    ordered = both[np.argsort(both[:, 1], kind="stable")]
    return [(row, begin, end, held) for row, begin, end, held in ordered.tolist()]
