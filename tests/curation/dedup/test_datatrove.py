"""Signatures are datatrove 0.10.1's, all values of all documents."""

import numpy as np
import pyarrow as pa
import pytest
import xxhash
from datatrove.pipeline.dedup.minhash import MinhashConfig, MinhashDedupSignature
from datatrove.utils.hashing import HashConfig
from datatrove.utils.text import simplify_text
from hypothesis import given
from hypothesis import strategies as st

from curation.base.errors import InvalidDocument
from curation.dedup.datatrove import DatatroveMinHash
from curation.dedup.keys import matching_keys
from curation.dedup.minhash import MinHash
from curation.dedup.simplify import simplified
from curation.kernels.xxh64 import xxh64
from curation.recipe import parse_recipe
from tests.curation.made_text import english_documents, japanese_documents


def array(texts):
    return pa.array(texts, pa.large_string())


def peer(minhash, texts, folder):
    """datatrove's signatures; None where it writes none."""
    step = MinhashDedupSignature(
        str(folder),
        MinhashConfig(
            n_grams=minhash.ngram,
            num_buckets=minhash.bands,
            hashes_per_bucket=minhash.rows,
            seed=minhash.seed,
            hash_config=HashConfig(64, minhash.hash),
        ),
        language={"en": "eng_Latn", "ja": "jpn_Jpan"}[minhash.language],
    )
    found = []
    for text in texts:
        shingles = step.get_shingles(text)
        found.append(np.ravel(step.get_signature(shingles)).tolist() if shingles.size else None)
    return found


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # datatrove's way to call SudachiPy
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize(
    ("minhash", "texts"),
    [
        (DatatroveMinHash(), english_documents(count=120, seed=21)),
        (DatatroveMinHash(20, 10, 3, seed=7), english_documents(count=40, seed=22)),
        (DatatroveMinHash(hash="sha1"), english_documents(count=40, seed=23)),
        (DatatroveMinHash(language="ja"), japanese_documents(count=60, seed=24)),
    ],
    ids=["english", "20x10", "sha1", "japanese"],
)
def test_signatures_are_datatroves(minhash, texts, tmp_path):
    signatures, found = minhash.signatures(array(texts))
    expected = peer(minhash, texts, tmp_path)
    assert found.tolist() == [row is not None for row in expected]
    assert 10 < found.sum() < len(texts)
    for row, values in enumerate(expected):
        if values is not None:
            assert signatures[row].tolist() == values, texts[row]


MARKS = "Σσİ１٣.,،٫⎖゙〮́ᄀ각がﾊﾟ \u2000\u3000\x1c'’—🙂𠮟\U000e0100\U00030000"


@given(st.lists(st.text(st.characters(codec="utf-8") | st.sampled_from(MARKS)), max_size=4))
def test_texts_are_simplified_as_datatrove_does(texts):
    assert simplified(array(texts)).to_pylist() == list(map(simplify_text, texts))


def test_every_character_is_simplified_as_datatrove_does():
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    some = codes[:0x3100] + codes[0x3100::97]
    texts = [f"x{chr(code)}1{chr(code)}2 {chr(code)}" for code in some]
    assert simplified(array(texts)).to_pylist() == list(map(simplify_text, texts))


@given(st.binary(max_size=200))
def test_the_kernel_is_xxh64(data):
    padded = np.frombuffer(b"\0" + data + b"\0", np.uint8)
    assert int(xxh64(padded, 1, 1 + len(data))) == xxhash.xxh64_intdigest(data)


def test_dakuten_are_lost_in_datatroves_key_and_kept_in_ours():
    texts = array([word + "は、おかしの名前です。" * 3 for word in ("パパ", "ババ", "ハハ")])
    lost, _ = DatatroveMinHash(language="ja").signatures(texts)
    assert (lost[0] == lost[1]).all()
    assert (lost[0] == lost[2]).all()
    kept, _ = MinHash(unit="characters").bands_of(texts, matching_keys(texts))
    assert (kept[0] != kept[1]).any()
    assert (kept[0] != kept[2]).any()


def test_equal_bands_are_equal_rows_of_the_signature():
    minhash = DatatroveMinHash()
    texts = array(
        [*english_documents(count=60, seed=25) * 2, "a b c d e f g h", "A, b c d e f g h"]
    )
    signatures, found = minhash.signatures(texts)
    bands, has = minhash.bands_of(texts, matching_keys(texts))
    assert has.tolist() == found.tolist()
    rows = signatures.reshape(len(texts), 14, 8)
    for one in range(0, len(texts), 7):
        equal = (rows == rows[one]).all(axis=2)
        assert ((bands == bands[one]) == equal).all()


def test_a_recipe_asks_for_them():
    text = "version: 1\ndatasets: {a: {languages: [ja], dedup: {minhash: %s}}}\n"
    chosen = "{preset: 20x10, unit: datatrove, seed: 3}"
    recipe = parse_recipe(text % chosen)
    assert recipe.datasets[0].dedup.minhash == DatatroveMinHash(20, 10, 5, "ja", 3)
    with pytest.raises(InvalidDocument, match="only `unit: datatrove` has 'seed'"):
        parse_recipe(text % "{unit: words, seed: 3}")
