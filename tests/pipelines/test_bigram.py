"""The demo's model learns what a bigram can learn, and nothing from a shuffled text."""

import math

import numpy as np

from pipelines.demo.bigram import Bigram


def losses(model: Bigram, rows: np.ndarray) -> tuple[float, float]:
    bigram, unigram, pairs = model.loss(rows)
    return bigram / pairs, unigram / pairs


def test_an_untrained_model_knows_nothing_but_the_vocabulary() -> None:
    rows = np.arange(12, dtype=np.uint16).reshape(2, 6)
    bigram, unigram = losses(Bigram(50), rows)
    assert math.isclose(bigram, math.log(50))
    assert math.isclose(unigram, math.log(50))


def test_a_deterministic_successor_is_learnt() -> None:
    rows = np.tile(np.arange(10, dtype=np.uint16), (400, 10))
    model = Bigram(10)
    model.learn(rows)
    bigram, unigram = losses(model, rows)
    assert unigram > math.log(9)
    assert bigram < 0.1


def test_independent_tokens_gain_nothing_from_their_predecessor() -> None:
    random = np.random.default_rng(5)
    model = Bigram(20)
    model.learn(random.integers(0, 20, (500, 100)).astype(np.uint16))
    bigram, unigram = losses(model, random.integers(0, 20, (50, 100)).astype(np.uint16))
    assert abs(bigram - unigram) < 0.02


def test_counts_of_ranks_add_up_to_those_of_one_reader() -> None:
    rows = np.random.default_rng(6).integers(0, 30, (64, 40)).astype(np.uint16)
    whole, halves = Bigram(30), Bigram(30)
    whole.learn(rows)
    halves.learn(rows[::2])
    halves.learn(rows[1::2])
    assert np.array_equal(whole.pairs, halves.pairs)
    assert whole.loss(rows) == halves.loss(rows)


def test_padding_does_not_count() -> None:
    model = Bigram(10)
    model.learn(np.tile(np.arange(10, dtype=np.uint16), (5, 3)))
    padded = np.array([[1, 2, 3, 9, 9, 9]], dtype=np.uint16)
    assert model.loss(padded, pad=9) == model.loss(padded[:, :3])
