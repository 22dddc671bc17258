import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from curation.base.errors import InvalidDocument
from curation.base.yaml import List, Mapping, Node, load
from mixtures import spec_keys as keys
from mixtures.json_schema import FILE, mixture_schema
from mixtures.spec import read_mixture
from mixtures.starter import schema_line, starter

BROKEN = Path(__file__).parent / "broken"
SCHEMA = Draft202012Validator(mixture_schema())
HEAD = "version: 1\nname: m\ntokenizer: t@prod\nsequence_length: 128\n"
VALID = [
    starter(name="m", tokenizer="t", budget=None),
    HEAD + "sources: {a: {dataset: a, repeat: 0.5}}\nseparators: {bos, eos}\n",
    HEAD + "budget: 1e9\nsources: {a: {dataset: a, weight: 40%, where: x > 1}}\nholdout: 1%\n",
    HEAD + "budget: 1.5T tokens\nsampling: {unimax: {max_epochs: 4}}\nsources: {a: {dataset: a}}\n"
    "licenses: {allow: [apache-2.0], deny_terms: [x-ours, gemma]}\ntags: [a]\n",
    HEAD + "budget: 10\nsources: {g: {weight: 1, sampling: {temperature: 0.5},"
    " sources: {a: {dataset: a}}}}\nstages: [{until: 40%}, {until: 10, weights: {g: 2},"
    " ramp: linear}]\n",
]


def plain(node: Node) -> Any:
    if isinstance(node, Mapping):
        return {entry.key: plain(entry.value) for entry in node}
    if isinstance(node, List):
        return [plain(item) for item in node.items]
    value = node.plain()
    return value if value is None or isinstance(value, bool | int | str) else float(value)


def test_the_file_is_what_the_code_says() -> None:
    assert json.loads(FILE.read_text()) == mixture_schema()


def test_it_is_a_schema_of_2020_12() -> None:
    Draft202012Validator.check_schema(mixture_schema())
    assert set(mixture_schema()["properties"]) == set(keys.TOP)


@pytest.mark.parametrize("text", VALID)
def test_it_accepts_what_the_reader_accepts(text: str) -> None:
    read_mixture(text)
    SCHEMA.validate(plain(load(text).root))


def test_it_refuses_most_of_what_the_reader_refuses() -> None:
    refused = 0
    for path in BROKEN.glob("*.yaml"):
        with pytest.raises(InvalidDocument):
            read_mixture(path.read_bytes())
        document = load(path.read_bytes())
        if not document.problems.found:
            try:
                refused += not SCHEMA.is_valid(plain(document.root))
            except ValueError:  # a number without bounds
                refused += 1
    assert refused >= 75


def test_the_first_line_points_an_editor_to_it(tmp_path: Path) -> None:
    line = schema_line(tmp_path / "m.yaml")
    assert line.startswith("# yaml-language-server: $schema=")
    assert (tmp_path / line.strip().partition("=")[2]).resolve() == FILE.resolve()
