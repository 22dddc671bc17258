"""The words are those of datatrove's Japanese tokenizer, without spaCy."""

import itertools
import random

import pyarrow as pa
import pytest
from datatrove.utils.word_tokenizers import chunk_text_on_bytes, load_word_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.kernels.word_table import cut_as
from curation.words.japanese import JapaneseWords, _arrays, japanese_words, parts

POOL = [
    "日本語の文章を分割する。",
    "これは、テストです！",
    "コンピューター・ソフトウェア",
    "「はい。」と言った",
    "東京都千代田区１－２－３",
    "2024年1月31日",
    "http://example.jp/a?b=c",
    "ﾊﾝｶｸ",
    "𠮟る",
    "①②",
    "…",
    "・・・",
    "\u3000",
    "\t",
    "English",
    "words",
    "too,",
    "e.g.",
    "U.S.A.",
    "(注)",
    "株式会社㈱",
    "～〜",
    "ー",
    "々",
    "が",
    "か゛",
    "🙂\n\n\n",
    "\n",
]


def made(seed, size):
    draw = random.Random(seed)
    return "".join(draw.choice(POOL) + draw.choice(("", "", " ", "\n", "　")) for _ in range(size))


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from(["a", "é", "あ", "𠮟", " ", "\n"]), min_size=1, max_size=6),
    st.integers(1, 30_000),
    st.integers(0, 25),
)
def test_parts_are_cut_where_datatrove_cuts(unit, repeats, tail):
    text = "".join(unit) * (repeats // len(unit)) + "い" * tail
    assert parts(text) == chunk_text_on_bytes(text, 40_000)


@pytest.mark.filterwarnings("ignore:Dictionary.create:DeprecationWarning")  # datatrove calls it
def test_words_are_datatroves():
    peer = load_word_tokenizer("jpn_Jpan")
    words = japanese_words()
    texts = ["", " ", "　\n", "…", *(made(seed, 60) for seed in range(120)), made(7, 6000)]
    for text in texts:
        assert words.words(text) == peer.word_tokenize(text)


def test_a_batch_numbers_one_spelling_once_and_keeps_reserved_numbers():
    words = JapaneseWords(table_words=0)
    (no,) = words.reserve(["の"])
    for _ in range(2):
        batch = words.split(pa.array(["私の本", "本の私", ""], pa.large_string()))
        first, second = (batch.ids[batch.ptr[k] : batch.ptr[k + 1]].tolist() for k in (0, 1))
        assert first == second[::-1]
        assert first[1] == no == 0
        assert batch.ptr.tolist() == [0, 3, 6, 6]
        assert [int(batch.features[k, 3]) & 0xFFFFFFFF for k in first] == [1, 1, 1]


def spelled(batch):
    return [
        [
            batch.text[batch.word_ptr[word] : batch.word_ptr[word + 1]].tobytes().decode()
            for word in batch.ids[begin:end]
        ]
        for begin, end in itertools.pairwise(batch.ptr)
    ]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.lists(
            st.text(st.sampled_from(" \n\u3000\t\x85あa漢"), min_size=1, max_size=4), max_size=8
        ),
        min_size=1,
        max_size=4,
    )
)
def test_surfaces_joined_by_spaces_give_the_words(texts):
    """However a text with any white space was cut, no text is needed but the surfaces joined."""
    data, offsets = _arrays(["".join(surfaces) for surfaces in texts])
    begin, end, ptr, other = cut_as(data, offsets, *_arrays([" ".join(part) for part in texts]))
    found = [data[i:j].tobytes().decode() for i, j in zip(begin, end, strict=True)]
    assert not other.any()
    assert [found[i:j] for i, j in itertools.pairwise(ptr)] == [
        [word for surface in surfaces if (word := surface.strip())] for surfaces in texts
    ]


def test_surfaces_that_are_not_the_text_are_taken_as_they_are(monkeypatch):
    words = JapaneseWords()
    texts = ["東京都に住む。", "猫 と 犬", "大阪府に住む。"]
    expected = [words.words(text) for text in texts]
    one = words._joined
    monkeypatch.setattr(words, "_joined", lambda text: one(text.replace("東", "西")))
    batch = words.split(pa.array(texts, pa.large_string()))
    assert spelled(batch) == expected


def test_the_table_of_words_grows():
    words = JapaneseWords()
    kept = words.reserve(["。", "の"])
    many = ["".join(map(chr, range(0x4E00 + 40 * k, 0x4E00 + 40 * k + 40))) for k in range(500)]
    texts = [" ".join(part) for part in (many[:100], many, [w[::-1] + "。" for w in many])]
    batch = words.split(pa.array(texts, pa.large_string()))
    assert spelled(batch) == [words.words(text) for text in texts]
    assert words.reserve(["の", "。"]).tolist() == kept.tolist()[::-1]
    assert int(kept[0]) in batch.ids
