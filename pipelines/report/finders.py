"""Ways to find the part of a text that a statistic is about.

Where a step measures a share of lines or characters, the step itself is asked about each line or
character alone, so that what is marked is what it counted, whatever its options; repetition is
found as the step's docstring says.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from curation.steps import Rule
from curation.words.languages import words_of

Span = tuple[int, int]  # characters
Finder = Callable[[str, Any, Rule], Iterable[Span]]


def lines(text: str) -> list[Span]:
    """Lines that are not blank, without the white space around them."""
    return _stripped(text, _pieces(text, r"\n"))


def _pieces(text: str, boundary: str) -> list[Span]:
    """What lies between the matches of `boundary`, empty pieces included."""
    found, place = [], 0
    for match in re.finditer(boundary, text):
        found.append((place, match.start()))
        place = match.end()
    return [*found, (place, len(text))]


def _stripped(text: str, pieces: Iterable[Span]) -> list[Span]:
    found = []
    for left, right in pieces:
        piece = text[left:right]
        start = left + len(piece) - len(piece.lstrip())
        if stop := len(piece.strip()):
            found.append((start, start + stop))
    return found


def _asked(step: Any, texts: Sequence[str], statistic: str) -> list[Any]:
    answer: list[Any] = (
        step.score(pa.array(texts, pa.large_string()), {}).scores[statistic].to_pylist()
    )
    return answer


def lines_that_count(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    """The lines that alone have the statistic: all of it where there may be at most so much of it,
    none of it where there must be at least so much."""
    places = lines(text)
    values = _asked(step, [text[left:right] for left, right in places], rule.statistic)
    wanted = (lambda value: not value) if rule.op in ("<", "<=") else bool
    yield from (place for place, value in zip(places, values, strict=True) if wanted(value))


def broken_lines_that_count(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    """As `lines_that_count` for a step that counts lines by their line ends."""
    places = lines(text)
    values = _asked(step, [text[left:right] + "\n" for left, right in places], rule.statistic)
    yield from (place for place, value in zip(places, values, strict=True) if value)


def characters_that_count(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    """The characters that alone have the statistic, or lack it where it is wanted."""
    every = sorted(set(text))
    values = dict(zip(every, _asked(step, every, rule.statistic), strict=True))
    missing = rule.op in ("<", "<=")
    for place, character in enumerate(text):
        value = values[character]
        if not character.isspace() and (value == 0 if missing else bool(value)):
            yield place, place + 1


def removed_lines(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    """The lines that C4 takes away: why few sentences are left."""
    places = lines(text)
    values = _asked(step, [text[left:right] for left, right in places], "kept_lines")
    yield from (place for place, value in zip(places, values, strict=True) if not value)


def repeated_pieces(boundary: str) -> Finder:
    """Pieces that an earlier one equals, blank ones left out."""

    def find(text: str, step: Any, rule: Rule) -> Iterator[Span]:
        yield from _repeated(text, _stripped(text, _pieces(text, boundary)))

    return find


def _repeated(text: str, places: Iterable[Span]) -> Iterator[Span]:
    seen: set[str] = set()
    for left, right in places:
        piece = text[left:right]
        if piece in seen:
            yield left, right
        seen.add(piece)


def repeated_paragraphs(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    """Lines that an earlier one equals; as published, blank ones count: their ends are marked."""
    places = _stripped(text, _pieces(text, r"\n"))
    yield from _repeated(text, places)
    if step.settings["published"]:
        blank = [match.span() for match in re.finditer(r"(?m)^[^\S\n]*\n", text)]
        yield from blank[1:]


_SENTENCE = re.compile('[^。．！？!?…\n]+[。．！？!?…」』）)"”]*')


def sentences(text: str) -> list[Span]:
    return _stripped(text, (match.span() for match in _SENTENCE.finditer(text)))


def repeated_sentences(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    yield from _repeated(text, sentences(text))


def long_or_short_sentences(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    """Sentences beyond the threshold of a mean or longest length, in the rule's direction."""
    bound = float(rule.threshold)
    for left, right in sentences(text):
        size = right - left
        if size < bound if rule.op in ("<", "<=") else size > bound:
            yield left, right


def longest_line(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    yield max(lines(text), key=lambda place: place[1] - place[0], default=(0, 0))


def _number(statistic: str) -> int:
    return int(re.search(r"\d+", statistic).group())  # type: ignore[union-attr]


def word_grams(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    """The most frequent n-gram of words, the first met of equals, be it but once in a short text;
    or every later occurrence of one that is repeated."""
    places = words_of(step.language).places(text)
    size = _number(rule.statistic)
    words = [text[left:right] for left, right in places]
    grams = [tuple(words[k : k + size]) for k in range(len(words) - size + 1)]
    counts = Counter(grams)
    top = counts.most_common(1)[0][0] if counts else None
    seen: set[tuple[str, ...]] = set()
    for k, gram in enumerate(grams):
        bites = gram == top if rule.statistic.startswith("top") else gram in seen
        seen.add(gram)
        if bites:
            yield places[k][0], places[k + size - 1][1]


def character_grams(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    """The same of characters, for Japanese."""
    yield from _grams(text, _number(rule.statistic), top=rule.statistic.startswith("top"))


def five_grams(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    yield from _grams(text, 5, top=False)


def ten_grams(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    """What makes a text compress well; nothing where it does not compress."""
    if rule.op in ("<", "<="):
        yield from _grams(text, 10, top=False)


def _grams(text: str, size: int, *, top: bool) -> Iterator[Span]:
    grams = [text[k : k + size] for k in range(len(text) - size + 1)]
    counts = Counter(grams)
    first = counts.most_common(1)[0][0] if counts else ""
    seen: set[str] = set()
    for place, gram in enumerate(grams):
        if gram == first if top else gram in seen:
            yield place, place + size
        seen.add(gram)


def longest_run(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    runs = (match.span() for match in re.finditer(r"(.)\1*", text, re.S))
    yield max(runs, key=lambda span: span[1] - span[0], default=(0, 0))


def words_without_letters(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    for left, right in words_of(step.language).places(text):
        if not any(character.isalpha() for character in text[left:right]):
            yield left, right


def long_or_short_words(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    bound = float(rule.threshold)
    for left, right in words_of(step.language).places(text):
        size = right - left
        if any(c.isalnum() for c in text[left:right]) and (
            size < bound if rule.op in ("<", "<=") else size > bound
        ):
            yield left, right


_KATAKANA = "\u30a1-\u30f4\u30fc"


@cache
def _alternation(words: tuple[str, ...], bounded: bool) -> re.Pattern[str]:
    katakana = re.compile(f"[{_KATAKANA}]+")
    inside = [w for w in words if not (bounded and katakana.fullmatch(w))]
    alone = [w for w in words if bounded and katakana.fullmatch(w)]
    pieces = [re.escape(word) for word in inside]
    if alone:
        either = "|".join(re.escape(word) for word in alone)
        pieces.append(f"(?<![{_KATAKANA}])(?:{either})(?![{_KATAKANA}])")
    return re.compile("|".join(pieces))


def listed_words(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    pattern = _alternation(step.words, step.settings["katakana_boundaries"])
    yield from (match.span() for match in pattern.finditer(text))


def matches(pattern: str) -> Finder:
    compiled = re.compile(pattern)
    return lambda text, step, rule: (match.span() for match in compiled.finditer(text))


def lead(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    """The first 50 characters, of which HojiChar judges."""
    yield 0, 50
