from fractions import Fraction

import pytest

from curation.base.errors import NotFound, UsageError
from mixtures.blends import blends, instantiate, load_blend, names, notes_of
from mixtures.spec import read_mixture
from mixtures.spec_write import to_yaml


def test_the_promised_blends_ship_with_evidence_and_source() -> None:
    assert names() == [
        "llm-jp-13b-v1",
        "llm-jp-13b-v2",
        "llm-jp-3-172b",
        "llm-jp-4-phase1",
        "llm-jp-4-phase2",
        "olmo-2-dolmino-midtraining",
        "plamo-13b",
        "shisa-7b",
        "stockmark-100b-ja",
        "swallow-llama2",
    ]
    for blend in blends():
        assert blend.evidence in ("C", "P")
        assert len(blend.source) > 15
        assert sum(blend.shares().values()) == 1
        assert all(published.language for published in blend.published.values())


@pytest.mark.parametrize("name", names())
def test_a_blend_over_datasets_is_a_valid_mixture(name: str) -> None:
    blend = load_blend(name)
    datasets = {source.path: f"d{k}@prod" for k, source in enumerate(blend.root.walk())}
    for budget in (None, 10**10):
        mixture = instantiate(blend, datasets, tokenizer="ja@1", budget_tokens=budget)
        text = to_yaml(mixture, notes=notes_of(blend, mixture))
        assert read_mixture(text) == mixture
        assert f"evidence {blend.evidence}" in text


def test_a_group_may_be_one_dataset() -> None:
    swallow = instantiate(
        load_blend("swallow-llama2"), {"ja": "web-ja", "en": "web-en"}, tokenizer="t"
    )
    assert [(s.path, s.weight) for s in swallow.walk()] == [("ja", 90), ("en", 10)]
    phase1 = load_blend("llm-jp-4-phase1")
    code = instantiate(phase1, {"code": "code"}, tokenizer="t", partial=True)
    assert [(s.path, s.repeat) for s in code.walk()] == [("code", 8)]
    weighed = instantiate(phase1, {"ja": "web-ja"}, tokenizer="t", partial=True, budget_tokens=10)
    assert [(s.path, s.weight) for s in weighed.walk()] == [("ja", Fraction("3422.32"))]


def test_what_cannot_be_mapped_is_said() -> None:
    blend = load_blend("llm-jp-13b-v2")
    with pytest.raises(UsageError, match=r"no dataset is given for ja-wiki, pile, en-wiki, stack"):
        instantiate(blend, {"ja-cc": "a"}, tokenizer="t")
    with pytest.raises(UsageError, match=r"no source 'ja-c'; did you mean 'ja-cc'\?"):
        instantiate(blend, {"ja-c": "a"}, tokenizer="t")
    with pytest.raises(UsageError, match="cannot stand for sources that repeat differently"):
        instantiate(load_blend("llm-jp-4-phase1"), {"ja": "a"}, tokenizer="t", partial=True)
    with pytest.raises(UsageError, match="no source is mapped"):
        instantiate(blend, {}, tokenizer="t", partial=True)
    with pytest.raises(NotFound, match=r"did you mean 'swallow-llama2'\?"):
        load_blend("swallow-llama")
