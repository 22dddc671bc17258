"""What README and docs/ print works as printed: commands, recipes, profiles, Python, shell."""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from curation.profiles import read_profile
from curation.recipe import parse_recipe
from pipelines.cli.main import command as awase
from tests.streams import Stream, make_stream, serving

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.M | re.S)
COMMAND = re.compile(r"^ *(?:[A-Z_]+=\S+ )?(?:\.venv/bin/)?(awase .*)$", re.M)


def blocks(page: Path, language: str) -> list[str]:
    found = FENCE.findall(page.read_text(encoding="utf-8"))
    return [text for kind, text in found if kind == language]


def commands() -> Iterator[tuple[str, str]]:
    """(page, command line) of every line of code that calls awase, and of every call in a text."""
    for page in (*PAGES, *EXAMPLES):
        text = page.read_text(encoding="utf-8")
        for line in COMMAND.findall(text):
            yield page.name, re.split(r" {2,}| #| &$", line)[0]
        prose = FENCE.sub("", text)
        for line in re.findall(r"`(awase [a-z][^`]*)`", prose):
            yield page.name, " ".join(line.split())


@pytest.mark.parametrize(("page", "line"), sorted(set(commands())))
def test_every_command_is_one_that_awase_takes(page: str, line: str) -> None:
    words = shlex.split(line)[1:]
    context, command = click.Context(awase), awase
    if words[0] == "--store":
        words = words[2:]
    chosen: click.Command = command
    while isinstance(chosen, click.Group) and words:
        name = words.pop(0)
        found = chosen.get_command(context, name)
        assert found is not None, f"{page}: {line}: there is no {name}"
        chosen, context = found, click.Context(found, parent=context)
    if words:  # a bare name in a text stands for the command, not for a call without arguments
        chosen.make_context(chosen.name, words, parent=context)


def test_there_are_commands_to_look_at() -> None:
    assert len(set(commands())) > 40


@pytest.mark.parametrize("number", range(len(blocks(ROOT / "docs" / "curation.md", "yaml"))))
def test_the_recipes_of_the_curation_page_are_read(number: int, tmp_path: Path) -> None:
    text = blocks(ROOT / "docs" / "curation.md", "yaml")[number]
    (tmp_path / "eval").mkdir()
    item = {"q_id": 1, "question": "電子機器で使用される最も主要な電子回路基板の事をなんと言う？"}
    item |= {f"choice{k}": f"選択肢その{k}" for k in range(5)}
    (tmp_path / "eval" / "jcommonsenseqa.jsonl").write_text(json.dumps(item))
    (tmp_path / "eval" / "wmt20.ja.txt").write_text("一行に一つの項目がある、それだけの文です。\n")
    if not text.startswith("version:"):
        text = f"version: 1\ndatasets: {{web: {{}}}}\n{text}"
    assert parse_recipe(text, folder=tmp_path).datasets


def test_the_hub_recipe_is_read() -> None:
    (text,) = [text for text in blocks(ROOT / "docs" / "curation.md", "") if "hub:" in text]
    recipe = parse_recipe(f"version: 1\ndatasets: {{web: {{}}}}\n{text}")
    assert recipe.input.read.hub is not None


def test_the_profiles_of_the_rules_page_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = ROOT / "docs" / "rules.md"
    profiles = blocks(page, "yaml")
    for name in ("footer.txt", "avoid.txt"):
        (tmp_path / name).write_text("言葉\n", encoding="utf-8")
    steps = re.findall(r"`(\{step: .*?\})`", page.read_text(encoding="utf-8"))
    profiles += [f"version: 1\nname: own\nsteps: [{step}]\n" for step in steps]
    assert len(profiles) == 3
    for text in profiles:
        (tmp_path / "own.yaml").write_text(text, encoding="utf-8")
        assert read_profile(tmp_path / "own.yaml").steps


def snippets() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        for text in blocks(page, "python"):
            yield page.name, text


@pytest.mark.parametrize(("page", "text"), list(snippets()), ids=lambda value: value[:20])
def test_python_imports_what_is_there(page: str, text: str) -> None:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom) and node.module:
            module = importlib.import_module(node.module)
            for alias in node.names:
                assert hasattr(module, alias.name), f"{page}: {node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return make_stream(tmp_path_factory.mktemp("docs"))


@pytest.mark.parametrize("page", ["README.md", "docs/streaming.md"])
def test_the_loop_of_a_trainer_runs_and_resumes(stream: Stream, page: str) -> None:
    (text,) = blocks(ROOT / page, "python")
    received = []
    with serving(stream.store) as url:
        text = re.sub(r'"http://[^"]+"', repr(url), text)
        text = re.sub(r'"sha256:[^"]+"', repr(stream.plan), text)
        names: dict[str, object] = {"rank": 0, "world": 1, "checkpoint": {}}
        names["train_step"] = names["step"] = received.append
        exec(compile(text, page, "exec"), names)
        names["stream"].close()  # type: ignore[attr-defined]
    assert len(received) == stream.total // 8
    end = {"version": 1, "plan": stream.plan, "position": stream.total // 8 * 8}
    assert names["checkpoint"] == {"data": end}


def test_the_shell_of_the_rules_page_writes_the_lists(tmp_path: Path) -> None:
    (text,) = [text for text in blocks(ROOT / "docs" / "rules.md", "") if "footer_words" in text]
    page = (ROOT / "docs" / "rules.md").read_text("utf-8")
    (longest_first,) = re.findall(r"`(cat .*? > avoid\.txt)`", page)
    for folder in ("swallow-corpus", "inappropriate-words-ja"):
        (tmp_path / folder).mkdir()
    # as the file at that commit makes its words: a set of the lines of a text
    (tmp_path / "swallow-corpus" / "footer.py").write_text(
        'footers = """\n次の記事\nAll rights reserved\nコメント\nコメント\n"""\n'
        'footer_words = list(set(w for w in footers.split("\\n") if w))\n'
    )
    for name, words in {"a": "良い\n", "b": "良い言葉\nとても良い言葉\n"}.items():
        (tmp_path / "inappropriate-words-ja" / f"{name}.txt").write_text(words)
    python = f'python() {{ {shlex.quote(sys.executable)} -B "$@"; }}\n'
    subprocess.run(["bash", "-ec", python + text + longest_first], cwd=tmp_path, check=True)
    footers = (tmp_path / "footer.txt").read_text("utf-8").splitlines()
    assert footers == ["All rights reserved", "コメント", "次の記事"]
    avoid = (tmp_path / "avoid.txt").read_text("utf-8").splitlines()
    assert avoid == ["とても良い言葉", "良い言葉", "良い"]
