"""What the split needs of spaCy: kinds of characters, special cases, units; refused if changed."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections import namedtuple
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from curation.base.errors import Failed
from curation.base.marks import ASSIGNED
from curation.kernels.classes import every_character
from curation.words.flags import SENTENCE_END, word_flags

# Flags of one code point, above those of `curation.words.flags`.
(
    PREFIX,  # a prefix by itself
    SUFFIX,  # a suffix by itself
    INFIX,  # an infix by itself
    ALPHA,  # spaCy's ALPHA class; LOWER and UPPER likewise
    LOWER,
    UPPER,
    ASCII_DIGIT,
    QUOTE,
    BEFORE_DOT,  # a dot after it is a suffix
    LABEL_EDGE,  # may stand at the edge of a host's label, LABEL_INNER within
    LABEL_INNER,
    SCHEME,
    DIGIT,  # a digit of any script, \d
    UNIT_END,
) = (1 << bit for bit in range(4, 18))

# SHA-256 of the compiled expressions of spaCy 3.8.18: the kernels implement what these say.
EXPRESSIONS = {
    "prefix": "7aea2cc4f6485aee9e58e1e3fc210071f264803a679d7a972135b8c59ba7bdd5",
    "suffix": "dd56f4c42b61ebcd5a0a3225517eb380c9454f6cb3d240e7d8c470b47c9c19e0",
    "infix": "b63cbb601f9759784870f088ca561d38b31b859289b9de15ac5ba278b02aae1d",
    "url": "7adb1342672774f94ffb32ef3bc6eb2f7a5a803ab8c51920bba19c34fd9cec14",
}

_M64 = (1 << 64) - 1

Tables = namedtuple(
    "Tables",
    "flags case_key case_id case_start case_text case_filter case_longest piece_start piece_length "
    "pattern_key pattern_case pattern_filter pattern_longest pattern_effect pair_key "
    "unit_key unit_length unit_longest",
)


class Unsupported(Failed):
    """The installed spaCy splits words by other rules than the ones transcribed here."""


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise Unsupported(
            f"the installed spaCy has other English {what} than spaCy 3.8.18: "
            "install spacy==3.8.18, or use a profile without word rules"
        )


def hash_text(text: str) -> int:
    """The hash of the kernels (`chunk.hash_span`) over a string's code points."""
    h = 0xCBF29CE484222325
    for character in text:
        h = ((h ^ ord(character)) * 0x100000001B3) & _M64
    h ^= len(text) << 40
    h ^= h >> 32
    h = (h * 0x9FB21C651E98DF25) & _M64
    h ^= h >> 29
    return h or 1


def hash_sequence(hashes: Iterable[int]) -> int:
    """The hash of the kernels (`chunk.extend`) over hashes of consecutive words."""
    h = 0x1234567
    for value in hashes:
        h = ((h ^ value) * 0xFF51AFD7ED558CCD) & _M64
        h ^= h >> 32
    return h or 1


def read_tables(nlp: Any) -> Tables:
    """The tables of a blank English pipeline with a sentencizer; Unsupported where it differs."""
    tokenizer = nlp.tokenizer
    _expect(tokenizer.token_match is None, "token_match")
    _expect(tokenizer.faster_heuristics is True, "heuristics")
    for name, found in (
        ("prefix", tokenizer.prefix_search),
        ("suffix", tokenizer.suffix_search),
        ("infix", tokenizer.infix_finditer),
        ("url", tokenizer.url_match),
    ):
        digest = hashlib.sha256(found.__self__.pattern.encode()).hexdigest()
        _expect(digest == EXPRESSIONS[name], f"{name} expressions")
    flags = _flags(nlp.get_pipe("sentencizer").punct_chars)
    units = _units(flags)
    return _pack(flags, *_special_cases(tokenizer), units)


def _flags(sentence_ends: Iterable[str]) -> npt.NDArray[np.uint32]:
    from spacy.lang import char_classes as cc
    from spacy.lang.en import English

    prefixes, suffixes, infixes = (
        list(rules)
        for rules in (
            English.Defaults.prefixes,
            English.Defaults.suffixes,
            English.Defaults.infixes,
        )
    )
    _expect(cc.HYPHENS == "-|–|—|--|---|——|~", "hyphens")
    _expect(cc.LIST_ELLIPSES == [r"\.\.+", "…"], "ellipses")
    _expect({p for p in cc.LIST_CURRENCY if len(p) > 2} == {r"US\$", r"C\$", r"A\$"}, "currencies")
    every = every_character()
    flags = word_flags().copy()

    def mark(members: str, bit: int) -> None:
        runs = re.compile("[" + members + "]+")
        for start, stop in ASSIGNED:
            for match in runs.finditer(every, start, stop):
                flags[match.start() : match.end()] |= np.uint32(bit)

    def singles(pieces: list[str], bit: int, longer: set[str]) -> None:
        for piece in pieces:
            if piece in longer or not piece.strip():  # spaCy skips empty pieces too
                continue
            if len(piece) > 2 and piece[0] == "[" and piece[-1] == "]":
                mark(piece[1:-1], bit)
                continue
            character = piece[1:] if len(piece) == 2 and piece[0] == "\\" else piece
            _expect(len(character) == 1, f"piece {piece!r}")
            flags[ord(character)] |= np.uint32(bit)

    longer = {r"\.\.+", "……"}
    singles(prefixes, PREFIX, longer | {r"\+(?![0-9])", r"US\$", r"C\$", r"A\$"})
    singles([*suffixes[: suffixes.index("'s")], "—", "–"], SUFFIX, longer)
    singles(infixes[: len(cc.LIST_ELLIPSES) + len(cc.LIST_ICONS)], INFIX, longer)
    for members, bit in (
        (cc.ALPHA, ALPHA),
        (cc.ALPHA_LOWER, LOWER),
        (cc.ALPHA_UPPER, UPPER),
        ("0-9", ASCII_DIGIT),
        (cc.CONCAT_QUOTES, QUOTE),
        (suffixes[-2][len("(?<=[") : -len(r"])\.")], BEFORE_DOT),
        (r"A-Za-z0-9\u00a1-\uffff", LABEL_EDGE),
        (r"A-Za-z0-9\u00a1-\uffff_-", LABEL_INNER),
        (r"\w\+\-\.", SCHEME),
        (r"\d", DIGIT),
    ):
        mark(members, bit)
    for character in sentence_ends:
        flags[ord(character)] |= np.uint32(SENTENCE_END)
    return flags


def _units(flags: npt.NDArray[np.uint32]) -> set[str]:
    from spacy.lang import char_classes as cc

    units = {u.replace("\\", "") for u in cc.UNITS.split("|") + cc.CURRENCY.split("|")}
    for unit in units:
        _expect(not any(c in "0123456789" for c in unit), f"unit {unit!r}")
        flags[ord(unit[-1])] |= np.uint32(UNIT_END)
    return units


def _special_cases(tokenizer: Any) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Special case -> its words; and, for those that affix rules cut, -> the words they leave."""
    from spacy.tokenizer import Tokenizer

    bare = Tokenizer(
        tokenizer.vocab,
        rules={},
        prefix_search=tokenizer.prefix_search,
        suffix_search=tokenizer.suffix_search,
        infix_finditer=tokenizer.infix_finditer,
        token_match=None,
        url_match=tokenizer.url_match,
    )
    strings = tokenizer.vocab.strings
    orth = strings["ORTH"]
    cases: dict[str, list[str]] = {}
    patterns: dict[str, list[str]] = {}
    for text, pieces in tokenizer.rules.items():
        words = []
        for piece in pieces:
            value = next(v for k, v in piece.items() if k in ("ORTH", orth))
            words.append(value if isinstance(value, str) else strings[value])
        _expect("".join(words) == text, f"special case {text!r}")
        if any(c.isspace() for c in text):
            continue  # never part of a chunk
        cases[text] = words
        if tokenizer.find_prefix(text) or tokenizer.find_infix(text) or tokenizer.find_suffix(text):
            patterns[text] = [token.text for token in bare(text)]
    return cases, patterns


def _hash_table(
    items: Iterable[tuple[int, int]],
) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.int32]]:
    """Open addressing: key 0 marks an empty place."""
    entries = list(items)
    size = 256
    while size < 4 * len(entries):
        size *= 2
    keys, values = np.zeros(size, np.uint64), np.zeros(size, np.int32)
    for key, value in entries:
        place = key & (size - 1)
        while keys[place]:
            _expect(int(keys[place]) != key, "special cases (two with one hash)")
            place = (place + 1) & (size - 1)
        keys[place] = key
        values[place] = value
    return keys, values


def _starts(lengths: Iterable[int]) -> npt.NDArray[np.int32]:
    return np.concatenate([[0], np.cumsum(list(lengths))]).astype(np.int32)


def _pack(
    flags: npt.NDArray[np.uint32],
    cases: dict[str, list[str]],
    patterns: dict[str, list[str]],
    units: set[str],
) -> Tables:
    names = list(cases)
    index = {name: k for k, name in enumerate(names)}
    case_key, case_id = _hash_table((hash_text(name), k) for name, k in index.items())
    case_filter = np.zeros(4096, np.uint8)  # (first, last) character of some special case
    for name in names:
        case_filter[((ord(name[0]) & 63) << 6) | (ord(name[-1]) & 63)] = 1
    effect = np.zeros(len(names), np.uint8)
    pattern_filter = np.zeros(4096, np.uint8)
    sequences = {}
    for name, words in patterns.items():
        sequences[hash_sequence(map(hash_text, words))] = index[name]
        effect[index[name]] = words != cases[name]
        _expect(len(words) > 1 or not effect[index[name]], f"special case {name!r}")
        pattern_filter[hash_text(words[0]) & 4095] = 1
    _expect(len(sequences) == len(patterns), "special cases (two with the same words)")
    pattern_key, pattern_case = _hash_table(sequences.items())
    pairs = {
        hash_sequence((hash_text(a), hash_text(b)))
        for words in patterns.values()
        for a, b in itertools.pairwise(words)
    }
    unit_key, unit_length = _hash_table((hash_text(unit), len(unit)) for unit in sorted(units))
    return Tables(
        flags,
        case_key,
        case_id,
        _starts(len(name) for name in names),
        np.array([ord(c) for name in names for c in name], np.int32),
        case_filter,
        max(map(len, names)),
        _starts(len(cases[name]) for name in names),
        np.array([len(word) for name in names for word in cases[name]], np.int32),
        pattern_key,
        pattern_case,
        pattern_filter,
        max(map(len, patterns.values())),
        effect,
        _hash_table((pair, 1) for pair in sorted(pairs))[0],
        unit_key,
        unit_length,
        max(map(len, units)),
    )
