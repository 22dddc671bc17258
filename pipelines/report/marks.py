"""Where a rule bites in one text: the part of an example that a report marks.

Only for the few documents that a report shows, so it may be slow. Nothing is marked where no place
explains a rule: a text that is too short, a missing word.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from curation.kernels.hojichar import COMMENT_WORDS
from curation.pii import EMAIL_MASK
from curation.steps import Rule, Step
from pipelines.report import finders as f
from pipelines.report.finders import Finder, Span, matches

MARKED_CHARACTERS = 50_000  # of a longer text only its beginning is looked at


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


_MASKED_NUMBER = r"[+0-9(（X-]*X(?:[-X）) ]*X)+"
_COMMENTS = r"\d{4}[年.\-/] *\d{1,2}[月.\-/] *\d{1,2}日*|\([月火水木金土日]\)|\d+話|-|" + "|".join(
    map(re.escape, COMMENT_WORDS)
)

_FINDERS: dict[tuple[str, str], Finder] = {
    ("Normalise", "mojibake"): matches("[縺繧繝譁]+"),
    ("Normalise", "replacement"): matches("\ufffd+"),
    **{
        ("Characters", name): f.characters_that_count
        for name in (
            *("japanese_fraction", "katakana_fraction", "letter_fraction", "digit_fraction"),
            *("symbol_fraction", "control", "replacement_fraction"),
        )
    },
    **{
        ("Lines", name): f.lines_that_count
        for name in ("short_fraction", "bullet_fraction", "ellipsis_fraction", "ended_fraction")
    },
    ("Lines", "duplicate_fraction"): f.repeated_pieces(r"\n"),
    ("Lines", "duplicate_character_fraction"): f.repeated_pieces(r"\n"),
    ("Lines", "longest_characters"): f.longest_line,
    ("Repetition", "dup_para_frac"): f.repeated_pieces(r"\n{2,}"),
    ("Repetition", "dup_para_char_frac"): f.repeated_pieces(r"\n{2,}"),
    ("Repetition", "dup_line_frac"): f.repeated_pieces(r"\n+"),
    ("Repetition", "dup_line_char_frac"): f.repeated_pieces(r"\n+"),
    **{("Repetition", f"top_{n}_gram"): f.word_grams for n in range(2, 5)},
    **{("Repetition", f"duplicated_{n}_n_grams"): f.word_grams for n in range(5, 11)},
    ("Quality", "hash_ratio"): matches("#+"),
    ("Quality", "ellipsis_ratio"): matches(r"\.{3}|…"),
    ("Quality", "bullet_fraction"): f.lines_that_count,
    ("Quality", "ellipsis_fraction"): f.lines_that_count,
    ("Quality", "alpha_fraction"): f.words_without_letters,
    ("Quality", "word_characters"): f.long_or_short_words,
    ("C4", "lorem_ipsum_first"): matches("(?i)lorem ipsum"),
    ("C4", "lorem_ipsum_lines"): matches("(?i)lorem ipsum"),
    ("C4", "curly_bracket_lines"): matches("[{}]"),
    **{
        ("C4", name): f.lines_that_count
        for name in (
            *("long_word_lines", "unended_lines", "short_lines", "javascript_lines"),
            "policy_lines",
        )
    },
    ("C4", "sentences"): f.removed_lines,
    ("C4", "kept_lines"): f.removed_lines,
    ("FineWeb", "line_punct_ratio"): f.lines_that_count,
    ("FineWeb", "short_line_ratio"): f.lines_that_count,
    ("FineWeb", "char_dup_ratio"): f.repeated_pieces(r"\n+"),
    ("FineWeb", "list_ratio"): matches(r"\n+"),
    ("Japanese", "duplicate_paragraph_fraction"): f.repeated_paragraphs,
    ("Japanese", "duplicate_paragraph_fraction_in_character"): f.repeated_pieces(r"\n"),
    ("Japanese", "duplicate_sentence_fraction"): f.repeated_sentences,
    ("Japanese", "duplicate_sentence_fraction_in_character"): f.repeated_sentences,
    **{("Japanese", f"top_{n}gram_character_fraction"): f.character_grams for n in range(2, 5)},
    **{
        ("Japanese", f"duplicate_{n}gram_character_fraction"): f.character_grams
        for n in range(5, 11)
    },
    ("Japanese", "katakana_fraction"): matches("[\u30a1-\u30fa]+"),
    ("Japanese", "japanese_fraction"): f.characters_that_count,
    ("Japanese", "avg_sentence_length"): f.long_or_short_sentences,
    ("Japanese", "max_sentence_length"): f.long_or_short_sentences,
    ("Japanese", "ellipsis_fraction"): matches("[・…]+(?=[。\n]|$)"),
    ("HojiChar", "kana_in_lead"): f.lead,
    ("HojiChar", "comments"): matches(_COMMENTS),
    ("HojiChar", "repeated_grams"): f.five_grams,
    ("HojiChar", "longest_run"): f.longest_run,
    ("HojiChar", "ending_ellipses"): f.broken_lines_that_count,
    ("HojiChar", "short_lines"): matches("(?m)^[^\n]{1,10}$"),
    ("WordHits", ""): f.listed_words,
    ("Compression", "ratio"): f.ten_grams,
    ("PersonalData", "emails"): matches(re.escape(EMAIL_MASK)),
    ("PersonalData", "phones"): matches(_MASKED_NUMBER),
    ("PersonalData", "my_numbers"): matches(_MASKED_NUMBER),
}  # fmt: skip
