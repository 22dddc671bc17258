"""What a plan means to a person adds up, and says what it would cost otherwise."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.base.errors import UsageError
from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.explain import changed, describe, tree
from mixtures.plan import draft_of, draft_plan
from mixtures.spec import read_mixture
from pipelines.cli.main import run

Add = Callable[..., None]
TEXT = """version: 1
name: blend
tokenizer: tok
sequence_length: 8
seed: 3
budget: 8001
sources:
  ja:
    weight: 1
    sources:
      web: {dataset: web, weight: 3, max_epochs: 10}
      wiki: {dataset: wiki, weight: 1}
  en: {dataset: en, weight: 1}
stages:
  - {until: 50%}
  - {until: 100%, weights: {en: 3}, ramp: linear}
"""


@pytest.fixture
def datasets(add: Add) -> None:
    add("web", 100, license=["CC-BY-4.0"] * 100)
    add("wiki", 20, license=["CC-BY-SA-4.0"] * 20)
    add("en", 400)


@pytest.mark.usefixtures("datasets")
def test_stages_add_up_to_sources_and_sources_to_the_budget(store: Store, catalog: Catalog) -> None:
    draft = draft_plan(read_mixture(TEXT), catalog, store)
    told = describe(draft)
    assert json.loads(json.dumps(told)) == told
    assert (told["sequences"], told["tokens"], told["budget_tokens"]) == (1000, 8000, 8001)
    assert told["plan"] == draft.plan.digest
    assert [stage["until_tokens"] for stage in told["stages"]] == [4000, 8000]
    assert [stage["ramp"] for stage in told["stages"]] == [False, True]
    for k, source in enumerate(told["sources"]):
        rows = [stage["sources"][k] for stage in told["stages"]]
        assert sum(row["tokens_used"] for row in rows) == source["tokens_used"]
        assert source["epochs"] == source["tokens_used"] / source["tokens_available"]
        assert all(row["path"] == source["path"] for row in rows)
    assert [source["path"] for source in told["sources"]] == ["ja.web", "ja.wiki", "en"]
    assert [source["tokens_available"] for source in told["sources"]] == [800, 160, 3200]
    ramp = told["stages"][1]["sources"]
    # From 1:1 to 1:3 on average 5:3 of 8 for en.
    assert [row["share_asked"] for row in ramp] == [0.28125, 0.09375, 0.625]
    assert abs(ramp[2]["tokens_used"] - 2500) < 8
    # Seven stored tokens of each eight, two bytes each.
    assert told["sources"][2]["bytes_read"] == told["sources"][2]["tokens_used"] // 8 * 14
    assert told["sources"][0]["licenses"] == ["CC-BY-4.0"]
    assert {part["name"] for part in told["licenses"]["licenses"]} == {
        "CC-BY-4.0",
        "CC-BY-SA-4.0",
        "NOASSERTION",
    }


@pytest.mark.usefixtures("datasets")
def test_the_tree_shows_groups_shares_epochs_and_short_digests(
    store: Store, catalog: Catalog
) -> None:
    draft = draft_plan(read_mixture(TEXT), catalog, store)
    lines = list(tree(draft))
    assert lines[0] == (
        f"plan {draft.plan.digest[7:19]} of blend: 1,000 sequences of 8 = 8,000 tokens "
        "(budget 8,001, rounded down to whole sequences)"
    )
    assert lines[1] == "├── ja  3.5K asked 43.75% realised 43.7%"
    web = draft.resolved[0]
    assert lines[2] == (
        f"│   ├── web  2.62K asked 32.81% realised 32.8%  3.28 epochs of 800  "
        f"web@1 {web.dataset.digest[7:19]} view {web.view.digest[7:19]}"
    )
    assert lines[4].startswith("└── en  4.5K asked 56.25% realised 56.3%  1.41 epochs of 3.2K")
    assert lines[5:7] == [
        "stage 1 until 4K: weights as before",
        "stage 2 until 8K: ramp to en 3",
    ]


@pytest.mark.usefixtures("datasets")
def test_what_if_changes_budget_weights_and_caps(store: Store, catalog: Catalog) -> None:
    mixture = read_mixture(TEXT.replace("8001", "8000"))
    draft = draft_plan(mixture, catalog, store)
    double = draft_of(changed(mixture, {"budget": "16K"}), draft.resolved)
    assert [leg.until for leg in double.demand.legs] == [1000, 2000]
    other = describe(
        draft_of(changed(mixture, {"weights.ja.web": "0", "weights.en": "50%"}), draft.resolved)
    )
    assert other["sources"][0]["tokens_used"] == 0
    assert other["stages"][1]["sources"][2]["share_asked"] == pytest.approx(1 / 3)
    with pytest.raises(Exception, match="max_epochs is 2"):
        draft_of(changed(mixture, {"max_epochs.ja.web": "2"}), draft.resolved)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"budgets": "1"}, "'budgets' is none of budget, weights.PATH, max_epochs.PATH"),
        ({"weights.jp": "1"}, "no weighed source or group 'jp'; there are: ja, en, ja.web"),
        ({"weights.ja": "-1"}, "weights.ja=-1: a weight is 0 to 1000000000000, found -1"),
        ({"weights.ja": "1e999999999"}, "weights.ja=1e999999999: exponents go from -30 to 30"),
        ({"weights.ja": "1e13"}, "a weight is 0 to 1000000000000, found 1e13"),
        ({"weights.ja": "9" * 100}, "a number has at most 60 characters"),
        ({"weights.ja": "nan"}, "expected a number such as 0.7, 70% or 1/3, found 'nan'"),
        ({"max_epochs.ja": "1"}, "no source 'ja'"),
        ({"budget": "many"}, "budget=many: expected tokens such as 100B"),
        ({"budget": "1e999999999"}, "budget=1e999999999: expected tokens such as 100B"),
        ({"budget": "9" * 10_000}, "expected tokens such as 100B"),
        ({"max_epochs.en": "1/0"}, "max_epochs.en=1/0: 1/0 divides by zero"),
        ({"max_epochs.en": "1e999999999"}, "exponents go from -30 to 30"),
        ({"max_epochs.en": "1/1e999999999"}, "exponents go from -30 to 30"),
        ({"max_epochs.en": "0"}, "epochs are over 0, up to 1000000; found 0"),
    ],
)
def test_what_if_refuses_what_it_does_not_know(change: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as refused:
        changed(read_mixture(TEXT), change)
    assert message in str(refused.value)


@pytest.mark.usefixtures("datasets")
def test_the_command_line_plans_explains_and_compares(
    store: Store,
    catalog: Catalog,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWASE_STORE", str(store.root))
    file = tmp_path / "blend.yaml"
    file.write_text(TEXT)
    assert run(["mixture", "plan", str(file), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert store.plan_path(told["plan"]).exists()
    assert catalog.plan(told["plan"]).mixture is None
    assert run(["mixture", "plan", str(file)]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[-1] == f"plan {told['plan']}"
    assert "stage 2 until 8K (8,000 tokens, a ramp)" in printed
    assert run(["mixture", "explain", str(file)]) == 0
    assert "├── ja  3.5K asked 43.75%" in capsys.readouterr().out

    catalog.publish_mixture("blend", TEXT)
    assert run(["mixture", "plan", "blend@1", "--what-if", "budget=16K", "--json"]) == 0
    both = json.loads(capsys.readouterr().out)
    assert both["plan"]["plan"] == told["plan"]
    assert both["what_if"]["tokens"] == 16_000
    assert not store.plan_path(both["what_if"]["plan"]).exists()
    assert run(["mixture", "plan", "blend", "--what-if", "budget=16K"]) == 0
    assert "5.25" in capsys.readouterr().out

    file.write_text(TEXT.replace("8001", "80K"))
    assert run(["mixture", "plan", str(file)]) == 3
    capsys.readouterr()
    assert run(["mixture", "plan", str(file), "--what-if", "budget=8K", "--json"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["plan"] is None
    assert "max_epochs is 10" in out["refused"]
    assert out["what_if"]["tokens"] == 8000
    assert run(["mixture", "plan", "blend", "--what-if", "max_epochs.ja.web=1"]) == 3
    assert "3.28 epochs of its 800, max_epochs is 1" in capsys.readouterr().err
    assert run(["mixture", "plan", "blend", "--what-if", "budget"]) == 2
    assert run(["mixture", "plan", "nothing"]) == 4
