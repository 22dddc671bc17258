"""A second reader of plans, in plain Python integers, written from the documents, sharing no code.

It knows packing `concat` with labels `shift`, no `where` and no skipped slots; it holds a source's
whole stream in memory. It reads plan.json, token files and, for the hold-out, the version's text;
the views that awase has built are not looked at: packing is done again here.
"""

import hashlib
import heapq
import json
import struct
import unicodedata
from array import array
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import xxhash


def key(*fields):
    return struct.unpack("<8I", hashlib.sha256("\0".join(map(str, fields)).encode()).digest())


def permuted(x, n, keys):
    b = 2
    while 4**b < n:
        b += 1
    while n > 1:
        left, right = x >> b, x % 2**b
        for k in keys:
            f = right ^ k
            f = (f ^ f >> 16) * 0x7FEB352D % 2**32
            f = (f ^ f >> 15) * 0x846CA68B % 2**32
            left, right = right, left ^ (f ^ f >> 16) % 2**b
        x = left << b | right
        if x < n:
            break
    return x


def pick(tree, counts, m):
    """Item m of a stage: (source, how many of its items came before)."""
    if isinstance(tree, int):
        return tree, m

    def weight(t):
        return counts[t] if isinstance(t, int) else sum(map(weight, t))

    heap = [(weight(child), number, (child,)) for number, child in enumerate(tree) if weight(child)]
    heapq.heapify(heap)
    for number in range(len(tree), len(tree) + len(heap) - 1):
        x, y = heapq.heappop(heap), heapq.heappop(heap)
        heapq.heappush(heap, (x[0] + y[0], number, (y, x)))
    node = heap[0]
    while len(node[2]) == 2:
        w, (left, right) = node[0], node[2]
        before, after = ((2 * i * left[0] + w) // (2 * w) for i in (m, m + 1))
        m, node = (before, left) if after > before else (m - before, right)
    return pick(node[2][0], counts, m)


class IndependentReader:
    def __init__(self, store, plan_digest):
        self.store = Path(store)
        data = (self.store / "plans" / plan_digest[7:] / "plan.json").read_bytes()
        assert "sha256:" + hashlib.sha256(data).hexdigest() == plan_digest
        self.plan = json.loads(data)
        assert (self.plan["packing"], self.plan["labels"]) == ("concat", "shift")
        self.streams = [self.stream(source) for source in self.plan["sources"]]

    def documents(self, source):
        """Each document's ids, and then the separators of the set."""
        name = f"{source['text_digest'][7:]}-{self.plan['tokenizer'][7:]}"
        manifest = json.loads((self.store / "tokens" / name / "manifest.json").read_bytes())
        documents = []
        for part in manifest["parts"]:
            path = self.store / "tokens" / name / part["name"]
            tokens = array("H" if self.plan["dtype"] == "uint16" else "I")
            tokens.frombytes(path.with_suffix(".tok").read_bytes())
            offsets = array("q")
            offsets.frombytes(
                path.with_suffix(".offsets.npy").read_bytes()[-8 * part["rows"] - 8 :]
            )
            documents += [tokens[a:b].tolist() for a, b in pairwise(offsets)]
        wanted = self.plan["separators"]
        return documents, *([manifest[role]] * wanted[role] for role in ("bos", "eos"))

    def held_out(self, source):
        view = self.store / "views" / source["view"][7:] / "view.json"
        fraction = Fraction(json.loads(view.read_bytes())["key"]["holdout"])
        folder = self.store / "datasets" / source["dataset"] / source["version"][7:]
        salt = int.from_bytes(hashlib.sha256(b"awase-holdout-1").digest()[:8], "little")
        for shard in json.loads((folder / "manifest.json").read_bytes())["shards"]:
            for text in pq.read_table(folder / shard["name"], columns=["text"])["text"]:
                data = unicodedata.normalize("NFC", text.as_py()).encode()
                yield (xxhash.xxh3_128_intdigest(data, seed=salt) >> 64) < fraction * 2**64

    def stream(self, source):
        documents, bos, eos = self.documents(source)
        out = list(self.held_out(source))
        kept = [ids for ids, held in zip(documents, out, strict=True) if ids and not held]
        keys = key("awase-documents-1", self.plan["seed"], source["path"])
        order = (kept[permuted(i, len(kept), keys)] for i in range(len(kept)))
        return [token for ids in order for token in (*bos, *ids, *eos)]

    def sequence(self, position):
        """(source, ids) at a position."""
        stages, length = self.plan["stages"], self.plan["sequence_length"]
        assert self.plan["omit"] == []
        number = next(i for i, stage in enumerate(stages) if position < stage["until"])
        start = stages[number - 1]["until"] if number else 0
        tree = self.plan["trees"][stages[number]["tree"]]
        source, draw = pick(tree, stages[number]["counts"], position - start)
        draw += sum(stage["counts"][source] for stage in stages[:number])
        epoch, index = divmod(draw, len(self.streams[source]) // length)
        path = self.plan["sources"][source]["path"]
        keys = key("awase-shuffle-1", self.plan["seed"], path, epoch)
        at = permuted(index, len(self.streams[source]) // length, keys) * length
        return source, self.streams[source][at : at + length]
