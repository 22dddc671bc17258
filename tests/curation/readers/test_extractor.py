from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

from curation.base.store import Store
from curation.explain import explain
from curation.readers.extractor import ExtractionFailed, Extractor
from curation.recipe import parse_recipe
from curation.shards.reader import iter_batches
from pipelines.curate import curate
from pipelines.rescore import rescore

GOOD = "<html><title>題</title><body><main><p>これは本文です。猫がいます。</p></main></html>"
HANGS = "<div>" * 30_000 + "文"  # its extraction takes time quadratic in the depth: minutes


def children() -> list[psutil.Process]:
    found = psutil.Process().children()
    return [child for child in found if any("extract_child" in word for word in child.cmdline())]


def test_a_page_that_hangs_is_given_up_and_the_next_one_is_read() -> None:
    extractor = Extractor(0.3)
    started = time.process_time()
    with pytest.raises(ExtractionFailed, match=r"more than 0\.3 s of processor time"):
        extractor.extract(HANGS)
    assert time.process_time() - started < 0.3  # what it costs is the child's
    assert extractor.extract(GOOD).text == "これは本文です。猫がいます。"
    assert extractor.extract(GOOD).title == "題"
    extractor.close()


def test_a_page_that_needs_too_much_memory_is_given_up() -> None:
    extractor = Extractor(20, memory_bytes=500 << 20)
    with pytest.raises(ExtractionFailed, match="its extraction failed"):
        extractor.extract("<p>x</p>" * 5_000_000)
    assert extractor.extract(GOOD).text
    extractor.close()


def test_a_crash_is_named_and_the_next_page_gets_a_new_process() -> None:
    extractor = Extractor()
    extractor.extract(GOOD)
    [child] = children()
    child.send_signal(signal.SIGSEGV)
    while child.status() != psutil.STATUS_ZOMBIE:
        pass
    with pytest.raises(ExtractionFailed, match="crashed \\(SIGSEGV\\)"):
        extractor.extract(GOOD)
    assert extractor.extract(GOOD).text
    extractor.close()


def test_a_process_that_stands_still_is_ended_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curation.readers.extractor.PATIENCE", 2)
    extractor = Extractor(0.2)
    extractor.extract(GOOD)
    [child] = children()
    child.send_signal(signal.SIGSTOP)
    with pytest.raises(ExtractionFailed, match=r"did not end in 0\.4 s"):
        extractor.extract(GOOD)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
    assert extractor.extract(GOOD).text
    extractor.close()


def test_the_process_ends_with_its_owner() -> None:
    extractor = Extractor()
    extractor.extract(GOOD)
    [child] = children()
    extractor.close()
    assert not child.is_running()
    assert children() == []


RECIPE = """
version: 1
input: {extract_timeout: 0.3}
datasets:
  pages: {steps: [{step: characters}], dedup: false}
"""


def test_a_hanging_page_has_a_row_with_its_reason_and_the_run_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, page in {"a.html": GOOD, "b.html": HANGS, "c.html": GOOD.replace("猫", "犬")}.items():
        (folder / name).write_text(page)
    (folder / "d.jsonl").write_text(json.dumps({"text": "頁ではない文書です。", "id": "d"}))
    store = Store(tmp_path / "store")
    [result] = curate(RECIPE, [folder], store, workers=1)
    assert result.manifest.counts == {"in": 4, "kept": 3, "dropped": 1}
    assert result.manifest.reasons == {"extraction.failed": 1}
    texts = [t for b in iter_batches(store, result.manifest) for t in b["text"].to_pylist()]
    first = "これは本文です。猫がいます。"
    assert texts == [first, first.replace("猫", "犬"), "頁ではない文書です。"]
    [audit] = [pq.read_table(result.manifest.file(store, a)) for a in result.manifest.audit]
    [row] = [r for r in audit.to_pylist() if not r["kept"]]
    assert row["source"] == "b.html"
    assert row["extraction.error"] == "its extraction took more than 0.3 s of processor time"
    assert row["characters.characters"] == 0
    [verdict] = explain(store, result.manifest, row["id"]).verdicts
    assert (verdict.reason, verdict.value) == ("extraction.failed", row["extraction.error"])
    assert "extraction.failed" in result.report.read_text().replace("<wbr>", "")
    again = rescore(store, result.manifest, parse_recipe(RECIPE))
    assert again.rows == (("extraction.failed", 1, 1),)


def test_no_process_is_left_behind() -> None:
    pid = os.fork()
    if pid == 0:  # a worker that dies without a word
        Extractor().extract(GOOD)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    end = time.monotonic() + 20
    while [p for p in psutil.process_iter(["ppid", "cmdline"]) if _orphan(p)]:
        assert time.monotonic() < end, "the extractor's process outlived its worker"


def _orphan(process: psutil.Process) -> bool:
    command = process.info["cmdline"] or ()
    return process.info["ppid"] == 1 and any("extract_child" in word for word in command)
