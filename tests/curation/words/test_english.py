"""The kernel's words are spaCy's, token for token."""

import re

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.base.marks import ASSIGNED
from curation.words.english.check import sample_chunks
from curation.words.english.splitter import EnglishWords, english_words
from curation.words.english.tables import Unsupported, read_tables
from curation.words.english.vocabulary import CHUNK_BYTES
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
    words = EnglishWords(memo_entries=1 << 21)
    texts = [" ".join(f"w{i}x{k}" for i in range(4000)) for k in range(40)]
    batch = words.split(pa.array(texts, pa.large_string()))
    assert len(batch.ids) == 160_000
    assert len(set(batch.ids.tolist())) == 160_000
    again = words.split(pa.array(list(reversed(texts)), pa.large_string()))
    assert again.ids[-4000:].tolist() == batch.ids[:4000].tolist()


def test_tables_stay_as_large_as_one_batch_of_new_words_needs():
    words = EnglishWords()
    count, known = 140_000, []
    for first in range(0, 4 * count, count):
        batch = pa.array(
            [" ".join(f"w{i}" for i in range(first, first + count))], pa.large_string()
        )
        assert len(set(words.split(batch).ids.tolist())) == count
        known.append(words._room.nbytes)
    # 155 bytes a chunk and its word, places of tables twice over, all rounded up by doubling
    assert max(known) < 2 * 2 * 155 * count


def test_tables_are_emptied_after_so_many_bytes_of_long_chunks():
    words = EnglishWords(memo_entries=1 << 12)  # 256 KiB
    sizes = []
    for first in range(0, 12 * 32, 32):
        chunks = [f"{k}" + "a" * 4000 for k in range(first, first + 32)]
        # known words before and behind: most chunks are not new
        words.split(pa.array([" ".join(["x"] * 50 + chunks)], pa.large_string()))
        sizes.append(len(words._room.memo.text) + len(words._room.vocabulary.text))
        assert words._room.count[CHUNK_BYTES] < (256 << 10) + 33 * 4004
    assert sizes[-1] == sizes[0]


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


def test_spacys_classes_hold_no_character_of_planes_without_any():
    from spacy.lang import char_classes

    held = [range(*planes) for planes in ASSIGNED]
    outside = "".join(chr(code) for code in range(0x110000) if not any(code in r for r in held))
    for members in (
        *(char_classes.ALPHA, char_classes.ALPHA_LOWER, char_classes.ALPHA_UPPER),
        *(char_classes.CONCAT_QUOTES, char_classes.CONCAT_ICONS, char_classes.PUNCT),
    ):
        assert not re.search(f"[{members}]", outside)
