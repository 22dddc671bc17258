"""A bigram language model in numpy: the smallest trainer that learns from a stream.

    P(next | previous) = (C(previous, next) + STRENGTH * P(next)) / (C(previous) + STRENGTH)
    P(next)            = (C(next) + 1) / (N + V)

Counts interpolated with a Laplace-smoothed unigram (Dirichlet prior; MacKay and Peto 1995). Ranks
count their own batches; adding the counts is the all-reduce.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

STRENGTH = 100.0  # pseudo-counts of the unigram prior; chosen once, not fitted


class Bigram:
    """Counts of adjacent tokens over a vocabulary of V ids; 4 * V * V bytes of address space."""

    def __init__(self, vocabulary: int) -> None:
        self.vocabulary = vocabulary
        self.pairs = np.zeros(vocabulary * vocabulary, dtype=np.uint32)
        self.previous = np.zeros(vocabulary, dtype=np.int64)
        self.following = np.zeros(vocabulary, dtype=np.int64)

    def learn(self, input_ids: NDArray[Any]) -> None:
        """Add the pairs of each row of `input_ids` [batch, L]."""
        before = input_ids[:, :-1].astype(np.int64).ravel()
        after = input_ids[:, 1:].astype(np.int64).ravel()
        keys, counts = np.unique(before * self.vocabulary + after, return_counts=True)
        self.pairs[keys] += counts.astype(np.uint32)
        self.previous += np.bincount(before, minlength=self.vocabulary)
        self.following += np.bincount(after, minlength=self.vocabulary)

    def loss(self, input_ids: NDArray[Any], *, pad: int | None = None) -> tuple[float, float, int]:
        """(bigram, unigram) negative log-likelihood in nats, and the pairs without padding."""
        before = input_ids[:, :-1].astype(np.int64).ravel()
        after = input_ids[:, 1:].astype(np.int64).ravel()
        if pad is not None:
            before, after = before[after != pad], after[after != pad]
        total = int(self.following.sum())
        unigram = (self.following[after] + 1.0) / (total + self.vocabulary)
        pairs = self.pairs[before * self.vocabulary + after].astype(np.float64)
        bigram = (pairs + STRENGTH * unigram) / (self.previous[before] + STRENGTH)
        return float(-np.log(bigram).sum()), float(-np.log(unigram).sum()), len(after)
