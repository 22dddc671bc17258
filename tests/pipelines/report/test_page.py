from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import duckdb
import pytest
from click.testing import CliRunner

from curation.base.store import Store
from pipelines.cli.dataset import command as dataset_command
from pipelines.curate import CurateResult, curate, plan_run
from pipelines.report.examples import excerpt
from pipelines.report.gather import audit_of, changes, funnel
from pipelines.report.section import size

RECIPE = """
version: 1
input: {max_bad_records: 5}
datasets:
  all:
    steps:
      - step: characters
        rules:
          too_short: {statistic: characters, min: 30, source: "this test"}
          many_symbols: {statistic: symbol_fraction, max: 0.3, source: "this test"}
      - step: lines
        rules:
          repeated_lines: {statistic: duplicate_fraction, max: 0.3, source: "this test"}
    annotate: [characters.many_symbols]
"""
SCRIPT = "<script>alert('x')</script>"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, CurateResult, str]:
    folder = tmp_path_factory.mktemp("report")
    texts = [
        f"第{k}話。これは{k * 7919}番目の長い話で、{k * 104729}歩あるいた。" * 2 for k in range(30)
    ]
    texts += ["短い。", "!!! ??? !!! ??? " * 5, f"同じ行です{SCRIPT}\n" * 5, texts[3]]
    records: list[dict[str, object]] = [
        {"text": text, "license": "CC0-1.0", "source": "test"} for text in texts
    ]
    for record in records[10:13]:
        record["id"] = "three of one name"
    lines = [json.dumps(record) for record in records]
    source = folder / "in.jsonl"
    source.write_text("\n".join([*lines, "{broken"]) + "\n")
    store = Store(folder / "store")
    [result] = curate(RECIPE, [source], store, workers=1)
    return store, result, result.report.read_text("utf-8")


def test_the_sums_equal_a_recount_by_duckdb(done: tuple[Store, CurateResult, str]) -> None:
    store, result, page = done
    audit = str(result.manifest.file(store, result.manifest.audit[0]))
    query = "select coalesce(reason, 'kept'), count(*), sum(bytes) from read_parquet(?) group by 1"
    counted = {name: (n, size) for name, n, size in duckdb.execute(query, [audit]).fetchall()}
    assert sum(n for n, _ in counted.values()) == result.manifest.counts["in"] == 34
    page = page.replace("<wbr>", "")
    for name, (documents, size_bytes) in counted.items():
        row = re.search(rf"<td[^>]*>{re.escape(name)}<.*?</tr>", page)
        assert row is not None, name
        assert f'<td class="n">{documents:,}</td>' in row.group()
        assert f'<td class="n">{size(size_bytes)}</td>' in row.group()
    assert counted["kept"] == (result.manifest.rows, result.manifest.bytes)


def test_documents_and_bytes_of_every_reason_equal_a_recount_by_duckdb(
    done: tuple[Store, CurateResult, str], tmp_path: Path
) -> None:
    store, result, _ = done
    audit = str(result.manifest.file(store, result.manifest.audit[0]))
    source = tmp_path / "in.jsonl"
    source.write_text('{"text": "the plan needs an input, the numbers come from the audit"}\n')
    plan = plan_run(RECIPE, [source], store, workers=1)
    files = [result.manifest.file(store, item) for item in result.manifest.audit]
    found = funnel(files, plan, plan.datasets[0])
    for row in found.rows:
        query = "select count(*), coalesce(sum(bytes), 0) from read_parquet(?) where reason = ?"
        [first] = duckdb.execute(query, [audit, row.reason.name]).fetchall()
        assert (row.first.documents, row.first.bytes) == first, row.reason.name
        word, bit = divmod(row.reason.bit, 64)
        query = (
            "select count(*), coalesce(sum(bytes), 0) from read_parquet(?) "
            f"where (failed_{word}::ubigint >> ?) & 1 = 1"
        )
        [any_] = duckdb.execute(query, [audit, bit]).fetchall()
        assert (row.any.documents, row.any.bytes) == any_, row.reason.name
    [total] = duckdb.execute("select count(*), sum(bytes) from read_parquet(?)", [audit]).fetchall()
    assert (found.total.documents, found.total.bytes) == total
    assert found.kept.bytes + sum(row.first.bytes for row in found.rows) == found.total.bytes


def test_it_shows_conditions_examples_with_marks_and_bad_records(
    done: tuple[Store, CurateResult, str],
) -> None:
    _, _, page = done
    assert "characters &lt; 30" in page
    assert re.search(r"<mark>同じ行です", page)
    assert "(counted only)" in page
    assert "in.jsonl:35" in page
    assert "duplicate of " in page


def test_it_counts_repeated_ids_and_skipped_records(
    done: tuple[Store, CurateResult, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, result, page = done
    assert result.manifest.counts["repeated_ids"] == 2
    assert '<div class="card"><b>2</b>repeated ids, renamed</div>' in page
    assert "2 of these documents came with an id that an earlier one had" in page
    assert '<div class="card"><b>1</b>unreadable record, skipped</div>' in page
    assert (result.unreadable, len(result.skipped)) == (1, 1)
    monkeypatch.setenv("AWASE_STORE", str(store.root))
    shown = CliRunner().invoke(dataset_command, ["show", "all@1"])
    assert "2 of 34 read, told apart by a suffix" in shown.stdout


def test_text_is_escaped_and_nothing_is_loaded(done: tuple[Store, CurateResult, str]) -> None:
    _, _, page = done
    assert SCRIPT not in page
    assert html.escape(SCRIPT, quote=False).split("'")[0] in page
    assert "<script" not in page
    assert not re.search(r"src=|url\(|@import", page)
    links = re.findall(r'href="(.*?)"', page)
    assert links == ["#dataset-all", "#work", "#inputs", "#recipe"]
    assert all(f'<h2 id="{link[1:]}">' in page for link in links)


def test_languages_sources_and_licences_sum_to_the_input(
    done: tuple[Store, CurateResult, str],
) -> None:
    _, result, page = done
    kept, dropped = result.manifest.rows, result.manifest.counts["in"] - result.manifest.rows
    for title in ("Languages", "Sources", "Licences"):
        table = page.split(f"<h3>{title}</h3>")[1].split("</table>")[0]
        *rows, everything = [
            [int(number.replace(",", "")) for number in re.findall(r'"n">([\d,]+)</td>', row)]
            for row in re.findall(r"<tr[^>]*><td.*?</tr>", table)
        ]
        assert everything == [kept, dropped], title
        assert everything == [sum(column) for column in zip(*rows, strict=True)], title


def test_a_histogram_shows_all_documents_and_all_that_fail(
    done: tuple[Store, CurateResult, str],
) -> None:
    _, result, page = done
    page = page.replace("<wbr>", "")
    figures = re.findall(r"<figure>(.*?)<figcaption><b>(.*?)</b>", page, re.S)
    assert {"characters.too_short", "lines.repeated_lines"} <= {name for _, name in figures}
    for svg, name in figures:
        bars = "\n".join(sorted(set(re.findall(r"<title>(.*?)</title>", svg))))
        assert sum(map(int, re.findall(r"(\d+) documents", bars))) == result.manifest.counts["in"]
        row = re.search(rf"<td[^>]*>{re.escape(name)} ?<.*?</tr>", page)
        any_ = int(re.findall(r'"n">([\d,]+)</td>', row.group())[-2]) if row else 0
        assert sum(map(int, re.findall(r"(\d+) fail", bars))) == any_, name


def test_hostile_ids_sources_and_licences_are_text(tmp_path: Path) -> None:
    hostile = f"\"'><img src=x onerror=alert(1)>{SCRIPT}{{{{ 7*7 }}}}\u202e"
    record = {"id": hostile, "text": "x " * 9 + hostile, "source": hostile, "license": hostile}
    source = tmp_path / "in.jsonl"
    source.write_text(json.dumps(record) + "\n")
    recipe = (
        RECIPE.replace('"this test"', '"</style><script src=//x></script>"')
        .replace("version: 1", "version: 1\ndescription: '</title><script>'", 1)
        .replace("min: 30", "min: 3000")
    )
    [result] = curate(recipe, [source], Store(tmp_path / "store"), workers=1)
    reader = Elements()
    reader.feed(result.report.read_text("utf-8"))
    assert not reader.names & {"script", "img", "iframe", "link", "object", "base", "form"}
    assert not [name for name in reader.attributes if name.startswith("on")]
    assert not reader.attributes & {"src", "action", "data", "srcset"}
    assert all(link.startswith("#") for link in reader.links)
    assert "".join(reader.text).count(hostile) >= 4  # id, text, source, licence
    assert "{{ 7*7 }}" in "".join(reader.text)


class Elements(HTMLParser):
    """The elements, attributes and text of a page, as a browser would find them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()
        self.text: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_every_table_scrolls_by_itself_and_long_words_break(
    done: tuple[Store, CurateResult, str],
) -> None:
    _, _, page = done
    tables = re.findall(r"([^>]*>)<table>", page)
    assert len(tables) >= 6
    region = re.compile(r'<div class="wide" role="region" aria-label="[^"{]+" tabindex="0">')
    assert all(region.fullmatch(table.strip()) for table in tables), tables  # by keyboard too
    assert re.search(r"body \{[^}]*overflow-wrap: anywhere", page)


def test_a_bar_is_no_wider_than_its_column(done: tuple[Store, CurateResult, str]) -> None:
    _, _, page = done
    widths = [float(width) for width in re.findall(r'style="width:([\d.]+)%', page)]
    assert widths
    assert all(0 <= width <= 100 for width in widths)


def test_the_file_stands_beside_the_runs_records(done: tuple[Store, CurateResult, str]) -> None:
    store, result, _ = done
    assert Path(result.report).is_relative_to(store.root / "work")


def test_an_excerpt_shows_the_mark_within_a_dozen_lines() -> None:
    text = "\n".join(f"{k} 行目 & <b>" for k in range(40))
    place = text.index("30 行目")
    shown = excerpt(text, [(place, place + 5)])
    assert "<mark>30 行目</mark>" in shown
    assert 8 <= shown.count("\n") <= 12
    assert "<b>" not in shown
    assert str(shown).startswith("… ")
    assert excerpt("", []) == ""
    assert excerpt("一行だけ", []) == "一行だけ"


def test_marked_line_ends_are_shown_and_a_cut_text_ends_on_its_last_line() -> None:
    text = "一\n\n\n二\n" + "三\n" * 40
    shown = str(excerpt(text, [(1, 4), (5, 6)]))
    assert shown.startswith("一<mark>↵↵↵\n</mark>二<mark>↵\n</mark>三\n三")
    assert shown.endswith("三 …")


SEEN = """
version: 1
datasets:
  all:
    steps:
      - step: repetition
        options: {language: en}
        rules:
          same_paragraphs: {statistic: dup_para_frac, max: 0.3, source: "this test"}
      - step: c4
      - step: pii
"""


def test_an_example_is_what_its_rule_saw_with_personal_data_masked(tmp_path: Path) -> None:
    again = "Menu of taro@example.co.jp"
    good = "The quick brown fox jumps over the lazy dog number {}."
    texts = [
        f"{again}\n\n{good.format(1)}\n\n{again}\n\n{good.format(2)}\n\n{again}",
        "\n".join(good.format(k) for k in range(8)) + "\nWrite to hanako@example.co.jp.",
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    store = Store(tmp_path / "store")
    [result] = curate(SEEN, [source], store, workers=1)
    assert result.manifest.counts["dropped"] == 1
    page = result.report.read_text("utf-8")
    assert page.count("<mark>Menu of email@example.com</mark>") == 2  # C4 took these lines away
    assert "co.jp" not in page
    plan = plan_run(SEEN, [source], store, workers=1)
    [dataset] = plan.datasets
    found = {
        f"{row.step}.{row.statistic.name}": row for row in changes(audit_of(plan, dataset), dataset)
    }
    assert (found["pii.emails"].documents, found["pii.emails"].total) == (1, 1)
    audit = str(result.manifest.file(store, result.manifest.audit[0]))
    query = (
        'select count(*) filter ("c4.kept_lines" > 0), sum("c4.kept_lines") '
        "from read_parquet(?) where kept"
    )
    [recount] = duckdb.execute(query, [audit]).fetchall()
    assert (found["c4.kept_lines"].documents, found["c4.kept_lines"].total) == recount
    assert 'pii.<wbr>emails<small>e-mail addresses masked</small></td><td class="n">1<' in page


def test_a_run_that_keeps_what_an_earlier_one_kept_reports_its_own_input(tmp_path: Path) -> None:
    long = [
        f"これは{k}番目の文で、三十字よりも長く書いてあって、それで終わります。" for k in range(5)
    ]
    store = Store(tmp_path / "store")
    results = []
    for number, texts in enumerate([long, [*long, "短い。", "とても短い。"]]):
        source = tmp_path / f"{number}.jsonl"
        source.write_text("\n".join(json.dumps({"id": t[:6], "text": t}) for t in texts))
        results += curate(RECIPE, [source], store, workers=1)
    assert [result.created for result in results] == [True, False]  # one version, two inputs
    pages = [result.report.read_text("utf-8") for result in results]
    for page, total, dropped in zip(pages, (5, 7), (0, 2), strict=True):
        assert f"<b>{total}</b>documents in" in page
        assert f"<b>{dropped}</b>dropped" in page
    assert "とても短い。" in pages[1]


def test_a_rule_that_counts_only_takes_nobody_from_alone(tmp_path: Path) -> None:
    recipe = RECIPE.replace(
        "annotate: [characters.many_symbols]", "annotate: [lines.repeated_lines]"
    )
    source = tmp_path / "in.jsonl"
    texts = [
        "!!! ??? !!! ??? \n" * 5,
        "ふつうの文がここに三十字よりも長く書いてあって、それで終わります。",
    ]
    source.write_text("\n".join(json.dumps({"text": text}) for text in texts))
    store = Store(tmp_path / "store")
    curate(recipe, [source], store, workers=1)
    plan = plan_run(recipe, [source], store, workers=1)
    [dataset] = plan.datasets
    rows = {row.reason.name: row for row in funnel(audit_of(plan, dataset), plan, dataset).rows}
    assert rows["lines.repeated_lines"].any.documents == 1
    assert rows["lines.repeated_lines"].only.documents == 0
    assert rows["characters.many_symbols"].only.documents == 1


def test_a_report_that_was_deleted_is_written_again_as_it_was(
    done: tuple[Store, CurateResult, str],
) -> None:
    store, result, page = done
    source = store.root.parent / "in.jsonl"
    result.report.unlink()
    for workers in (1, 2):  # the second finds a run that is done
        [again] = curate(RECIPE, [source], store, workers=workers)
        assert (again.version, again.created) == (result.version, False)
        assert result.report.read_text("utf-8") == page
