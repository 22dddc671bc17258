"""The kernel's words are spaCy's, token for token."""

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.words.english.check import sample_chunks
from curation.words.english.splitter import EnglishWords, english_words
from curation.words.english.tables import Unsupported, read_tables
from tests.curation.made_text import english_documents


def spelled(words, batch, index):
    """The words of one document as (hash, packed) rows: equal rows are equal spellings."""
    return batch.features[batch.ids[batch.ptr[index] : batch.ptr[index + 1]]].tolist()


def expected(words, text):
    tokens = [token.text for token in words._nlp.make_doc(text)]
    numbers = [words._room.number(token.strip()) for token in tokens if token.strip()]
    return words._room.vocabulary.features[numbers].tolist()


def assert_equal(words, texts):
    batch = words.split(pa.array(texts, pa.large_string()))
    for index, text in enumerate(texts):
        assert spelled(words, batch, index) == expected(words, text), text


def test_documents_of_all_kinds():
    words = english_words()
    assert_equal(words, english_documents(count=400, seed=2))
    assert words.asked < 100  # spaCy itself is asked only where matches cross a space


def test_chunks_of_special_cases_and_pieces_of_the_rules():
    words = english_words()
    assert_equal(words, sample_chunks(words, count=5000, seed=11))


def test_letters_with_one_mark_behind():
    words = english_words()
    cases = [case for case in words._tokenizer.rules if case.isascii() and case[:1].isalpha()]
    stems = [*cases, "a", "Z", "km", "kM", "NASA", "Word", "wordy", "http", "www", "US", "C"]
    marks = [chr(code) for code in range(33, 127)]
    assert_equal(words, [stem + mark for stem in stems for mark in ("", ".", ",", ")", "'")])
    assert_equal(words, [" ".join(stem + mark for mark in marks) for stem in stems])


@settings(max_examples=300)
@given(st.text(st.characters(codec="utf-8") | st.sampled_from("aB.,'’-:/ \u3000()@1")))
def test_any_text(text):
    assert_equal(english_words(), [text])
    assert_places(english_words(), text)


def assert_places(words, text):
    tokens = words._nlp.make_doc(text)
    spans = [(t.idx, t.idx + len(t.text)) for t in tokens if not t.text.isspace()]
    assert words.places(text) == spans, text


def test_places_of_words_are_those_of_spacy():
    words = english_words()
    chunks = sample_chunks(words, count=1000, seed=5)
    asked = words.asked
    for text in ["", " \n", *english_documents(count=60, seed=4), " \u3000".join(chunks)]:
        assert_places(words, text)
    assert words.asked - asked < 100  # the kernel's words tell where they stand


def test_words_across_a_single_space_can_take_each_other_apart():
    assert_equal(
        english_words(),
        ["x-a. m.", "U. S. x-a. m. a. m.", "x-a.  m.", "x-a.\nm.", "(a. m.) x-p. m.", "é-a. a. m."],
    )


def test_the_memo_changes_no_word():
    texts = english_documents(count=150, seed=3)
    array = pa.array(texts, pa.large_string())
    with_memo = english_words()
    with_memo.split(array)
    without = EnglishWords(memo_entries=0)
    asked = EnglishWords(kernels=False)
    for words in (with_memo, without, asked):
        words._recent.clear()
    batches = [(words, words.split(array)) for words in (with_memo, without, asked)]
    for index in range(len(texts)):
        first, second, third = (spelled(words, batch, index) for words, batch in batches)
        assert first == second == third


def test_the_name_that_spacy_fails_on_is_a_word_like_others():
    words = EnglishWords(kernels=False)
    batch = words.split(pa.array(["foo IS_ALPHA x-a. m. IS_ALPHA"] * 2, pa.large_string()))
    first, second = spelled(words, batch, 0), spelled(words, batch, 1)
    assert first == second
    assert len(first) == 7
    kernel = english_words()
    batch = kernel.split(pa.array(["foo IS_ALPHA x-a. m. IS_ALPHA"], pa.large_string()))
    assert spelled(kernel, batch, 0) == first


def test_tables_that_grow_keep_their_words():
    words = EnglishWords()
    texts = [" ".join(f"w{i}x{k}" for i in range(4000)) for k in range(40)]
    batch = words.split(pa.array(texts, pa.large_string()))
    assert len(batch.ids) == 160_000
    assert len(set(batch.ids.tolist())) == 160_000
    again = words.split(pa.array(list(reversed(texts)), pa.large_string()))
    assert again.ids[-4000:].tolist() == batch.ids[:4000].tolist()


def test_reserved_words_keep_their_numbers():
    words = EnglishWords(memo_entries=0)
    numbers = words.reserve(["the", "of"])
    words.split(pa.array(["many other words of the text"], pa.large_string()))
    assert words.reserve(["of", "with"]).tolist()[0] == numbers[1]
    batch = words.split(pa.array(["of the"], pa.large_string()))
    assert batch.ids.tolist() == [numbers[1], numbers[0]]


def test_another_spacy_is_refused():
    import re

    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.tokenizer.suffix_search = re.compile(r"xyz$").search
    with pytest.raises(Unsupported, match=r"other English suffix expressions than spaCy 3\.8\.18"):
        read_tables(nlp)


def test_an_added_special_case_is_followed():
    words = EnglishWords()
    words._nlp.tokenizer.add_special_case("zzqqzz", [{"ORTH": "zz"}, {"ORTH": "qqzz"}])
    words.tables = read_tables(words._nlp)
    assert_equal(words, ["a zzqqzz, b", "(zzqqzz)"])


def test_long_chunks_take_linear_time():
    import time

    words = english_words()
    times = []
    for size in (200_000, 800_000):
        texts = [
            "a." * size,
            "@a.a" * size,
            "." * size,
            "-" * size,
            "e.g." * (size // 2),
            "あ" * size,
        ]
        array = pa.array(texts, pa.large_string())
        words.split(array)
        words.forget()
        started = time.process_time()
        words.split(array)
        times.append(time.process_time() - started)
    assert times[1] < 12 * times[0] + 0.5
