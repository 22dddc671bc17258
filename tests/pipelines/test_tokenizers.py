"""Tokenizers are identified by content, lose nothing and are trained on every line given."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.base.errors import IntegrityError, NotFound, UsageError
from curation.base.store import Store
from pipelines.tokenizers import HubTokenizer, Tokenizer, open_tokenizer, read_tokenizer
from pipelines.train_tokenizer import MAX_LINE_BYTES, Training, split_lines, spread, train

TEXT = [
    "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。",
    "The quick brown fox jumps over the lazy dog; 12,345 times a day.\n\n\tIndented.",
    "①㈱～〜…　全角スペースと半角カナ ｶﾞｷﾞ、絵文字 🐈 と制御 \x07 文字",
] * 30


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train([(TEXT, 20_000)], Training(vocabulary=353))


def test_a_round_trip_gives_the_text_back(tokenizer: Tokenizer) -> None:
    texts = [*TEXT[:3], "", "never seen: Ω≈ç√ 漢字 \n \n"]
    ids, offsets = tokenizer.encode_batch(texts)
    assert ids.dtype == np.int32
    assert offsets.tolist()[0] == 0
    assert offsets[-1] == len(ids)
    for number, text in enumerate(texts):
        assert tokenizer.decode(ids[offsets[number] : offsets[number + 1]]) == text


def test_training_twice_gives_the_same_digest(tokenizer: Tokenizer) -> None:
    assert train([(TEXT, 20_000)], Training(vocabulary=353)).digest == tokenizer.digest
    assert train([(TEXT, 20_000)], Training(vocabulary=354)).digest != tokenizer.digest


def test_threads_do_not_change_the_ids(tokenizer: Tokenizer) -> None:
    one, two = (tokenizer.encode_batch(TEXT, threads=threads) for threads in (1, 2))
    assert np.array_equal(one[0], two[0])
    assert np.array_equal(one[1], two[1])


def test_the_store_gives_back_what_was_saved_and_notices_another_file(
    tokenizer: Tokenizer, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    document = tokenizer.save(store, training={"vocabulary": 353})
    assert open_tokenizer(store, tokenizer.digest).digest == tokenizer.digest
    assert document["training"] == {"vocabulary": 353}
    assert tokenizer.save(store) == document
    path = store.tokenizer_dir(tokenizer.digest) / "tokenizer.model"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(IntegrityError, match="its manifest says sha256:"):
        open_tokenizer(store, tokenizer.digest)
    path.unlink()
    with pytest.raises(IntegrityError, match=r"tokenizer.model is missing: restore the file"):
        open_tokenizer(store, tokenizer.digest)
    with pytest.raises(NotFound):
        open_tokenizer(store, "sha256:" + "0" * 64)


def test_too_little_text_is_said_so() -> None:
    with pytest.raises(UsageError, match=r"cannot make 8,000 pieces of this text \(Vocab"):
        train([(["one short line"], 14)], Training())
    assert train([(TEXT, 20_000)], Training(exact=False)).vocabulary < 8000
    with pytest.raises(UsageError, match="at least one dataset"):
        train([], Training())


def test_a_file_of_neither_library_is_refused(tmp_path: Path) -> None:
    for name, data in (("a", b"\x00\xffnot a model"), ("b", b'{"not": "closed"'), ("c", b"")):
        path = tmp_path / name
        path.write_bytes(data)
        with pytest.raises(UsageError):
            read_tokenizer(path)
    with pytest.raises(NotFound, match="there is no file"):
        read_tokenizer(tmp_path / "absent")
    with pytest.raises(UsageError, match="cannot be read"):
        read_tokenizer(tmp_path)


@given(st.text(), st.integers(4, 40))
@settings(max_examples=60)
def test_lines_lose_nothing_and_stay_under_the_limit(text: str, max_bytes: int) -> None:
    lines = list(split_lines(text, max_bytes=max_bytes))
    assert "".join(lines) == text.replace("\n", "")
    assert all(0 < len(line.encode()) <= max_bytes for line in lines)


def test_a_line_sentencepiece_would_skip_is_cut() -> None:
    assert MAX_LINE_BYTES == 4192
    assert [len(line.encode()) for line in split_lines("あ" * 3000)] == [4191, 4191, 618]


def test_spread_takes_texts_evenly_up_to_the_budget() -> None:
    texts = [f"{number:04d}" for number in range(1000)]
    taken = list(spread(texts, total_bytes=4000, max_bytes=400))
    assert taken == texts[::10]
    assert list(spread(texts, total_bytes=4000, max_bytes=40)) == texts[::100]


@pytest.fixture
def hub_file(tmp_path: Path) -> Path:
    tokenizers = pytest.importorskip("tokenizers")
    model = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    model.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    model.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<unk>", "<s>", "</s>"],
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model.train_from_iterator(TEXT, trainer)
    model.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    path = tmp_path / "tokenizer.json"
    model.save(str(path))
    return path


def test_a_hub_tokenizer_with_separators_equals_the_librarys_own_encoding(hub_file: Path) -> None:
    import tokenizers

    ours = read_tokenizer(hub_file)
    theirs = tokenizers.Tokenizer.from_file(str(hub_file))
    ids, offsets = ours.encode_batch(TEXT[:3])
    for number, text in enumerate(TEXT[:3]):
        body = ids[offsets[number] : offsets[number + 1]].tolist()
        assert [ours.special.bos, *body, ours.special.eos] == theirs.encode(text).ids
        assert ours.decode(body) == text


def test_a_hub_tokenizer_comes_back_from_the_store_with_its_named_pieces(
    hub_file: Path, tmp_path: Path
) -> None:
    tokenizer = read_tokenizer(hub_file, pieces={"pad": "<unk>"})
    assert tokenizer.special.pad == 0
    store = Store(tmp_path / "store")
    tokenizer.save(store)
    again = open_tokenizer(store, tokenizer.digest)
    assert isinstance(again, HubTokenizer)
    assert again.special == tokenizer.special
    with pytest.raises(UsageError, match="no piece"):
        read_tokenizer(hub_file, pieces={"bos": "<absent>"})


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "this SentencePiece model has no pieces"),
        (b"version: 1\n", "this is not a SentencePiece model"),
        (b"{", "not a tokenizer.json"),
        (b"{}", "this is not a tokenizer.json (Model missing"),
    ],
)
def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "some.model"
    path.write_bytes(data)
    with pytest.raises(UsageError) as refused:
        read_tokenizer(path)
    assert str(refused.value).startswith(f"{path}: {message}")
