"""No option is passed over: what a command cannot do at once it refuses, with the pair's names."""

from itertools import combinations

import click
import pytest
from click.testing import CliRunner

from pipelines.cli import curate, dataset, run, stream
from pipelines.cli.options import check_together

# What each way of using a command takes; two parameters that share no way do not go together.
WAYS: dict[str, tuple[click.Command, list[str]]] = {
    "curate": (
        curate.command,
        [
            "recipe inputs more workers executor partition time_limit as_json",
            "recipe inputs more workers task tasks as_json",
            "recipe inputs more workers finish as_json",
            "recipe inputs more workers dry_run as_json",
            "recipe workers rescore write as_json",
            "explain as_json",
        ],
    ),
    "stream": (
        stream.command,
        [
            "plan position count rank world urls split form as_json",
            "plan position count rank world urls split as_digest as_json",
            "plan position count rank world split documents as_json",
            "plan split find as_json",
        ],
    ),
    "dataset alias": (
        dataset.alias,
        ["target version history expect as_json", "target remove history expect as_json"],
    ),
    "dataset import": (
        dataset.import_,
        [
            "name files copy id_column text_column license_ as_json",
            "name files tokenizer license_ as_json",
        ],
    ),
    "run branch": (
        run.branch,
        ["run start weights identity as_json", "run start mixture restart identity as_json"],
    ),
}
CHOICES = {"executor": "slurm", "split": "holdout", "form": "raw"}
PAIRS = [
    (name, *pair)
    for name, (command, ways) in WAYS.items()
    for pair in combinations([p.name or "" for p in command.params], 2)
    if not any(set(pair) <= set(way.split()) for way in ways)
]


def typed(command: click.Command, names: set[str]) -> list[str]:
    """A command line that gives these parameters and the arguments that stand before them."""
    words: list[str] = []
    for parameter in command.params:
        needed = parameter.required or parameter.name in names
        value = CHOICES.get(parameter.name or "", "1")
        if isinstance(parameter, click.Argument):
            if needed or (parameter.name == "recipe" and "more" in names):
                words.append(value)
        elif needed:
            flag = isinstance(parameter, click.Option) and parameter.is_flag
            words += [max(parameter.opts, key=len), *([] if flag else [value] * parameter.nargs)]
    return words


@pytest.mark.parametrize("name", WAYS)
def test_every_parameter_has_a_way_and_each_way_is_let_through(name: str) -> None:
    command, ways = WAYS[name]
    assert {p.name for p in command.params} == set(" ".join(ways).split())
    module = {"curate": curate, "stream": stream}.get(name)
    for way in ways:
        with command.make_context(name, typed(command, set(way.split()))):
            if module is not None:
                check_together(apart=module.APART, needs=getattr(module, "NEEDS", None))


@pytest.mark.parametrize(("name", "one", "other"), PAIRS)
def test_what_does_not_go_together_is_refused(name: str, one: str, other: str) -> None:
    command, _ = WAYS[name]
    done = CliRunner().invoke(command, typed(command, {one, other}))
    assert done.exit_code == 2, done.output
    [said] = [line for line in done.stderr.splitlines() if line.startswith("Error: ")]
    assert "do not go together" in said or "goes with" in said
    labels = {max(p.opts, key=len) for p in command.params if p.name in (one, other)}
    assert any(label.startswith("--") and label in said for label in labels), said


def test_there_are_many_such_pairs() -> None:
    assert len(PAIRS) > 60


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["r.yaml", "--task", "3", "--tasks", "3"], "--task 3 with --tasks 3"),
        (["r.yaml", "--rescore", "web", "--workers", "2"], "--workers goes with --write"),
        (["r.yaml", "--partition", "x", "--input", "x"], "--partition and --executor local"),
        (["r.yaml", "--executor", "ray", "--time", "1"], "--time and --executor ray"),
        (["r.yaml", "--executor", "slurm"], "--executor slurm needs --partition"),
        (["abcdef", "--json", "--format", "raw"], "--json and --format raw do not go together"),
        (["abcdef", "--json", "--format", "npy"], "--json and --format npy do not go together"),
    ],
)
def test_values_that_rule_an_option_out(words: list[str], said: str) -> None:
    command = stream.command if words[0] == "abcdef" else curate.command
    done = CliRunner().invoke(command, words)
    assert (done.exit_code, said in done.stderr) == (2, True), done.stderr
