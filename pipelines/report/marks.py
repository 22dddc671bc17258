"""Where a rule bites in one text: the part of an example that a report marks.

Only for the few documents that a report shows, so it may be slow. Where a step measures a share of
lines or characters, the step itself is asked about each line or character alone, so that what is
marked is what it counted, whatever its options; repetition is found as the step's docstring says.
Nothing is marked where no place explains a rule: a text that is too short, a missing word.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from typing import Any

import pyarrow as pa

from curation.kernels.hojichar import COMMENT_WORDS
from curation.pii import EMAIL_MASK
from curation.steps import Rule, Step
from curation.words.languages import words_of

MARKED_CHARACTERS = 50_000  # of a longer text only its beginning is looked at

Span = tuple[int, int]  # characters
Finder = Callable[[str, Any, Rule], Iterable[Span]]


def marks(text: str, step: Step, rule: Rule) -> list[Span]:
    """The spans of `text` that a rule of `step` is about, in order and apart."""
    own = getattr(step, "marks", None)
    if own is not None:
        return _apart(own(text[:MARKED_CHARACTERS], rule))
    kind = type(step).__name__
    finder = _FINDERS.get((kind, rule.statistic)) or _FINDERS.get((kind, ""))
    if finder is None:
        return []
    head = text[:MARKED_CHARACTERS]
    return _apart(finder(head, step, rule))


def _apart(found: Iterable[Span]) -> list[Span]:
    answer: list[Span] = []
    for left, right in sorted(found):
        if answer and left <= answer[-1][1]:
            answer[-1] = (answer[-1][0], max(right, answer[-1][1]))
        elif right > left:
            answer.append((left, right))
    return answer


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


def _matches(pattern: str) -> Finder:
    compiled = re.compile(pattern)
    return lambda text, step, rule: (match.span() for match in compiled.finditer(text))


def lead(text: str, step: Any, rule: Rule) -> Iterator[Span]:
    """The first 50 characters, of which HojiChar judges."""
    yield 0, 50


_MASKED_NUMBER = r"[+0-9(（X-]*X(?:[-X）) ]*X)+"
_COMMENTS = r"\d{4}[年.\-/] *\d{1,2}[月.\-/] *\d{1,2}日*|\([月火水木金土日]\)|\d+話|-|" + "|".join(
    map(re.escape, COMMENT_WORDS)
)

_FINDERS: dict[tuple[str, str], Finder] = {
    ("Normalise", "mojibake"): _matches("[縺繧繝譁]+"),
    ("Normalise", "replacement"): _matches("\ufffd+"),
    **{
        ("Characters", name): characters_that_count
        for name in (
            *("japanese_fraction", "katakana_fraction", "letter_fraction", "digit_fraction"),
            *("symbol_fraction", "control", "replacement_fraction"),
        )
    },
    **{
        ("Lines", name): lines_that_count
        for name in ("short_fraction", "bullet_fraction", "ellipsis_fraction", "ended_fraction")
    },
    ("Lines", "duplicate_fraction"): repeated_pieces(r"\n"),
    ("Lines", "duplicate_character_fraction"): repeated_pieces(r"\n"),
    ("Lines", "longest_characters"): longest_line,
    ("Repetition", "dup_para_frac"): repeated_pieces(r"\n{2,}"),
    ("Repetition", "dup_para_char_frac"): repeated_pieces(r"\n{2,}"),
    ("Repetition", "dup_line_frac"): repeated_pieces(r"\n+"),
    ("Repetition", "dup_line_char_frac"): repeated_pieces(r"\n+"),
    **{("Repetition", f"top_{n}_gram"): word_grams for n in range(2, 5)},
    **{("Repetition", f"duplicated_{n}_n_grams"): word_grams for n in range(5, 11)},
    ("Quality", "hash_ratio"): _matches("#+"),
    ("Quality", "ellipsis_ratio"): _matches(r"\.{3}|…"),
    ("Quality", "bullet_fraction"): lines_that_count,
    ("Quality", "ellipsis_fraction"): lines_that_count,
    ("Quality", "alpha_fraction"): words_without_letters,
    ("Quality", "word_characters"): long_or_short_words,
    ("C4", "lorem_ipsum_first"): _matches("(?i)lorem ipsum"),
    ("C4", "lorem_ipsum_lines"): _matches("(?i)lorem ipsum"),
    ("C4", "curly_bracket_lines"): _matches("[{}]"),
    **{
        ("C4", name): lines_that_count
        for name in (
            *("long_word_lines", "unended_lines", "short_lines", "javascript_lines"),
            "policy_lines",
        )
    },
    ("C4", "sentences"): removed_lines,
    ("C4", "kept_lines"): removed_lines,
    ("FineWeb", "line_punct_ratio"): lines_that_count,
    ("FineWeb", "short_line_ratio"): lines_that_count,
    ("FineWeb", "char_dup_ratio"): repeated_pieces(r"\n+"),
    ("FineWeb", "list_ratio"): _matches(r"\n+"),
    ("Japanese", "duplicate_paragraph_fraction"): repeated_paragraphs,
    ("Japanese", "duplicate_paragraph_fraction_in_character"): repeated_pieces(r"\n"),
    ("Japanese", "duplicate_sentence_fraction"): repeated_sentences,
    ("Japanese", "duplicate_sentence_fraction_in_character"): repeated_sentences,
    **{("Japanese", f"top_{n}gram_character_fraction"): character_grams for n in range(2, 5)},
    **{
        ("Japanese", f"duplicate_{n}gram_character_fraction"): character_grams
        for n in range(5, 11)
    },
    ("Japanese", "katakana_fraction"): _matches("[\u30a1-\u30fa]+"),
    ("Japanese", "japanese_fraction"): characters_that_count,
    ("Japanese", "avg_sentence_length"): long_or_short_sentences,
    ("Japanese", "max_sentence_length"): long_or_short_sentences,
    ("Japanese", "ellipsis_fraction"): _matches("[・…]+(?=[。\n]|$)"),
    ("HojiChar", "kana_in_lead"): lead,
    ("HojiChar", "comments"): _matches(_COMMENTS),
    ("HojiChar", "repeated_grams"): five_grams,
    ("HojiChar", "longest_run"): longest_run,
    ("HojiChar", "ending_ellipses"): broken_lines_that_count,
    ("HojiChar", "short_lines"): _matches("(?m)^[^\n]{1,10}$"),
    ("WordHits", ""): listed_words,
    ("Compression", "ratio"): ten_grams,
    ("PersonalData", "emails"): _matches(re.escape(EMAIL_MASK)),
    ("PersonalData", "phones"): _matches(_MASKED_NUMBER),
    ("PersonalData", "my_numbers"): _matches(_MASKED_NUMBER),
}  # fmt: skip
