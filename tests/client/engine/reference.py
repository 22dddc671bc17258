"""A stage's order in Python integers, written from the docstring of tree.py alone."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import pairwise, repeat
from typing import Any


class Reference:
    """One stage: `shape` nests source numbers as a plan's tree does."""

    def __init__(self, shape: list[Any], counts: list[int]) -> None:
        self.root = self.grow(shape, counts)

    def grow(self, shape: list[Any], counts: list[int]) -> tuple[int, Any]:
        heap = []
        for number, child in enumerate(shape):
            node = (counts[child], child) if isinstance(child, int) else self.grow(child, counts)
            if node[0]:
                heap.append((node[0], number, node))
        heapq.heapify(heap)
        made = len(shape)
        while len(heap) > 1:
            x, y = heapq.heappop(heap), heapq.heappop(heap)
            heapq.heappush(heap, (x[0] + y[0], made, (x[0] + y[0], (y[2], x[2]))))
            made += 1
        return heap[0][2] if heap else (0, None)

    def at(self, m: int) -> tuple[int, int]:
        weight, node = self.root
        while isinstance(node, tuple):
            left, right = node
            q = (2 * m * left[0] + weight) // (2 * weight)
            if (2 * (m + 1) * left[0] + weight) // (2 * weight) > q:
                m, (weight, node) = q, left
            else:
                m, (weight, node) = m - q, right
        return node, m

    def whole(self) -> list[int]:
        """The source of every item: each node's turns, dealt out to its children's items."""

        def order(weight: int, node: Any) -> Iterator[int]:
            if not isinstance(node, tuple):
                return repeat(node, weight)
            (share, _), _ = node
            turns = [(2 * m * share + weight) // (2 * weight) for m in range(weight + 1)]
            left, right = (order(*child) for child in node)
            return iter([next(left if q > p else right) for p, q in pairwise(turns)])

        return list(order(*self.root)) if self.root[0] else []

    def prefix(self, items: int, sources: int) -> list[int]:
        """How many of the first `items` items each source has."""
        out = [0] * sources
        todo = [(items, self.root)]
        while todo:
            m, (weight, node) = todo.pop()
            if isinstance(node, tuple):
                left, right = node
                q = (2 * m * left[0] + weight) // (2 * weight)
                todo += [(q, left), (m - q, right)]
            elif node is not None:
                out[node] += m
        return out
