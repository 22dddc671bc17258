from fractions import Fraction

import pytest

from curation.base.errors import NotFound, UsageError
from mixtures.blends import blends, instantiate, load_blend, names, notes_of
from mixtures.budget import apportion
from mixtures.shares import Supply, demand_of
from mixtures.spec import read_mixture
from mixtures.spec_write import to_yaml

# japanese.md 4.2: percent of 22.0749 T tokens
PHASE_1 = {
    "code": (8.14, ["code.starcoder", "code.stack"]),
    "en fineweb 10-19": (28.7, ["en.fineweb-10-19"]),
    "en fineweb 20-30": (37.0, ["en.fineweb-20-30"]),
    "ja web": (7.86, ["ja.cc", "ja.fineweb-2"]),
    "zh": (2.59, ["zh.fineweb-2", "zh.wiki"]),
    "ko": (0.23, ["ko.fineweb-2", "ko.wiki"]),
}
PHASE_1_LANGUAGES = {"en": 73.53, "ja": 15.50, "code": 8.14, "zh": 2.59, "ko": 0.23}
PHASE_1_CURATED = {"en": 7.76, "ja": 7.65}


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


def test_llm_jp_4_on_scaled_down_sources_gives_the_published_shares() -> None:
    blend = load_blend("llm-jp-4-phase1")
    mixture = instantiate(blend, {source.path: "d" for source in blend.root.walk()}, tokenizer="t")
    # a sequence for every 100,000 published tokens, at least one
    supplies = {
        path: Supply(max(1, (published.tokens or 0) // 100_000), 1)
        for path, published in blend.published.items()
    }
    demand = demand_of(mixture, supplies)
    (row,) = apportion(demand.legs)
    counts = dict(zip((source.path for source in mixture.walk()), row.counts, strict=True))
    total = sum(row.counts)

    def percent(paths: list[str]) -> float:
        return 100 * sum(counts[path] for path in paths) / total

    for expected, paths in PHASE_1.values():
        digits = 0.05 if expected in (28.7, 37.0) else 0.005  # as many as are published
        assert abs(percent(paths) - expected) < 0.01 + digits
    for language, expected in PHASE_1_LANGUAGES.items():
        assert abs(percent([p for p in counts if p.startswith(language + ".")]) - expected) < 0.01
    for language, expected in PHASE_1_CURATED.items():
        curated = [
            source.path
            for source in blend.root.walk()
            if source.path.startswith(language + ".") and source.repeat == 8
        ]
        assert abs(percent(curated) - expected) < 0.01


@pytest.mark.parametrize(
    ("name", "languages"),
    [
        ("llm-jp-3-172b", {"ja": 48.6, "en": 45.8, "code": 5.5}),
        ("llm-jp-4-phase2", {"en": 68.3, "ja": 13.9}),
        ("plamo-13b", {"en": 88, "ja": 12}),
        ("swallow-llama2", {"ja": 90, "en": 10}),
    ],
)
def test_languages_are_those_published(name: str, languages: dict[str, float]) -> None:
    found = load_blend(name).languages()
    for language, expected in languages.items():
        assert abs(float(found[language] * 100) - expected) < 0.1


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
