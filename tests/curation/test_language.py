from __future__ import annotations

import random
from pathlib import Path

import pyarrow as pa
import pytest

from curation import language
from curation.base.errors import NotFound
from curation.fasttext_file import read_model
from curation.language import Language, model_path

JAPANESE = "国境の長いトンネルを抜けると雪国であった。夜の底が白くなった。"
ENGLISH = "It was a bright cold day in April, and the clocks were striking thirteen."


def test_languages_are_told_apart_and_scores_stay_within_one() -> None:
    scores = Language().score(pa.array([JAPANESE, ENGLISH, " \n"], pa.large_string()), {}).scores
    assert scores["label"].to_pylist() == ["ja", "en", None]
    assert all(0 <= score <= 1 for score in scores["score"].to_pylist())
    assert scores["score"].to_pylist()[2] == 0


def test_a_clear_prefix_decides_and_an_unclear_one_sends_the_whole_text() -> None:
    step = Language(prefix=20)
    assert step.judge(JAPANESE * 50)[3] is False
    unclear = "12345 67890 12345 67890 " + ENGLISH * 20
    assert step.judge(unclear)[0] == "en"
    assert step.judge(unclear)[3] is True
    assert Language(prefix=None).judge(JAPANESE * 200)[3] is True


def _made_texts() -> list[str]:
    """Words of many scripts, all that fastText takes for a separator, its own marks, long words."""
    draw = random.Random(4)
    pieces = [
        *ENGLISH.split(),
        *JAPANESE,
        *("naïve", "Все", "счастливые", "人之初", "الحرية", "ελευθερία", "स्वतंत्रता", "ไทย", "자유"),
        *(chr(draw.randrange(0x20, 0x2FFF)) for _ in range(200)),
        *"\t\n\r\v\f\0\u3000\u00a0😀𠮷",
        "</s>",
        "__label__en",
        "__label__ja</s>",
        "12,345.67",
        "a" * 300,
        "日本" * 200,
    ]
    lengths = [*range(1, 30), 100, 400, 1500]
    texts = [
        draw.choice(("", " ")).join(draw.choices(pieces, k=draw.choice(lengths)))
        for _ in range(1500)
    ]
    return ["", " ", "\n", "\u3000", "\0", "a", "</s>", "__label__en", " </s> the end", *texts]


@pytest.mark.parametrize("prefix", [None, 40])
def test_the_kernel_gives_every_bit_that_fasttext_gives(prefix: int | None) -> None:
    assert language.load_arrays(str(model_path(None))) is not None
    texts = _made_texts()
    step = Language(prefix=prefix)
    found = step.score(pa.array(texts, pa.large_string()), {}).scores
    rows = zip(*(found[s.name].to_pylist() for s in step.statistics), strict=True)
    for text, row in zip(texts, rows, strict=True):
        assert row == step.judge(text), text
    assert len(set(found["label"].to_pylist())) > 20


def test_a_tie_and_an_unknown_kind_of_model_are_left_to_fasttext(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    texts = pa.array([JAPANESE, ENGLISH, ""], pa.large_string())
    expected = Language().score(texts, {}).scores
    arrays = language.load_arrays(str(model_path(None)))
    assert arrays is not None
    model, names = arrays
    children = model.children.copy()
    children[-1] = (0, 1)  # two labels, both with one half
    flat = model._replace(output=model.output * 0, children=children)
    monkeypatch.setattr(language, "load_arrays", lambda path: (flat, names))
    assert Language().score(texts, {}).scores == expected
    monkeypatch.setattr(language, "load_arrays", lambda path: None)
    assert Language().score(texts, {}).scores == expected
    data = bytearray(model_path(None).read_bytes())
    data[8] = 17  # dimensions
    (tmp_path / "other.ftz").write_bytes(data)
    assert read_model(tmp_path / "other.ftz") is None


def test_a_missing_model_is_named() -> None:
    with pytest.raises(NotFound, match=r"no-such\.ftz"):
        model_path("no-such.ftz")
