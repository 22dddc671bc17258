"""Texts made so that their 64-bit hashes are equal are still told apart."""

import random

import numpy as np
import pyarrow as pa
import pytest

from curation.kernels.hashing import SEED
from curation.profiles import load_profile
from curation.words.english import memo
from curation.words.english.splitter import EnglishWords

M64 = (1 << 64) - 1
MIX = 0x9FB21C651E98DF25


def fold(h):
    return h ^ (h >> 32)  # its own inverse


def twin(word):
    """Eight bytes with the key of `word`: the two hashes differ in the bit that a key sets."""
    back = pow(MIX, -1, 1 << 64)
    h = fold(((int(SEED) ^ word) * MIX) & M64)
    mixed = fold((h * MIX) & M64) ^ (1 << 63)
    h = (fold(mixed) * back) & M64
    return int(SEED) ^ ((fold(h) * back) & M64)


def chunk_twins():
    draw = random.Random(0)
    while True:
        one = "".join(draw.choices("abcdefghijklmnopqrstuvwxyzABCDEFGH", k=8)).encode()
        other = twin(int.from_bytes(one, "little")).to_bytes(8, "little")
        if other.isalnum():
            return one.decode(), other.decode()


def keys_of(text):
    data = np.frombuffer(text.encode(), np.uint8)
    keys, starts, ends = np.zeros(9, np.uint64), np.zeros(9, np.int64), np.zeros(9, np.int64)
    n = memo.find_chunks(data, np.array([0, len(data)]), keys, starts, ends, np.zeros(2, np.int64))
    return keys[:n].tolist()


def test_chunks_of_one_key_keep_their_words():
    one, other = chunk_twins()
    first, second = keys_of(f"{one} {other}")
    assert first == second
    words = EnglishWords(memo_entries=1 << 21)
    for text in (f"{one} {other} {one}", f"{other} {one} {other}"):
        batch = words.split(pa.array([text], pa.large_string()))
        ids = batch.ids.tolist()
        assert ids[0] == ids[2] != ids[1]
        spelled = [bytes(batch.text[batch.word_ptr[w] : batch.word_ptr[w + 1]]) for w in ids]
        assert b" ".join(spelled).decode() == text
    numbers = [f"{k}word{k}" for k in range(300_000)]  # the tables grow: both are found again
    words.split(pa.array([" ".join(numbers)], pa.large_string()))
    again = words.split(pa.array([f"{one} {other}"], pa.large_string()))
    assert again.ids.tolist() == [ids[1], ids[0]]


def thue_morse(power, letters):
    """Two strings that every polynomial hash modulo 2**64 takes for one from 2**11 letters on."""
    bits = [(k.bit_count() & 1) for k in range(1 << power)]
    return "".join(letters[b] for b in bits), "".join(letters[1 - b] for b in bits)


def polynomial(text, base):
    h = 0
    for character in text:
        h = (h * base + ord(character) + 1) & M64
    return h


def scores(profile, index, text):
    step = load_profile(profile)[index]
    found = step.score(pa.array([text], pa.large_string()), {}).scores
    return {name: values[0].as_py() for name, values in found.items()}


@pytest.mark.parametrize(("profile", "index"), [("swallow-v1", 0), ("ja-default", 2)])
def test_sentences_of_one_polynomial_hash_are_no_duplicates(profile, index):
    one, other = thue_morse(11, "あい")
    assert polynomial(one, 0x9E3779B97F4A7C15) == polynomial(other, 0x9E3779B97F4A7C15)
    found = scores(profile, index, f"{one}\n{other}")
    assert found["duplicate_sentence_fraction"] == 0
    assert found["duplicate_paragraph_fraction"] == 0
    assert scores(profile, index, f"{one}\n{one}")["duplicate_sentence_fraction"] == 0.5


def test_joined_words_of_one_polynomial_hash_are_no_duplicates():
    one, other = thue_morse(11, "ab")
    cut = [" ".join(text[k : k + 410] for k in range(0, 2048, 410)) for text in (one, other)]
    assert len(cut[0].split()) == 5
    assert scores("gopher", 0, f"{cut[0]} and {cut[1]}")["duplicated_5_n_grams"] == 0
    assert scores("gopher", 0, f"{cut[0]} and {cut[0]}")["duplicated_5_n_grams"] > 0.4


def test_equal_text_counts_however_its_words_are_cut():
    found = scores("gopher", 0, "can not do it so far. cannot do it so far.")
    assert found["duplicated_5_n_grams"] > 0
