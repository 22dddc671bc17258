from __future__ import annotations

import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from curation.base.errors import NotFound, UsageError
from curation.base.store import Store
from curation.explain import explain
from curation.recipe import parse_recipe
from mixtures.catalog import Catalog
from mixtures.lineage import find
from pipelines.cli.curate import command
from pipelines.curate import CurateResult, curate
from pipelines.estimate import estimate
from pipelines.rescore import rescore, rescore_write

RECIPE = """
version: 1
datasets:
  web:
    steps:
      - step: characters
        rules:
          too_short: {statistic: characters, min: 60, source: "this test, page 7"}
      - step: lines
        rules:
          repeated_lines: {statistic: duplicate_fraction, max: 0.3, source: "this test"}
  rest:
    languages: [eo]
"""
LOWER = RECIPE.replace("min: 60", "min: 10")


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("rescore") / "in.jsonl"
    records: list[dict[str, object]] = [
        {"id": f"d{k}", "text": f"{k}番目の話。" + f"数は{k * 7919}と{k * 104729}。" * (k % 5 + 1)}
        for k in range(60)
    ]
    short = "短いけれど二十字はある文がここにあります。"
    records += [{"id": "s1", "text": short, "n": 1}, {"id": "s2", "text": short, "n": 2}]
    records.append(
        {"id": "r", "text": "同じ行がここに何度もつづきます。\n" * 9, "license": "CC0-1.0"}
    )
    records.append(
        {"id": "d1", "text": "前にあったidをもう一度持ってくる、六十字よりも長い話。" * 3}
    )
    path.write_text("\n".join(json.dumps(record) for record in records))
    return path


@pytest.fixture(scope="module")
def done(source: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, CurateResult]:
    store = Store(tmp_path_factory.mktemp("store"))
    return store, curate(RECIPE, [source], store, workers=1)[0]


def test_the_funnel_under_new_thresholds_needs_the_audit_alone(
    done: tuple[Store, CurateResult],
) -> None:
    store, result = done
    found = rescore(store, result.manifest, parse_recipe(LOWER))
    rows = {name: (before, after) for name, before, after in found.rows}
    assert rows["characters.too_short"][0] > rows["characters.too_short"][1] == 0
    assert rows["exact_duplicate"] == (0, 1)  # of the two short ones that now stay
    assert found.kept > found.kept_before
    same = rescore(store, result.manifest, parse_recipe(RECIPE))
    assert all(before == after for _, before, after in same.rows)


def test_the_rescored_version_is_the_one_that_curating_anew_gives(
    done: tuple[Store, CurateResult], source: Path, tmp_path: Path
) -> None:
    store, result = done
    written = rescore_write(store, result.manifest, parse_recipe(LOWER), workers=1)
    anew = curate(LOWER, [source], Store(tmp_path / "other"), workers=1)[0]
    assert written.manifest.digest == anew.manifest.digest != result.manifest.digest
    assert written.manifest.parents == (result.manifest.reference,)
    assert written.manifest.counts == anew.manifest.counts
    assert written.manifest.counts["repeated_ids"] == 1
    assert "repeated id, renamed" in written.report.read_text("utf-8")
    again = rescore_write(store, written.manifest, parse_recipe(RECIPE), workers=1)
    assert again.manifest.digest == result.manifest.digest
    assert written.manifest.inputs == result.manifest.inputs


@pytest.mark.parametrize("routes", ["languages: [ko]", "min_score: 1"])
def test_other_routes_are_not_taken_for_those_of_an_earlier_rescore(
    done: tuple[Store, CurateResult], source: Path, tmp_path: Path, routes: str
) -> None:
    store, result = done
    other = LOWER.replace("  web:\n", f"  web:\n    {routes}\n")
    for recipe in (LOWER, other):
        before = rescore(store, result.manifest, parse_recipe(recipe))
        written = rescore_write(store, result.manifest, parse_recipe(recipe), workers=1)
        anew = curate(recipe, [source], Store(tmp_path / "other"), workers=1)[0]
        assert written.manifest.digest == anew.manifest.digest
        assert written.reasons == anew.reasons
        assert before.kept == anew.counts["kept"]
    assert anew.reasons["language"] > 0


def test_scores_taken_otherwise_are_refused(done: tuple[Store, CurateResult]) -> None:
    store, result = done
    other = LOWER.replace("- step: lines", "- step: lines\n        options: {short: 3}")
    with pytest.raises(UsageError, match="step lines with other settings"):
        rescore(store, result.manifest, parse_recipe(other))
    more = LOWER.replace("  web:\n", "  web:\n    dedup: {minhash: {preset: 20x10}}\n")
    with pytest.raises(UsageError, match="signatures by"):
        rescore(store, result.manifest, parse_recipe(more))
    others = {"columns": "{n: int64}", "chat": "true", "text": "body", "fields": "{url: link}"}
    others["constants"] = "{license: CC-BY-4.0}"
    for key, value in others.items():
        read = LOWER.replace("datasets:", f"input: {{{key}: {value}}}\ndatasets:")
        with pytest.raises(UsageError, match=f"read with another input.{key}"):
            rescore_write(store, result.manifest, parse_recipe(read), workers=1)
    with pytest.raises(UsageError, match="no dataset 'web'"):
        rescore(store, result.manifest, parse_recipe(LOWER.replace("  web:", "  wob:")))


def test_an_explanation_names_value_threshold_and_source(
    done: tuple[Store, CurateResult],
) -> None:
    store, result = done
    short = explain(store, result.manifest, "s1")
    assert (short.kept, short.reason) == (False, "characters.too_short")
    assert short.verdicts[0].condition == "characters.characters < 60"
    assert short.verdicts[0].value == 21
    assert short.verdicts[0].source == "this test, page 7"
    assert short.scores["lines.duplicate_fraction"] == 0
    assert explain(store, result.manifest, "d4").kept
    with pytest.raises(NotFound, match="no document of that run has the id 'nobody'"):
        explain(store, result.manifest, "nobody")


def test_the_command_explains_and_rescores(
    done: tuple[Store, CurateResult], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = done
    monkeypatch.setenv("AWASE_STORE", str(store.root))
    with Catalog.open(store) as catalog:
        assert "recipe <recipe>  (fingerprint sha256:" in "\n".join(find(catalog, "web@1").lines())
    shown = CliRunner().invoke(command, ["--explain", "web@1", "s1"])
    assert shown.exit_code == 0
    assert "threshold from: this test, page 7" in shown.stdout
    recipe = tmp_path / "lower.yaml"
    recipe.write_text(LOWER)
    shown = CliRunner().invoke(command, [str(recipe), "--rescore", "web@1", "--json"])
    assert json.loads(shown.stdout)["kept"]["after"] > json.loads(shown.stdout)["kept"]["before"]


def test_an_estimate_is_near_the_run(source: Path, tmp_path: Path) -> None:
    store = Store(tmp_path)
    found = estimate(RECIPE, [source], store, workers=2)
    assert found.sampled_documents == 64
    assert found.core_hours > 0
    assert not (tmp_path / "datasets").exists()


@pytest.mark.parametrize("kind", ["jsonl", "parquet", "files"])
def test_an_estimate_from_a_part_is_near_the_run(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """12 MB of which 3 are sampled; startup is told apart, every written file counted. Of many
    files the large ones have fewer documents a byte, and are not met more often."""
    monkeypatch.setattr("pipelines.estimate.LEAST_BYTES", 3_000_000)
    rng = random.Random(3)
    words = [f"{a}{b}{c}" for a in "ktnsm" for b in "aiueo" for c in "rlvdb"]
    texts = [" ".join(rng.choices(words, k=rng.randint(5, 600))) for _ in range(9000)]
    source = tmp_path / f"in.{kind}"
    lines = [json.dumps({"text": text}) for text in texts]
    if kind == "jsonl":
        source.write_text("\n".join(lines))
    elif kind == "files":
        source.mkdir()
        lines.sort(key=len)
        for k in range(0, len(lines), 30):
            (source / f"{k * 7 % 9001:04}.jsonl").write_text("\n".join(lines[k : k + 30]))
    else:
        pq.write_table(pa.table({"text": texts}), source)
    found = estimate(RECIPE, [source], Store(tmp_path / "dry"), workers=1)
    assert found.sampled_bytes < found.input_bytes / 2
    store = Store(tmp_path / "real")
    results = curate(RECIPE, [source], store, workers=1)
    written = sum(file.stat().st_size for file in (store.root / "datasets").rglob("*.parquet"))
    assert found.documents == pytest.approx(len(texts), rel=0.1)
    assert found.kept_documents == pytest.approx(sum(r.manifest.rows for r in results), rel=0.1)
    assert found.written_bytes == pytest.approx(written, rel=0.2)
