"""The index of evaluation items: what `curation.kernels.overlap` looks for in documents.

An item's text is judged by its length in units (code points of its key, or words):

    under `shortest`      not looked for: too short to say anything; counted
    under `whole_below`   found where its whole key stands in a document
    from there on         found by its n-grams; the share of it that a document holds is measured

A text whose key came before is one with it. An n-gram in more than `common` items is the wording of
a template ("answer the following question") and is not looked for; counted where nothing is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from curation.base.errors import UsageError
from curation.decontaminate.key import clusters_in, fixed, folding, keys_of, no_clusters
from curation.decontaminate.sets import EvaluationSet, read_items, texts_of
from curation.kernels import overlap
from curation.kernels.buffers import utf8_view
from curation.kernels.gram_index import group, hashes_of, words_of

MAX_UNITS = 50_000_000  # of all sets; an index takes about 50 bytes a unit
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Spec:
    """What decides an index, all of it hashable; every set is pinned."""

    sets: tuple[EvaluationSet, ...]
    words: bool
    n: int
    shortest: int
    whole_below: int
    common: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """The texts of one set: how each is looked for, or why it is not."""

    items: int
    texts: int
    by_ngrams: int
    whole: int
    too_short: int
    repeated: int
    template: int
    missing: int  # records without the field

    @property
    def checked(self) -> int:
        return self.by_ngrams + self.whole


@dataclass(frozen=True, slots=True)
class Index:
    spec: Spec
    coverage: tuple[Coverage, ...]  # one a set
    set_of: Integers  # of each text that is looked for
    names: tuple[str, ...]
    items: overlap.Items
    grams: overlap.Grams
    wholes: overlap.Grams

    def search(self, texts: pa.Array) -> Integers:
        """int64[texts, 9] as `curation.kernels.overlap.overlaps` fills it, places from the first
        byte of each text."""
        data, offsets = utf8_view(texts)
        out = np.zeros((len(texts), 9), np.int64)
        rows = np.arange(len(texts))
        clusters = no_clusters()
        for _ in range(2):
            overlap.overlaps(data, offsets, rows, *self._arguments(clusters), out)
            rows = np.flatnonzero(out[:, overlap.UNITS] < 0)
            if not len(rows):
                break
            clusters = clusters_in(data, offsets, rows)
        for place in (overlap.RUN_BEGIN, overlap.RUN_END, overlap.BEGIN, overlap.END):
            out[:, place] -= np.where(out[:, overlap.ITEM] < 0, 0, offsets[:-1])
        return out

    def spans(self, texts: pa.Array, *, share: float) -> Integers:
        """int64[k, 3]: text, first byte and past the last byte within it, of all that it shares
        with items of which it holds `share` or more."""
        data, offsets = utf8_view(texts)
        rows = np.arange(len(texts))
        clusters = clusters_in(data, offsets, rows)
        found: Integers = overlap.spans(data, offsets, rows, *self._arguments(clusters), share)
        found[:, 1:] -= offsets[found[:, 0]][:, None]
        return found

    def _arguments(self, clusters: object) -> tuple[object, ...]:
        spec = self.spec
        items = len(self.items.coverable)
        work = overlap.Work(
            np.zeros(int(self.items.first[-1]), np.int32),
            np.zeros(items, np.int32),
            np.zeros(items, np.int64),
            np.zeros(items, np.int64),
            np.zeros(1, np.int64),
            np.zeros(1, np.int32),
        )
        kinds = (self.items, self.grams, spec.n, self.wholes, spec.shortest)
        return (folding(), clusters, spec.words, *kinds, work)


def read_index(spec: Spec) -> Index:
    """Read the sets and build their index."""
    texts: list[str] = []
    places: list[tuple[int, int, str]] = []  # set, record, name
    records = 0
    sizes = []
    for number, source in enumerate(spec.sets):
        named = texts_of(source)
        items = read_items(source)
        missing = 0
        for item in items:
            for field, text in zip(named, item.texts, strict=True):
                if text is None:
                    missing += 1
                    continue
                texts.append(text)
                shown = item.name if len(named) == 1 else f"{item.name}: {field}"
                places.append((number, records, shown))
            records += 1
        sizes.append((len(items), missing))
    return build_index(spec, texts, places, sizes)


def build_index(
    spec: Spec,
    texts: Sequence[str],
    places: Sequence[tuple[int, int, str]],
    sizes: Sequence[tuple[int, int]],
) -> Index:
    """The index of texts, each with its set, record and name; `sizes` are the (items, texts that
    are missing) of each set."""
    codes, _, ptr = keys_of(texts, words=spec.words)
    units = _units(codes, ptr, words=spec.words)
    if int(units.sum()) > MAX_UNITS:
        raise UsageError(
            f"the evaluation sets have {units.sum():,} characters or words; {MAX_UNITS:,} are read"
        )
    owner = np.array([place[0] for place in places], np.int64)
    repeated = _repeated(codes, ptr)
    too_short = units < spec.shortest
    repeated &= ~too_short
    kept = np.flatnonzero(~too_short & ~repeated)
    whole = units[kept] < spec.whole_below
    items, tokens = _packed(codes, ptr, kept, words=spec.words)
    record = np.array([places[k][1] for k in kept.tolist()], np.int64)
    grams = _grams(items, tokens, np.flatnonzero(~whole), record, spec)
    first = np.flatnonzero(whole)
    wholes = _anchors(items, tokens, first, spec)
    coverable = _coverable(items, grams, spec.n)
    coverable[whole] = units[kept][whole]
    items = items._replace(coverable=fixed(coverable))
    template = coverable == 0
    coverage = []
    for number, (count, missing) in enumerate(sizes):
        own = owner == number
        held = owner[kept] == number
        coverage.append(
            Coverage(
                count,
                int(own.sum()) + missing,
                int((held & ~whole & ~template).sum()),
                int((held & whole).sum()),
                int((own & too_short).sum()),
                int((own & repeated).sum()),
                int((held & template).sum()),
                missing,
            )
        )
    names = tuple(places[k][2] for k in kept.tolist())
    return Index(spec, tuple(coverage), owner[kept], names, items, grams, wholes)


def _units(codes: npt.NDArray[np.uint32], ptr: Integers, *, words: bool) -> Integers:
    found: Integers = np.diff(words_of(codes, ptr)[3] if words else ptr)
    return found


def _repeated(codes: npt.NDArray[np.uint32], ptr: Integers) -> npt.NDArray[np.bool_]:
    """Which keys an earlier one equals."""
    seen: set[bytes] = set()
    out = np.zeros(len(ptr) - 1, np.bool_)
    for k in range(len(out)):
        text = codes[ptr[k] : ptr[k + 1]].tobytes()
        out[k] = text in seen
        seen.add(text)
    return out


def _packed(
    codes: npt.NDArray[np.uint32], ptr: Integers, kept: Integers, *, words: bool
) -> tuple[overlap.Items, npt.NDArray[np.uint64]]:
    """The keys that are looked for, one behind the other, and the hashes of their words."""
    sizes = np.diff(ptr)[kept]
    packed = [codes[ptr[k] : ptr[k + 1]] for k in kept.tolist()]
    joined = np.concatenate([np.zeros(0, np.uint32), *packed])
    first = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    begin, end, tokens = np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1, np.uint64)
    if words:
        begin, end, tokens, first = words_of(joined, first)
    nothing = np.zeros(len(kept), np.int64)
    arrays = (joined, begin.astype(np.int32), end.astype(np.int32), first, nothing)
    return overlap.Items(*map(fixed, arrays)), fixed(tokens)


def _grams(
    items: overlap.Items,
    tokens: npt.NDArray[np.uint64],
    chosen: Integers,
    record: Integers,
    spec: Spec,
) -> overlap.Grams:
    """All n-grams of the chosen items but those of templates."""
    hashes, item, unit = hashes_of(items, tokens, chosen, spec.n, spec.words, False)
    order, ptr = _grouped(items, hashes, unit, spec.n, spec)
    item, unit = item[order], unit[order]
    records = record[item]
    fresh = np.ones(len(item), np.int64)
    fresh[1:] = records[1:] != records[:-1]  # items of one record stand together in a group
    fresh[ptr[:-1]] = 1
    spread = np.add.reduceat(fresh, ptr[:-1]) if len(fresh) else fresh
    rare = spread <= spec.common
    counts = np.diff(ptr)
    held = np.repeat(rare, counts)
    return _table(hashes[order][ptr[:-1]][rare], counts[rare], item[held], unit[held])


def _anchors(
    items: overlap.Items, tokens: npt.NDArray[np.uint64], chosen: Integers, spec: Spec
) -> overlap.Grams:
    """The first `shortest` units of each item that is found as a whole."""
    hashes, item, unit = hashes_of(items, tokens, chosen, spec.shortest, spec.words, True)
    order, ptr = _grouped(items, hashes, unit, spec.shortest, spec)
    return _table(hashes[order][ptr[:-1]], np.diff(ptr), item[order], unit[order])


def _grouped(
    items: overlap.Items, hashes: npt.NDArray[np.uint64], unit: Integers, n: int, spec: Spec
) -> tuple[Integers, Integers]:
    """(order, ptr): equal n-grams side by side, each group in the order of its items."""
    order = np.argsort(hashes, kind="stable")
    ptr: Integers = group(items, hashes, unit, order, n, spec.words)
    return order, ptr


def _table(
    hashes: npt.NDArray[np.uint64], counts: Integers, item: Integers, unit: Integers
) -> overlap.Grams:
    size = 64
    while size < 2 * len(hashes) + 2:
        size *= 2
    slots = np.full(size, -1, np.int32)
    bloom = np.zeros(size * 4 // 64, np.uint64)  # 8 bits a gram at least: misses pass 1 in 8
    overlap.fill(hashes, slots, bloom)
    ptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    arrays = (slots, hashes, ptr, item.astype(np.int32), unit.astype(np.int32), bloom)
    return overlap.Grams(*(fixed(np.ascontiguousarray(array)) for array in arrays))


def _coverable(items: overlap.Items, grams: overlap.Grams, n: int) -> Integers:
    """int64[items]: units of each that its n-grams cover."""
    edges = np.zeros(int(items.first[-1]) + 1, np.int64)
    np.add.at(edges, grams.unit, 1)
    np.add.at(edges, grams.unit.astype(np.int64) + n, -1)
    covered = np.concatenate([[0], np.cumsum(np.cumsum(edges) > 0)])
    found: Integers = covered[items.first[1:]] - covered[items.first[:-1]]
    return found
