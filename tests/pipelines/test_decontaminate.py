from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from curation.base.errors import UsageError
from curation.base.store import Store
from curation.explain import explain
from curation.recipe import read_recipe
from curation.shards.reader import iter_batches
from pipelines.cli.main import run as cli
from pipelines.curate import CurateResult, curate, plan_run
from pipelines.rescore import rescore, rescore_write

RECIPE = """
version: 1
input: {task_bytes: 2KB}
datasets:
  web:
    steps:
      - step: characters
      - step: decontaminate
        options:
          action: ACTION
          unit: characters
          sets:
            - {name: quiz, path: quiz.jsonl, fields: [question, "question + choices.text"], id: qid,
               license: CC-BY-4.0}
            - {name: lines, path: lines.txt}
    dedup: false
"""
QUESTION = (
    "夜の港に並ぶ三つの灯台のうち、いちばん早く建てられたものはどれですか。"
    "建てられた年の順に並べて答えなさい。"
)
SHORT = "鯨は魚の仲間に入りますか"
LINE = "The lighthouse keeper writes down every passing ship before the lamp is lit again."
TEXTS = {
    "clean": "港の朝は早い。網を積んだ船が一つずつ出ていき、市場には声が満ちる。",
    "whole": f"これは試験の頁です。{QUESTION}以上が問題でした。",
    "wide": f"見出し\n{SHORT.replace('は', 'は ')}？\nその答えは別の頁にあります。",
    "part": f"{QUESTION[:22]}という話を聞いたことがあるが、詳しくは知らない。",
    "english": f"Some notes. {LINE.upper()} And so on, as they say in such places.",
    "near": "鯨は象の仲間に入りますか。いいえ、そうではありません。海と陸の話です。",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    choices = [{"text": "東の灯台"}, {"text": "西の灯台"}]
    items = [
        {"qid": "q1", "question": QUESTION, "choices": choices},
        {"qid": "q2", "question": SHORT},
    ]
    lines = "\n".join(json.dumps(item, ensure_ascii=False) for item in items)
    (tmp_path / "quiz.jsonl").write_text(lines + "\n", "utf-8")
    (tmp_path / "lines.txt").write_text(f"{LINE}\n\n", "utf-8")
    documents = [{"id": name, "text": text} for name, text in TEXTS.items()]
    documents += [
        {"id": f"c{k}", "text": f"{k}番目の船は{k * 7}の荷を積んで港を出た。" * 9}
        for k in range(40)
    ]
    corpus = "\n".join(json.dumps(document, ensure_ascii=False) for document in documents)
    (tmp_path / "corpus.jsonl").write_text(corpus + "\n", "utf-8")
    write_recipe(tmp_path)
    return tmp_path


def write_recipe(folder: Path, text: str = RECIPE, action: str = "drop") -> Path:
    path = folder / "recipe.yaml"
    path.write_text(text.replace("ACTION", action), "utf-8")
    return path


def run(folder: Path, store: str = "store", workers: int = 1) -> CurateResult:
    inputs = [folder / "corpus.jsonl"]
    (result,) = curate(folder / "recipe.yaml", inputs, Store(folder / store), workers=workers)
    return result


def audit(folder: Path, result: CurateResult, store: str = "store") -> dict[str, dict[str, object]]:
    files = [result.manifest.file(Store(folder / store), item) for item in result.manifest.audit]
    return {row["id"]: row for path in files for row in pq.read_table(path).to_pylist()}


def test_documents_that_hold_items_are_dropped_with_the_item_and_its_place(folder: Path) -> None:
    result = run(folder)
    rows = audit(folder, result)
    dropped = {name for name, row in rows.items() if not row["kept"]}
    assert dropped == {"whole", "wide", "english"}
    assert {rows[name]["reason"] for name in dropped} == {"decontaminate.evaluation_item"}
    found = {
        name: (rows[name]["decontaminate.set"], rows[name]["decontaminate.item"]) for name in TEXTS
    }
    assert found == {
        "clean": (None, None), "near": (None, None), "english": ("lines", "1"),
        "whole": ("quiz", "q1: question"), "part": ("quiz", "q1: question"),
        "wide": ("quiz", "q2: question"),
    }  # fmt: skip
    start, length = (rows["whole"][f"decontaminate.{name}"] for name in ("start", "length"))
    assert TEXTS["whole"][start : start + length] == QUESTION[:-1]
    assert 0 < rows["part"]["decontaminate.item_share"] < 0.5
    page = result.report.read_text("utf-8")
    assert f"<mark>{QUESTION[:-1]}</mark>" in page
    assert "quiz item q1: question, characters 10 to 62" in page


def test_workers_and_kills_change_no_digest(folder: Path) -> None:
    one, two = run(folder, "one"), run(folder, "two", workers=2)
    assert one.manifest.digest == two.manifest.digest
    plan = plan_run(
        folder / "recipe.yaml", [folder / "corpus.jsonl"], Store(folder / "one"), workers=1
    )
    assert len(plan.tasks) > 2
    for path in (folder / "two" / "work").rglob("result.json"):
        path.unlink()
    layer = plan.datasets[0].steps[1]
    record = Store(folder / "two").work_dir(layer) / "00001.json"
    record.unlink()  # as if killed before the task had committed
    assert run(folder, "two", workers=2).manifest.digest == one.manifest.digest


def test_another_evaluation_file_runs_this_step_anew_and_no_other(folder: Path) -> None:
    inputs = [folder / "corpus.jsonl"]
    before = plan_run(folder / "recipe.yaml", inputs, Store(folder / "store"), workers=1).datasets[
        0
    ]
    with (folder / "lines.txt").open("a", encoding="utf-8") as file:
        file.write("港の朝は早い。網を積んだ船が一つずつ出ていく\n")
    after = plan_run(folder / "recipe.yaml", inputs, Store(folder / "store"), workers=1).datasets[0]
    assert (before.base, before.steps[0], before.keys) == (after.base, after.steps[0], after.keys)
    assert before.steps[1] != after.steps[1]


def test_annotate_counts_and_drops_nothing(folder: Path) -> None:
    write_recipe(folder, action="annotate")
    result = run(folder)
    assert result.manifest.counts["dropped"] == 0
    rows = audit(folder, result)
    failed = {name for name, row in rows.items() if row["failed_0"]}
    assert failed == {"whole", "wide", "english"}
    page = result.report.read_text("utf-8")
    section = page[page.index("Evaluation sets: decontaminate (annotate)") :]
    section = section.replace("<bdi>", "").replace("</bdi>", "")  # no reader sees those
    numbers = re.findall(r'<td class="n">([0-9,]+)</td>', section)
    # q1 and q2 with and without choices, of which q2 has none; then the one line
    assert [int(n) for n in numbers[:22]] == [
        *(2, 4, 2, 1, 0, 0, 0, 1, 3, 2, 2),
        *(1, 1, 1, 0, 0, 0, 0, 0, 1, 1, 1),
    ]
    assert f"<mark>{QUESTION[:22]}</mark>" in section  # it fails no rule, and is shown
    assert "whole · kept · item_share = 1.00 · quiz item q1: question" in section


def test_cut_takes_the_item_out_of_the_text_and_keeps_the_rest(folder: Path) -> None:
    write_recipe(folder, action="cut")
    result = run(folder)
    assert result.manifest.counts["dropped"] == 0
    rows = list(iter_batches(Store(folder / "store"), result.manifest, columns=["id", "text"]))
    texts = {row["id"]: row["text"] for batch in rows for row in batch.to_pylist()}
    assert texts["whole"] == TEXTS["whole"].replace(QUESTION[:-1], "")
    assert texts["wide"] == TEXTS["wide"].replace(SHORT.replace("は", "は "), "")
    for name in ("clean", "part", "near"):
        assert texts[name] == TEXTS[name]
    found = audit(folder, result)["whole"]
    assert (found["decontaminate.item_share"], found["decontaminate.length"]) == (1, 52)


def test_explain_names_the_item_the_place_and_the_source(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run(folder)
    found = explain(Store(folder / "store"), result.manifest, "wide")
    (verdict,) = found.verdicts
    assert verdict.condition == "decontaminate.item_share >= 0.5"
    assert verdict.value == 1.0
    assert verdict.note == "quiz item q2: question, characters 4 to 17"
    assert verdict.source.startswith("awase docs/rules.md, Thresholds of our own: decontaminate.")
    assert cli(["--store", str(folder / "store"), "curate", "--explain", "web", "wide"]) == 0
    assert "quiz item q2: question, characters 4 to 17" in capsys.readouterr().out


def test_new_thresholds_are_decided_from_the_scores_alone(folder: Path) -> None:
    result = run(folder)
    stricter = RECIPE.replace(
        "    dedup: false",
        "        rules: {any_hit: {statistic: hits, over: 1, source: this test},\n"
        "                much: {statistic: share, max: 0.9, source: this test}}\n"
        "    dedup: false",
    ).replace("over: 1", "max: 0")
    recipe = read_recipe(write_recipe(folder, stricter))
    store = Store(folder / "store")
    found = rescore(store, result.manifest, recipe)
    assert {name: after for name, _, after in found.rows} == {
        "decontaminate.any_hit": 4, "decontaminate.evaluation_item": 0,
    }  # fmt: skip
    written = rescore_write(store, result.manifest, recipe, workers=1)
    assert written.manifest.counts["dropped"] == 4
    (folder / "lines.txt").write_text("Another line that has not been looked for before today\n")
    with pytest.raises(UsageError, match="step decontaminate with other settings"):
        rescore(store, result.manifest, read_recipe(folder / "recipe.yaml"))


def test_the_example_counts_every_text_and_leaves_none_out_unseen() -> None:
    recipe = read_recipe(Path(__file__).parents[2] / "examples" / "decontaminate" / "recipe.yaml")
    found = {}
    for dataset in recipe.datasets:
        (item,) = dataset.steps[-1].settings["sets"]  # type: ignore[attr-defined]
        found[dataset.name] = {kind: n for kind, n in item["coverage"].items() if n}
    assert found == {
        "web-ja": {"items": 3, "texts": 6, "by_ngrams": 2, "whole": 3, "too_short": 1},
        "web-en": {"items": 2, "texts": 4, "by_ngrams": 3, "too_short": 1},
    }
