from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.diff import Diff, diff
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
    assert list(compare(catalog, web, web).lines()) == ["m@1 -> m@2"]


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


def test_a_hold_out_is_said_to_raise_epochs(catalog: Catalog) -> None:
    web = "holdout: 0.1\nsources:\n  web: {dataset: web, weight: 3}\n"
    assert any("hold-out" in note for note in compare(catalog, web, web).notes)
