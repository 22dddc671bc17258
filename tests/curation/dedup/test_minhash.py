from __future__ import annotations

import itertools
import random

import numpy as np
import pyarrow as pa
import pytest

from curation.dedup.groups import Groups
from curation.dedup.keys import exact, matching_keys
from curation.dedup.minhash import MinHash

GOLDEN_WORDS = ["0xcc910a0a641c4f69", "0x4833bfa397a39c42"]
GOLDEN_CHARACTERS = ["0x5c4683bf3b8550dc", "0xd12e1bbeb53198dd"]


def bands(texts: list[str], minhash: MinHash) -> np.ndarray:
    array = pa.array(texts, pa.large_string())
    return minhash.bands_of(array, matching_keys(array))[0]


def keys(texts: list[str]) -> list[str]:
    data, offsets = matching_keys(pa.array(texts, pa.large_string()))
    pairs = itertools.pairwise(offsets)
    return [bytes(data[start:stop]).decode() for start, stop in pairs]


def test_the_key_folds_width_case_and_space_and_keeps_dakuten() -> None:
    assert keys(["  Ａb\u3000\n c ", "ハハ", "ババ", "パパ", "ﾊﾟﾊﾟ", ""]) == [
        "ab c", "ハハ", "ババ", "パパ", "パパ", "",
    ]  # fmt: skip


def test_equal_keys_have_equal_hashes_and_a_slice_of_an_array_too() -> None:
    texts = pa.array(["x", "ＡＢ c", "ab  C", "other"], pa.large_string()).slice(1)
    high, low = exact(matching_keys(texts))
    assert (high[0], low[0]) == (high[1], low[1])
    assert (high[0], low[0]) != (high[2], low[2])


def test_the_bands_of_a_text_never_change() -> None:
    words = bands(["the quick brown fox jumps over the lazy dog"], MinHash(2, 3, "words"))
    characters = bands(["吾輩は猫である。名前はまだ無い。"], MinHash(2, 3, "characters"))
    assert [hex(v) for v in words[0]] == GOLDEN_WORDS
    assert [hex(v) for v in characters[0]] == GOLDEN_CHARACTERS


def test_line_breaks_do_not_matter_to_characters_nor_punctuation_to_words() -> None:
    ja = MinHash(unit="characters")
    assert (bands(["吾輩は猫\nである。名前は"], ja) == bands(["吾輩は猫である。 名前は"], ja)).all()
    en = MinHash(unit="words")
    assert (
        bands(["one, two; three four five"], en) == bands(["One two three. Four five"], en)
    ).all()


def test_a_text_without_tokens_has_no_bands_and_a_short_one_has() -> None:
    texts = pa.array(["", "!?", "one two", "one two"], pa.large_string())
    found, has = MinHash().bands_of(texts, matching_keys(texts))
    assert has.tolist() == [False, False, True, True]
    assert (found[2] == found[3]).all()


@pytest.mark.parametrize("similarity", [0.5, 0.8, 0.95])
def test_pairs_are_found_as_often_as_the_formula_says(similarity: float) -> None:
    rng = random.Random(7)
    minhash = MinHash(14, 8, "words", ngram=1)
    texts = []
    for pair in range(300):
        shared = round(200 * similarity)
        own = (200 - shared) // 2
        common = [f"c{pair}x{k}" for k in range(shared)]
        for side in "ab":
            words = common + [f"{side}{pair}x{k}" for k in range(own)]
            rng.shuffle(words)
            texts.append(" ".join(words))
    found = bands(texts, minhash)
    hits = (found[0::2] == found[1::2]).any(axis=1).mean()
    assert abs(hits - minhash.probability(similarity)) < 0.09


def test_the_first_of_a_group_represents_it() -> None:
    groups = Groups(6)
    rows = np.array([1, 2, 4, 5])
    groups.join_equal(rows, np.array([7, 8, 8, 9], np.uint64))
    groups.join_equal(rows, np.array([1, 2, 3, 1], np.uint64))
    groups.join_equal(rows, np.array([1, 2, 3, 3], np.uint64))
    assert groups.representatives().tolist() == [0, 1, 1, 3, 1, 1]


def test_128_bit_keys_differ_where_one_half_does() -> None:
    groups = Groups(4)
    high, low = np.array([1, 1, 1, 2], np.uint64), np.array([5, 6, 5, 5], np.uint64)
    groups.join_equal_128(np.arange(4), high, low)
    assert groups.representatives().tolist() == [0, 1, 0, 3]
