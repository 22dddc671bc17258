"""One stage's order as a binary tree: item -> (source, item of the source), integers only.

**Tree.** For each stage every group is a Huffman tree over its children's counts (children without
any are left out): heap entries are (count, number), children numbered from 0 in the order of the
plan, then merged nodes in the order they are made. Repeatedly x and y, the two smallest, become a
node whose right child is x and whose left child is y. A group's root takes the group's place
among its siblings, so one binary tree stands for the stage.

**Descent.** A node has W items, its left child a of them. Before item m of the node (m from 0)

    q(m) = floor((2 m a + W) / (2 W))

items have gone left: the share m a / W rounded half up. Item m goes left iff q(m + 1) > q(m) and is
then item q(m) of the left child, else it is item m - q(m) of the right child. As q(0) = 0, q(W) = a
and q grows by 0 or 1, each child's items are numbered without gap, and whole stages are exact.
With r = 2 m a + W - 2 W q(m), item m goes left iff r + 2 a >= 2 W: one product a level.

**Error.** Before item m a child has received its exact share of the node's items within 1/2. A
leaf's error is the sum of those halves along its path, each scaled by leaf count over node count:
e <= 1/2 (1 + x0/x1 + x0/x2 + ...), x0 the leaf's count, x1 its parent's, and so on up. In a Huffman
tree a node's uncle is not lighter than the node (it was not picked before it), so x(i+2) >=
x(i+1) + x(i) and the sum stays below half the reciprocal Fibonacci constant, 3.3599 / 2 = 1.68
sequences. A group adds its own error scaled by the leaf's share of the group, hence under 1.68 a
nesting level, whatever the weights and however many sources. Counts themselves are within one of
the exact shares at stage ends (`mixtures.plan`), so in a ramp the error against the weights is
under 2.68. At stage ends it is nothing but that rounding.

**Exactness.** m a needs up to 96 bits. A double proposes q (m, a, W < 2**48, so it is off by less
than 2), then r is taken modulo 2**64: its true value lies within a few W, so it is exact, and q is
moved until 0 <= r < 2 W. The result is that of unbounded integers on every machine. Tests compare
with Python integers (tests/client/engine/test_order*.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from awase_client.engine.plan import Tree as Shape

Int64 = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Tree:
    """One stage's binary tree in arrays over internal nodes; a child < 0 is leaf ~child."""

    root: int
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    share: Int64
    weight: Int64
    ratio: NDArray[np.float64]

    @classmethod
    def build(cls, shape: Shape, counts: list[int]) -> Tree:
        """The tree of one stage from the plan's group tree and its counts a source."""
        nodes: list[tuple[int, int, int, int]] = []
        root, _ = _grow(shape, counts, nodes)
        columns = np.array(nodes, dtype=np.int64).reshape(-1, 4).T
        share, weight = np.ascontiguousarray(columns[2]), np.ascontiguousarray(columns[3])
        return cls(
            root=root,
            left=columns[0].astype(np.int32),
            right=columns[1].astype(np.int32),
            share=share,
            weight=weight,
            ratio=share / weight,
        )

    @property
    def arrays(self) -> tuple[Any, ...]:
        return self.left, self.right, self.share, self.weight, self.ratio

    def prefix(self, items: int, sources: int) -> Int64:
        """[sources] int64: how many of the first `items` items come from each source."""
        out = np.zeros(sources, dtype=np.int64)
        pending = [(self.root, items)]
        while pending:
            node, m = pending.pop()
            if node < 0:
                out[~node] = m
                continue
            a, w = int(self.share[node]), int(self.weight[node])
            q = (2 * m * a + w) // (2 * w)
            pending.append((int(self.left[node]), q))
            pending.append((int(self.right[node]), m - q))
        return out

    def paths(self) -> dict[int, list[tuple[int, bool]]]:
        """For each leaf the (internal node, goes left) steps from the leaf up to the root."""
        above: dict[int, tuple[int, bool]] = {}
        for node in range(self.left.size):
            above[int(self.left[node])] = (node, True)
            above[int(self.right[node])] = (node, False)
        out: dict[int, list[tuple[int, bool]]] = {}
        for leaf in (child for child in (*above, self.root) if child < 0):
            steps, node = [], leaf
            while node in above:
                node, is_left = above[node]
                steps.append((node, is_left))
            out[~leaf] = steps
        return out


def _grow(
    shape: Shape, counts: list[int], nodes: list[tuple[int, int, int, int]]
) -> tuple[int, int]:
    """Append the internal nodes of one group; its root (or ~source) and count.

    Children in ascending order and merged nodes in the order they are made are two queues whose
    fronts hold the smallest entry of the heap in the docstring, ties included.
    """
    children: list[tuple[int, int, int]] = []
    for number, child in enumerate(shape):
        if isinstance(child, int):
            node, count = ~child, counts[child]
        else:
            node, count = _grow(child, counts, nodes)
        if count > 0:
            children.append((count, number, node))
    if not children:
        return -1, 0
    children.sort()
    merged: list[tuple[int, int]] = []
    child = made = 0
    # Two sentinels: no front of an exhausted queue is ever taken.
    endless = (1 << 63, 0, 0)
    children += [endless, endless]
    for _ in range(len(children) - 3):
        pair = []
        for _ in range(2):
            if made >= len(merged) or children[child][0] <= merged[made][0]:
                count, _, node = children[child]
                child += 1
            else:
                count, node = merged[made]
                made += 1
            pair.append((count, node))
        (small, right), (large, left) = pair
        merged.append((small + large, len(nodes)))
        nodes.append((left, right, large, small + large))
    return (merged[-1][1], merged[-1][0]) if merged else (children[0][2], children[0][0])


def descend(tree: Tree, items: Int64) -> tuple[NDArray[np.int32], Int64]:
    """(source, item of the source) of each of a tree's `items`, a level of the tree at a time."""
    m = items.copy()
    node = np.full(m.size, tree.root, dtype=np.int32)
    active = np.arange(m.size) if tree.root >= 0 else np.empty(0, dtype=np.int64)
    while active.size:
        at, x = node[active], m[active]
        a, w = tree.share[at], tree.weight[at]
        q = (x * tree.ratio[at]).astype(np.int64)
        r = 2 * (x * a - q * w) + w
        off = r // (2 * w)
        q += off
        r -= off * (2 * w)
        goes_left = r + 2 * a >= 2 * w
        m[active] = np.where(goes_left, q, x - q)
        node[active] = following = np.where(goes_left, tree.left[at], tree.right[at])
        active = active[following >= 0]
    return ~node, m
