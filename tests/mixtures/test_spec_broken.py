"""broken/*.yaml are mixtures with a fault; broken/expected.txt has what must be said of each."""

from pathlib import Path

import pytest

from curation.base.errors import InvalidDocument
from mixtures.spec import read_mixture
from pipelines.cli.main import run

FOLDER = Path(__file__).parent / "broken"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))
EXPECTED = (FOLDER / "expected.txt").read_text().splitlines()


@pytest.mark.parametrize("name", FILES)
def test_a_broken_mixture_says_where_and_why(name: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        read_mixture((FOLDER / name).read_bytes(), file=name)
    expected = [line for line in EXPECTED if line.startswith(f"{name}:")]
    assert [str(problem) for problem in caught.value.problems] == expected


def test_every_expectation_has_its_file() -> None:
    assert {line.partition(":")[0] for line in EXPECTED} == set(FILES)
    assert len(FILES) >= 60


def test_the_command_prints_the_same_on_stderr_and_ends_with_3(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = FOLDER / "three-faults-in-one-file.yaml"
    assert run(["mixture", "check", str(path)]) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    lines = [line for line in EXPECTED if line.startswith(path.name)]
    assert len(lines) == 3
    assert printed.err.splitlines() == [f"{path.parent}/{line}" for line in lines]
