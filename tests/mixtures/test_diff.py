from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.diff import Diff, diff
from mixtures.plan import draft_plan
from mixtures.spec import read_mixture
from tests.tokenstore import TOKENIZER, write_corpus

HEAD = "version: 1\nname: m\ntokenizer: tok\nsequence_length: 8\nbudget: 800\n"


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    store = Store(tmp_path)
    with Catalog.open(store) as catalog:
        catalog.register_tokenizer("tok", TOKENIZER, {"kind": "test"})
        for name, license in (("web", "CC-BY-4.0"), ("code", "MIT")):
            documents = [[10 + row] * 7 for row in range(50)]
            columns = {"license": [license] * 50}
            corpus = write_corpus(store, name, [documents], columns=columns)
            object.__setattr__(corpus.version.manifest, "licenses", {license: 50})
            (store.dataset_dir(name, corpus.version.manifest.digest) / "manifest.json").unlink()
            corpus.version.manifest.commit(store)
            catalog.register_dataset(name, corpus.version.manifest)
        yield catalog


def compare(catalog: Catalog, before: str, after: str) -> Diff:
    sides = [
        (f"m@{n}", HEAD + text, read_mixture(HEAD + text)) for n, text in ((1, before), (2, after))
    ]
    return diff(catalog, sides[0], sides[1])


def test_a_source_that_comes_in_brings_its_licence(catalog: Catalog) -> None:
    web = "sources:\n  web: {dataset: web, weight: 3}\n"
    found = compare(catalog, web, web + "  code: {dataset: code, weight: 1}\n")
    lines = list(found.lines())
    assert "  added    code: code, 200 tokens, 0.50 epochs, 25%, MIT" in lines
    assert "  changed  web: 800 tokens, 2.00 epochs, 100% -> 600 tokens, 1.50 epochs, 75%" in lines
    assert "  licences and terms added: MIT" in lines
    assert "+  code: {dataset: code, weight: 1}" in lines


def test_the_same_document_differs_in_nothing(catalog: Catalog) -> None:
    web = "sources:\n  web: {dataset: web, weight: 3}\n"
    assert list(compare(catalog, web, web).lines()) == ["m@1 and m@2 are the same"]


def test_a_setting_is_shown_old_and_new(catalog: Catalog) -> None:
    web = "sources:\n  web: {dataset: web, weight: 3}\n"
    found = compare(catalog, web, "packing: best_fit\n" + web)
    assert found.settings == (("packing", '"concat"', '"best_fit"'),)


def test_a_source_that_is_not_tokenized_has_a_share_and_a_note(catalog: Catalog) -> None:
    text = "sources:\n  web: {dataset: web, weight: 1}\n  new: {dataset: nowhere, weight: 3}\n"
    found = compare(catalog, text, text)
    assert [change.kind for change in found.sources] == ["same", "same"]
    new = found.sources[1].after
    assert new is not None
    assert (new.tokens, new.available, new.epochs) == (600, None, None)
    assert any("dataset 'nowhere' is not in" in note for note in found.notes)


def test_repeat_of_a_source_without_tokens_cannot_be_counted(catalog: Catalog) -> None:
    text = "sources:\n  new: {dataset: nowhere, repeat: 2}\n  web: {dataset: web, weight: 1}\n"
    found = compare(catalog, text, text)
    assert found.sources[0].after is not None
    assert found.sources[0].after.tokens is None
    assert any("need the tokens of every source" in note for note in found.notes)


WHERE = """\
holdout: 0.25
sources:
  web: {dataset: rated, weight: 3, where: "score > 5 and license == 'MIT'"}
"""


@pytest.fixture
def rated(catalog: Catalog) -> None:
    """`rated`: 100 documents with scores 0 to 99; from row 50 on MIT, with row 60 made by GPT-4."""
    texts = [f"text {row}" for row in range(100)]
    columns = {
        "score": [float(row) for row in range(100)],
        "license": ["CC-BY-4.0"] * 50 + ["MIT"] * 50,
        "generated_by": ["gpt-4" if row == 60 else None for row in range(100)],
    }
    documents = [[10 + row] * 7 for row in range(100)]
    corpus = write_corpus(catalog.store, "rated", [documents], texts=texts, columns=columns)
    catalog.register_dataset("rated", corpus.version.manifest)


def test_epochs_and_licences_are_those_of_the_rows_once_a_plan_was_counted(
    catalog: Catalog, rated: None
) -> None:
    before = "sources:\n  web: {dataset: rated, weight: 3}\n"
    blind = compare(catalog, before, WHERE)
    (change,) = blind.sources
    assert change.after is not None
    assert (change.after.available, change.after.counted) == (800, "whole set")
    assert "1.00 epochs of the whole set" in list(blind.lines())[1]
    assert sum("m@2: web:" in note and "whole" in note for note in blind.notes) == 2

    draft_plan(read_mixture(HEAD + before), catalog, catalog.store)
    draft = draft_plan(read_mixture(HEAD + WHERE), catalog, catalog.store)
    (item,) = draft.resolved
    assert item.view.holdout_documents > 0
    found = compare(catalog, before, WHERE)
    (change,) = found.sources
    assert change.after is not None
    assert (
        change.after.available == item.view.sequences * 8 == 8 * (50 - item.view.holdout_documents)
    )
    assert change.after.counted == "view"
    assert change.after.epochs == 800 / change.after.available
    assert (change.after.licenses, change.after.terms) == (("MIT",), ("openai-tos",))
    assert "of the whole set" not in list(found.lines())[1]
    assert not any("m@2" in note for note in found.notes)
    assert found.document()["licenses_and_terms"] == {"added": [], "removed": ["CC-BY-4.0"]}


def test_a_where_that_lets_out_the_last_made_row_takes_its_terms_away(
    catalog: Catalog, rated: None
) -> None:
    free = WHERE.replace("== 'MIT'", "== 'CC-BY-4.0'")
    for text in (WHERE, free):
        draft_plan(read_mixture(HEAD + text), catalog, catalog.store)
    assert compare(catalog, WHERE, free).obligations() == {
        "added": ["CC-BY-4.0"],
        "removed": ["MIT", "openai-tos"],
    }


def test_a_document_that_extends_is_compared_as_resolved(catalog: Catalog) -> None:
    base = "budget: 1600\nsources:\n  web: {dataset: web, weight: 3}\n"
    top = "extends: base\nsources:\n  code: {dataset: code, weight: 1}\n"
    head = HEAD.replace("budget: 800\n", "")
    plain = HEAD + "sources:\n  web: {dataset: web, weight: 3}\n"
    extended = read_mixture(head + top, resolver=lambda name, file: (head + base, name))
    found = diff(catalog, ("m.yaml", plain, read_mixture(plain)), ("n.yaml", head + top, extended))
    lines = list(found.text)
    assert lines[:2] == ["--- m.yaml (resolved)", "+++ n.yaml (resolved)"]
    assert "-budget: 800" in lines
    assert "+budget: 1600" in lines
    assert not any("extends" in line for line in lines)
    assert any(line.startswith("+") and "dataset: code" in line for line in lines)


def test_a_hold_out_is_said_to_raise_epochs(catalog: Catalog) -> None:
    web = "holdout: 0.1\nsources:\n  web: {dataset: web, weight: 3}\n"
    assert any("hold-out" in note for note in compare(catalog, web, web).notes)
