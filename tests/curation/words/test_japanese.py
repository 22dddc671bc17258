"""The words are those of datatrove's Japanese tokenizer, without spaCy."""

import random

import pyarrow as pa
import pytest
from datatrove.utils.word_tokenizers import chunk_text_on_bytes, load_word_tokenizer
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.words.japanese import JapaneseWords, japanese_words, parts

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
