"""Repetition of n-grams of characters against counting every n-gram."""

import random
from collections import Counter

import numpy as np
import pytest

from curation.kernels.character_grams import new_buffers, repeated_grams


def counted(text, lengths):
    rows = []
    for k in lengths:
        grams = Counter(text[i : i + k] for i in range(len(text) - k + 1))
        twice = sum(times > 1 for times in grams.values())
        rows.append((max(grams.values(), default=0), twice, len(grams)))
    return rows


def found(text, lengths, buffers):
    out = np.zeros((3, len(lengths)), np.int64)
    codes = np.array([ord(character) for character in text], np.int32)
    repeated_grams(codes, len(text), np.array(lengths), buffers, *out)
    return [tuple(column) for column in out.T.tolist()]


@pytest.mark.parametrize("lengths", [range(2, 11), (3, 5, 10), (2, 4, 8), (3, 6), (2, 3), (7,)])
def test_random_texts_are_counted_as_by_a_counter(lengths):
    draw = random.Random(0)
    buffers = new_buffers(3000)  # one for all: nothing of a text is left for the next
    for _ in range(300):
        alphabet = draw.sample("あいうえおかき漢字a\n\0\U00020000\U0010ffff", draw.randint(1, 12))
        text = "".join(draw.choices(alphabet, k=draw.choice((0, 1, 2, 3, 5, 9, 10, 11, 40, 300))))
        parts = [text, *(text[draw.randrange(len(text) + 1) :] for _ in range(draw.randrange(5)))]
        text = "".join(parts)
        assert found(text, lengths, buffers) == counted(text, lengths)


@pytest.mark.parametrize(
    "text", ["あ" * 3000, "いろは" * 1000, "".join(map(chr, range(256, 3256)))]
)
def test_texts_of_one_period_and_of_unlike_characters(text):
    for lengths in (range(2, 11), (3, 5, 10)):
        assert found(text, lengths, new_buffers(len(text))) == counted(text, lengths)
