"""What the README says is there is there: files, commands, targets, the mixture it shows."""

import re
from pathlib import Path

import click
import pytest

from pipelines.cli.main import COMMANDS
from pipelines.cli.main import command as awase

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_paths_in_its_tables_exist() -> None:
    for path in re.findall(r"`((?:tests|benchmarks|docs|examples)/[\w/.]*)`", README):
        assert (ROOT / path).exists(), path


def test_make_knows_every_target_it_names() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.M))
    named = set(re.findall(r"\bmake ([a-z][\w-]*)", README))
    assert {"demo", "test"} <= named <= targets


def test_awase_has_every_command_it_names() -> None:
    context = click.Context(awase)
    for noun, verb in re.findall(r"`(?:awase )?([a-z]+)(?: ([a-z]+))?", README):
        if noun not in COMMANDS:
            continue
        group = awase.get_command(context, noun)
        assert group is not None
        if isinstance(group, click.Group) and verb:
            assert group.get_command(context, verb) is not None, f"awase {noun} {verb}"


def test_every_command_explains_itself() -> None:
    context = click.Context(awase, info_name="awase")
    for noun in COMMANDS:
        group = awase.get_command(context, noun)
        assert group is not None
        children = group.commands.values() if isinstance(group, click.Group) else [group]
        for child in children:
            assert child.help, f"awase {noun} {child.name}"
        if isinstance(group, click.Group):
            shown = group.get_help(click.Context(group, info_name=noun))
            listed = shown.partition("Commands:")[2]
            assert "..." not in listed, f"awase {noun} --help"
            assert set(re.findall(r"^  ([a-z]+) ", listed, re.M)) == set(group.commands)


def test_the_mixture_it_shows_is_valid_and_is_what_it_says() -> None:
    from mixtures.spec import read_mixture

    block = re.search(r"```yaml\n(.*?)```", README, re.S)
    assert block is not None
    mixture = read_mixture(block.group(1), file="README.md")
    assert mixture.budget_tokens == 100_000_000_000
    assert mixture.sequence_length == 4096


def test_the_python_it_shows_compiles_and_is_about_eight_lines() -> None:
    block = re.search(r"```python\n(.*?)```", README, re.S)
    assert block is not None
    compile(block.group(1), "README.md", "exec")
    code = [line for line in block.group(1).splitlines() if line.strip()]
    assert len(code) <= 8
