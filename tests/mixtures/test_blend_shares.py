"""Published shares, as blends give them: japanese.md 4.1 to 4.3, percent with the digits quoted."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest

from curation.base.store import Store
from mixtures.blends import Blend, instantiate, load_blend
from mixtures.catalog import Catalog
from mixtures.plan import draft_plan
from mixtures.spec import read_mixture
from mixtures.spec_write import to_yaml
from tests.mixtures.conftest import Add

PHASE_1_CURATED = {
    "en": "pes2o reddit arxiv openwebmath algebraic-stack mathpile books wiki dolma-wiki "
    "stackexchange gsm8k",
    "ja": "patent warp-pdf-e0-2 warp-pdf-e0 sip-pdf nwjc nwc2010 ceek-news sip-html wiki kaken "
    "warp-html kokkai aozora e-gov",
}
# group: share quoted, tokens read (B), sources; of 22,074.9 B
PHASE_1_TOTAL = Decimal("22074.9")
PHASE_1 = {
    "code": ("8.14", "1797.9", ["code.starcoder", "code.stack"]),
    "en curated": ("7.76", "1713.1", [f"en.{name}" for name in PHASE_1_CURATED["en"].split()]),
    "en FineWeb 10-19": ("28.7", "6340.3", ["en.fineweb-10-19"]),
    "en FineWeb 20-30": ("37.0", "8177.9", ["en.fineweb-20-30"]),
    "ja curated": ("7.65", "1688.4", [f"ja.{name}" for name in PHASE_1_CURATED["ja"].split()]),
    "ja web": ("7.86", "1734.0", ["ja.cc", "ja.fineweb-2"]),
    "zh": ("2.59", "572.4", ["zh.fineweb-2", "zh.wiki"]),
    "ko": ("0.23", "50.9", ["ko.fineweb-2", "ko.wiki"]),
}
PHASE_1_LANGUAGES = {"en": "73.53", "ja": "15.50", "code": "8.14", "zh": "2.59", "ko": "0.23"}


def check_quoted(share: float, quoted: str) -> None:
    """`share`, in percent, is the figure quoted: within 0.01 points, or what rounds to it.

    A figure with fewer than two decimals says less than 0.01 points: rounding must give it.
    """
    digits = -int(Decimal(quoted).as_tuple().exponent)
    if digits >= 2:
        assert abs(share - float(quoted)) <= 0.01
    else:
        assert f"{share:.{digits}f}" == quoted


def check_phase_1(shares: dict[str, float]) -> None:
    """Percent by source path against every figure published for phase 1."""
    assert set(shares) == {path for _, _, paths in PHASE_1.values() for path in paths}
    for quoted, tokens, paths in PHASE_1.values():
        share = sum(shares[path] for path in paths)
        check_quoted(share, quoted)
        assert abs(share - float(100 * Decimal(tokens) / PHASE_1_TOTAL)) <= 0.01
    for language, quoted in PHASE_1_LANGUAGES.items():
        check_quoted(
            sum(part for path, part in shares.items() if path.startswith(f"{language}.")), quoted
        )


def percent(blend: Blend) -> dict[str, float]:
    return {path: float(100 * share) for path, share in blend.shares().items()}


def test_phase_1_has_every_published_share() -> None:
    check_phase_1(percent(load_blend("llm-jp-4-phase1")))


@pytest.mark.parametrize("budget", [None, 8 * 2_000_000], ids=["by repeat", "by budget"])
def test_phase_1_planned_over_scaled_down_sources_has_every_published_share(
    budget: int | None, store: Store, catalog: Catalog, add: Add
) -> None:
    """One sequence for 50 million published tokens, through YAML, token sets, views and the plan.

    gsm8k (3 million tokens) becomes one sequence, 16 times too many of it: 0.002 points. By budget
    the sources' sizes do not matter, so one size does for all.
    """
    blend = load_blend("llm-jp-4-phase1")
    references = {}
    for path, published in blend.published.items():
        assert published.tokens is not None
        size = max(1, round(published.tokens / 50_000_000)) if budget is None else 1
        references[path] = f"d{size}"
    for name in set(references.values()):
        add(name, int(name[1:]), whole=True)
    mixture = instantiate(blend, references, tokenizer="tok", budget_tokens=budget)
    text = to_yaml(mixture).replace("sequence_length: 4096", "sequence_length: 8")
    draft = draft_plan(read_mixture(text), catalog, store)
    (row,) = draft.rows
    total = sum(row.counts)
    assert budget is None or total == budget // 8
    check_phase_1(
        {
            item.path: 100 * count / total
            for item, count in zip(draft.resolved, row.counts, strict=True)
        }
    )


@pytest.mark.parametrize(
    ("name", "quoted"),
    [
        (
            "llm-jp-3-172b",
            {
                "ja.cc-": "36.804",
                "ja.warp-pdf": "11.451",
                "ja.warp-html": "0.132",
                "ja.kaken": "0.088",
                "ja.wiki": "0.124",
                "en.dolma-cc-head": "29.360",
                "en.dolma-c4": "8.760",
                "en.dolma-reddit": "4.008",
                "en.dolma-pes2o": "3.033",
                "en.dolma-gutenberg": "0.265",
                "stack": "5.503",
                "ja.": "48.6",
                "en.": "45.8",
            },
        ),
        (
            "llm-jp-4-phase2",
            {"en.": "68.3", "ja.": "13.9", "code.stack-v2": "11.7", "code.starcoder": "3.5"},
        ),
        (
            "llm-jp-13b-v1",
            {"ja-mc4": "47.3", "ja-wiki": "0.5", "pile": "47.0", "en-wiki": "1.7", "stack": "3.5"},
        ),
        ("llm-jp-13b-v2", {"ja-cc": "51.1", "pile": "43.1", "en-wiki": "1.8", "stack": "3.4"}),
        ("shisa-7b", {"ja": "90.00", "en": "10.00"}),
        (
            "olmo-2-dolmino-midtraining",
            {
                "dclm": "47.57",
                "math": "20.46",
                "flan": "16.56",
                "wiki": "6.98",
                "pes2o": "5.80",
                "stackexchange": "2.63",
            },
        ),
        (
            "stockmark-100b-ja",  # of 304.1 B
            {"cc": "66.98", "mc4": "17.30", "patent": "12.33", "web": "2.89", "wiki": "0.49"},
        ),
    ],
)
def test_sources_have_the_published_shares(name: str, quoted: dict[str, str]) -> None:
    """quoted: the share of all sources whose path begins so."""
    shares = percent(load_blend(name))
    for prefix, figure in quoted.items():
        check_quoted(sum(v for path, v in shares.items() if path.startswith(prefix)), figure)


@pytest.mark.parametrize(
    ("name", "languages"),
    [
        ("plamo-13b", {"en": Fraction(88), "ja": Fraction(12)}),
        ("swallow-llama2", {"ja": Fraction(90), "en": Fraction(10)}),
    ],
)
def test_languages_have_exactly_the_published_shares(
    name: str, languages: dict[str, Fraction]
) -> None:
    assert {key: 100 * share for key, share in load_blend(name).languages().items()} == languages


def test_phase_1_says_where_rounded_figures_contradict_each_other() -> None:
    quoted = {group: Decimal(figure) for group, (figure, _, _) in PHASE_1.items()}
    accuracy = load_blend("llm-jp-4-phase1").accuracy
    assert f"add up to {sum(quoted.values())} %" in accuracy
    assert f"{quoted['ja curated'] + quoted['ja web']} beside {PHASE_1_LANGUAGES['ja']}" in accuracy
    for group in ("en FineWeb 10-19", "en FineWeb 20-30"):
        assert str(quoted[group]) in accuracy
        assert f"{100 * Decimal(PHASE_1[group][1]) / PHASE_1_TOTAL:.2f}" in accuracy
