"""plan.json is read whole or refused: digest, field, value seen and what is expected."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from awase_client.engine.plan import Plan
from awase_client.errors import CorruptStore
from curation.base.digest import canonical, digest_bytes
from tests.client.engine.conftest import plan_document

Document = dict[str, Any]


def read(document: Any) -> Plan:
    return Plan.from_bytes(canonical(document))


def test_reads_every_field() -> None:
    document = plan_document(
        [[3, 1], [2, 2]],
        sequences=[10, 20],
        tree=[[0], 1],
        labels="overlap",
        width=17,
        dtype="uint32",
        pad=70_000,
        omit=[[1, 3]],
        parent="sha256:" + "a" * 64,
        restart=["s1"],
        **{"from": 2},
    )
    plan = read(document)
    assert plan.digest == digest_bytes(canonical(document))
    assert (plan.seed, plan.sequence_length, plan.width, plan.pad) == (1, 16, 17, 70_000)
    assert (plan.dtype, plan.packing, plan.labels, plan.loss) == (
        "uint32",
        "concat",
        "overlap",
        "all",
    )
    assert (plan.bos, plan.eos, plan.trees) == (False, True, ([[0], 1],))
    assert [source.path for source in plan.sources] == ["s0", "s1"]
    assert plan.sources[1].sequences == 20
    assert [(s.start, s.until, s.slots, s.counts.tolist()) for s in plan.stages] == [
        (0, 4, 4, [3, 1]),
        (4, 8, 4, [2, 2]),
    ]
    assert (plan.total, plan.omit) == (6, ((1, 3),))
    assert (plan.parent, plan.start, plan.restart) == ("sha256:" + "a" * 64, 2, ("s1",))


def changed(**values: Any) -> Document:
    return plan_document([[3, 1]]) | values


def source(**values: Any) -> Document:
    document = plan_document([[3, 1]])
    document["sources"][0] |= values
    return document


def stage(**values: Any) -> Document:
    document = plan_document([[3, 1]])
    document["stages"][0] |= values
    return document


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "plan is []: it must be an object"),
        (changed(version=2), "version is 2: this client reads plans of version 1"),
        (changed(version=True), "version is True: this client reads plans of version 1"),
        (changed(kind="view"), "kind is 'view': it must be one of plan"),
        (changed(extra=1), "plan is ['extra']: these fields are missing or unknown"),
        (changed(seed=-1), "seed is -1: it must be an integer from 0"),
        (changed(seed=True), "seed is True: it must be an integer from 0"),
        (changed(width=17), "width is 17: sequence_length is 16 and labels are 'shift'"),
        (changed(dtype="int64"), "dtype is 'int64': it must be one of uint16, uint32"),
        (changed(pad=70_000), "pad is 70000: it must be an integer from 0 to 65535"),
        (changed(packing="x"), "packing is 'x': it must be one of concat, best_fit, documents"),
        (changed(separators={"bos": 1, "eos": True}), "bos is 1: it must be true or false"),
        (changed(tokenizer="sha256:12"), "tokenizer is 'sha256:12': it must be sha256:<64 hex"),
        (changed(sources=[]), "sources is []: it must be a list of 1 to 16384 sources"),
        (source(path=""), "path is '': it must be a dotted source path"),
        (source(path="a\0b"), "it must be a dotted source path"),
        (source(view="sha256:" + "g" * 64), "it must be sha256:<64 hex digits>"),
        (source(sequences=0), "source s0 is empty or not in the tree"),
        (source(licenses="x"), "licenses is 'x': it must be a list of strings"),
        (changed(trees=[[0]]), "source s1 is empty or not in the tree"),
        (changed(trees=[[0, 0, 1]]), "a tree is made of lists, at most 64 deep, of distinct"),
        (changed(trees=[[0, 2]]), "of distinct source ids under 2"),
        (changed(trees=[0]), "a tree is made of lists"),
        (stage(until=5), "until is 5: the counts before it add up to 4"),
        (stage(until=0), "until is 0: it must be an integer from 1"),
        (stage(tree=1), "tree is 1: it must be an integer from 0 to 0"),
        (stage(counts=[4]), "counts is [4]: it must be 2 integers from 0"),
        (stage(counts=[5, -1]), "it must be 2 integers from 0"),
        (stage(counts=[2**63, 1]), "it must be 2 integers from 0"),
        (stage(counts=["3", 1]), "it must be 2 integers from 0"),
        (changed(stages=[]), "stages is []: it must be a list of at least one stage"),
        (changed(omit=[[2, 2]]), "it must be ascending, disjoint [from, to] within 4"),
        (changed(omit=[[0, 2], [2, 3]]), "it must be ascending, disjoint"),
        (changed(omit=[[3, 5]]), "it must be ascending, disjoint"),
        (changed(omit=3), "omit is 3: it must be ascending, disjoint"),
        (changed(parent=3), "parent is 3: it must be sha256:<64 hex digits>"),
        (changed(**{"from": 5}), "from is 5: it must be an integer from 0 to 4"),
    ],
)
def test_refuses_what_is_not_a_plan(document: Any, message: str) -> None:
    with pytest.raises(CorruptStore) as refused:
        read(document)
    assert message in str(refused.value)
    assert str(refused.value).startswith(f"plan {digest_bytes(canonical(document))}: ")


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff", b'{"a": NaN}', b"[1.5]", b"9" * 5000, b"[" * 10**6]
)
def test_refuses_what_is_not_json_of_integers(data: bytes) -> None:
    with pytest.raises(CorruptStore, match="plan sha256:"):
        Plan.from_bytes(data)


def paths_of(node: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [at]
    if isinstance(node, dict):
        for key, value in node.items():
            found += paths_of(value, (*at, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            found += paths_of(value, (*at, index))
    return found


@given(data=st.data())
def test_any_one_change_gives_a_plan_or_an_error_that_says_what(data: st.DataObject) -> None:
    document: Any = json.loads(canonical(plan_document([[3, 1], [2, 2]], tree=[[0], 1])))
    *path, key = data.draw(st.sampled_from([p for p in paths_of(document) if p]))
    node = document
    for step in path:
        node = node[step]
    node[key] = data.draw(
        st.sampled_from([None, True, -1, 0, 2**64, "", "x", [], {}, [[]], [-1, 2], ["a"]])
    )
    try:
        plan = read(document)
    except CorruptStore as error:
        assert str(error).startswith("plan sha256:")  # noqa: PT017
    else:
        assert plan.total >= 1


def test_a_plan_may_be_any_buffer(document: Callable[..., Document]) -> None:
    data = canonical(document([[3, 1]]))
    assert Plan.from_bytes(memoryview(data)).digest == Plan.from_bytes(data).digest
