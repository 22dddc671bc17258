from __future__ import annotations

import json
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.decontaminate.index import Spec, build_index
from curation.decontaminate.key import key, keys_of
from curation.decontaminate.sets import EvaluationSet
from curation.decontaminate.step import Decontaminate
from curation.kernels import overlap
from tests.curation.decontaminate.reference import compare, units

# Letters that meet after folding, letters that must not, marks that join, and what is left out.
ALPHABET = "かがカガｶﾞﾊﾟはば①1１一ａAaßﬁ㈱〜～ーｰ、。 \n\u3000-−\u3099\u0301e\u00ad\u200d\U000e0100字"
ALPHABET += "\u0e01\u0e38\u0e48\u0323\u0334\u0315\u094d\u0958"  # marks of several classes


def looked_up(texts, items, *, words, n, shortest, whole_below, common):
    spec = Spec((EvaluationSet("s", "-"),), words, n, shortest, whole_below, common)
    places = [(0, k, str(k)) for k in range(len(items))]
    index = build_index(spec, items, places, [(len(items), 0)])
    return index, index.search(pa.array(texts, pa.large_string()))


def keyed(texts, *, words):
    codes, _, ptr = keys_of(texts, words=words)
    return [
        "".join(map(chr, codes[start:stop].tolist()))
        for start, stop in zip(ptr[:-1].tolist(), ptr[1:].tolist(), strict=True)
    ]


@given(st.lists(st.text(max_size=12) | st.text(ALPHABET, max_size=12), max_size=8), st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_kernel_folds_as_unicodedata_does_on_the_whole_text(texts, words):
    wanted = [(" " if words else "").join(units(text, words=words)) for text in texts]
    assert keyed(texts, words=words) == wanted
    assert [key(text, words=words) for text in texts] == wanted


few = st.text("かが1１ａAb、 \n\u3099", max_size=14)
sentences = st.lists(st.sampled_from(["on", "Off", "o-n", "七", "１", "1"]), max_size=16).map(
    " ".join
)


@given(
    st.data(),
    st.booleans(),
    st.integers(1, 4),
    st.integers(0, 3),
    st.integers(0, 3),
    st.integers(1, 3),
)
@settings(max_examples=400, deadline=None)
def test_every_statistic_is_that_of_sets_of_ngrams(data, words, shortest, longer, more, common):
    pool = sentences if words else few
    items = data.draw(st.lists(pool, min_size=1, max_size=6))
    texts = data.draw(st.lists(pool | st.lists(st.sampled_from(items)).map(" ".join), max_size=4))
    n = shortest + longer
    how = {"words": words, "n": n, "shortest": shortest, "common": common, "whole_below": n + more}
    index, found = looked_up(texts, items, **how)
    for text, row in zip(texts, found, strict=True):
        wanted = compare(text, items, **how)
        assert row[overlap.HITS] == wanted.hits
        assert row[overlap.COVERED] == wanted.covered
        assert row[overlap.UNITS] == wanted.units
        named = row[overlap.ITEM]
        assert (None if named < 0 else int(index.names[named])) == wanted.item
        if wanted.item is None:
            continue
        share = wanted.item_share
        assert row[overlap.ITEM_UNITS] * share.denominator == (
            index.items.coverable[named] * share.numerator
        )
        stretch = text.encode()[row[overlap.RUN_BEGIN] : row[overlap.RUN_END]].decode()
        length = len(units(stretch, words=words))
        # a mark that joins nothing goes with the character before it
        assert length == wanted.longest if "\u3099" not in text else length >= wanted.longest


def step(tmp_path, items, **options):
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps({"q": item}) + "\n" for item in items), "utf-8")
    source = EvaluationSet("quiz", str(path), ("q",))
    return Decontaminate(sets=[source], action="drop", **options)


def scores(step, *texts):
    found = step.score(pa.array(texts, pa.large_string()), {}).scores
    return pa.table(dict(found)).to_pylist()


LONG = (
    "琵琶湖の水が京都へ流れるように掘られた疏水が、"
    "最初に完成したのは西暦何年のことでしょうか。答えを選びなさい。"
)
SHORT = "源氏物語を書いたのは誰でしょうか？"
ENGLISH = (
    "A farmer sells forty eggs on Monday, twice as many on Tuesday, and half of "
    "Tuesday's number on Friday. How many eggs does she sell in all?"
)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text,
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.replace(" ", "\n").replace("、", "、\r\n\u3000"),
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
        lambda text: text.replace("、", "，").replace("。", "．\u3000").replace("？", " ?"),
        lambda text: text.upper(),
        lambda text: text.replace("の", "の\u00ad\u200b"),
    ],
)
@pytest.mark.parametrize(
    ("item", "unit"), [(LONG, "characters"), (SHORT, "characters"), (ENGLISH, "words")]
)
def test_an_item_is_found_whatever_its_width_case_spaces_and_marks(tmp_path, item, unit, change):
    (found,) = scores(step(tmp_path, [item], unit=unit), f"Before。{change(item)}\nAfter.")
    assert found["item_share"] == 1
    assert (found["set"], found["item"]) == ("quiz", "1")
    text = f"Before。{change(item)}\nAfter."
    stretch = text[found["start"] : found["start"] + found["length"]]
    assert key(stretch) == key(item)


@pytest.mark.parametrize(
    "other",
    [
        SHORT.replace("語", "詰"),
        SHORT.replace("で", "て"),  # dakuten decide
        SHORT.replace("誰", "だれ"),
        SHORT[:-4],
    ],
)
def test_a_near_miss_of_a_short_item_is_none(tmp_path, other):
    (found,) = scores(step(tmp_path, [SHORT]), f"はじめに。{other}。おわりに。")
    assert (found["hits"], found["share"], found["item_share"]) == (0, 0, 0)
    assert (found["set"], found["item"], found["start"], found["length"]) == (None,) * 4


def test_a_part_of_a_long_item_counts_by_its_share_and_one_hit_drops_nothing(tmp_path):
    made = step(tmp_path, [LONG])
    whole = key(LONG)
    less, one, more = scores(made, whole[:19], whole[:20], whole[: len(whole) * 2 // 3])
    assert less["hits"] == 0
    assert (one["hits"], one["longest"]) == (1, 20)
    assert one["item_share"] == pytest.approx(20 / len(whole))
    failed = made.rules[0].failed({"item_share": pa.array([one["item_share"], more["item_share"]])})
    assert failed.tolist() == [False, True]


def test_words_are_whole_words(tmp_path):
    made = step(tmp_path, ["one two three four five six seven eight"], unit="words")
    found = scores(
        made,
        "one two three four five six seven eights",
        "x one, TWO-three four five six seven eight y",
    )
    assert [row["hits"] for row in found] == [0, 1]


def test_what_no_item_can_say_alone_is_counted_and_not_looked_for(tmp_path):
    template = (
        "次の文章をよく読んで、あとに続く問いに対する答えとして最も適当なものを一つ選びなさい。"
    )
    items = [LONG, SHORT, "短い", "", LONG.replace("、", ""), template]
    items += [template + str(k) for k in range(12)]
    made = step(tmp_path, items)
    coverage = made.settings["sets"][0]["coverage"]
    assert coverage == {
        "items": 18, "texts": 18, "by_ngrams": 13, "whole": 1, "too_short": 1, "repeated": 1,
        "template": 1, "missing": 1,
    }  # fmt: skip
    assert scores(made, template)[0]["hits"] == 0


COLLISION = (
    "孚孜字字字孛字字存孙字孛孙字字字存孚字字",
    "字字孙孚孚字孜存字字存字字孛字字字字存存",
)


def test_two_different_texts_of_one_hash_are_not_taken_for_one():
    """The two were made for it: the hash is a polynomial modulo 2**64."""
    one, other = COLLISION
    how = {"words": False, "n": 20, "shortest": 20, "whole_below": 20, "common": 10}
    _, found = looked_up([one, other], [one], **how)
    assert [row[overlap.HITS] for row in found] == [1, 0]
    both, found = looked_up([one, other], [one, other], **how)
    assert both.grams.hash[0] == both.grams.hash[1]
    assert [both.names[row[overlap.ITEM]] for row in found] == ["0", "1"]


def test_marks_are_the_stretches_of_items_that_the_rule_is_about(tmp_path):
    made = step(tmp_path, [LONG, SHORT])
    text = f"{LONG[:25]}。これは別の話です。{SHORT}"
    (rule,) = made.rules
    assert [text[left:right] for left, right in made.marks(text, rule)] == [SHORT[:-1]]


def test_a_short_item_quoted_in_part_is_found_where_ngrams_begin_earlier(tmp_path):
    item = "富士山の高さは何メートルですかという問題の答えを次から選びなさい"
    text = f"前置きです。{item[:26]}。そのあとの文章。"
    path = tmp_path / "partial.jsonl"
    path.write_text(json.dumps({"q": item}), encoding="utf-8")

    def share(**options):
        sets = [EvaluationSet("s", str(path), ("q",))]
        made = Decontaminate(sets=sets, action="annotate", unit="characters", **options)
        found = made.score(pa.array([text], pa.large_string()), {}).scores
        return found["item_share"][0].as_py()

    assert share() == 0
    assert share(whole_below=20) == 26 / len(item)
