"""docs/mixtures.md holds: its key table is the code's, its mixture and conditions are valid."""

import re
from pathlib import Path

from curation.base.predicate import parse
from curation.base.yaml import MAX_BYTES, MAX_DEPTH, MAX_NODES
from mixtures.license_table import TERMS
from mixtures.spec import read_mixture
from mixtures.spec_keys import HELP, MAX_SOURCES

TEXT = (Path(__file__).parents[2] / "docs" / "mixtures.md").read_text()


def key_table() -> str:
    rows = [f"| `{key}` | {text.replace('|', chr(92) + '|')} |" for key, text in HELP.items()]
    return "\n".join(["| key | meaning |", "|---|---|", *rows])


def test_every_key_is_described_as_in_the_schema() -> None:
    found = TEXT.partition("<!-- keys -->\n")[2].partition("\n<!-- /keys -->")[0]
    assert found == key_table()


def test_the_mixture_is_valid() -> None:
    (block,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    assert read_mixture(block).name == "ja-en-base"


def test_the_conditions_are_valid() -> None:
    section = TEXT.partition("## Selecting documents")[2]
    lines = section.partition("```\n")[2].partition("```")[0].splitlines()
    assert len(lines) == 3
    for line in lines:
        parse(line)


def test_bounds_and_terms_are_those_of_the_code() -> None:
    assert (MAX_BYTES, MAX_DEPTH, MAX_NODES, MAX_SOURCES) == (1 << 19, 32, 15_000, 2_000)
    for name in ("openai-tos", "llama3.1", "gemma", "qwen"):
        assert name in TERMS
        assert name in TEXT
