"""No Docker engine is needed to see that the image's command, user and health check exist."""

import json
import pwd
import re
from pathlib import Path
from typing import Any

import click
import pytest
from ruamel.yaml import YAML

from pipelines.cli.main import command as awase

ROOT = Path(__file__).parent.parent
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")


def compose() -> dict[str, Any]:
    document = YAML(typ="safe", pure=True).load((ROOT / "docker-compose.yml").read_text())
    assert isinstance(document, dict)
    return document


def dockerfile(instruction: str) -> str:
    found = re.findall(rf"^{instruction} (.+(?:\\\n.+)*)", DOCKERFILE, re.M)
    assert found, instruction
    return str(found[-1])


@pytest.mark.parametrize("source", ["Dockerfile", "docker-compose.yml"])
def test_the_command_is_one_that_awase_has(source: str) -> None:
    if source == "Dockerfile":
        words = json.loads(dockerfile("CMD"))
    else:
        words = compose()["services"]["api"]["command"]
    assert words[0] == "awase"
    context = click.Context(awase)
    serve = awase.get_command(context, words[1])
    assert serve is not None
    parsed = serve.make_context(words[1], list(words[2:]), parent=context)
    assert parsed.params["host"] == "0.0.0.0"
    assert parsed.params["port"] == 8080


def test_it_does_not_run_as_root_and_owns_its_volume() -> None:
    user = dockerfile("USER")
    assert user.isdigit()
    assert int(user) > 0
    assert f"useradd --uid {user}" in DOCKERFILE
    assert compose()["services"]["api"]["user"] == user
    assert "install -d -o awase" in DOCKERFILE
    assert user not in {str(entry.pw_uid) for entry in pwd.getpwall() if entry.pw_name == "root"}


def test_the_health_check_asks_a_route_that_is_there_without_a_key() -> None:
    from api.app import create_app
    from api.settings import Settings

    check = compose()["services"]["api"]["healthcheck"]["test"]
    assert check[:3] == ["CMD", "python", "-c"]
    compile(check[3], "healthcheck", "exec")
    match = re.search(r"http://127\.0\.0\.1:8080(/\w+)", check[3])
    assert match is not None
    assert check[3] in DOCKERFILE
    assert match.group(1) in create_app(Settings()).openapi()["paths"]


def test_compose_publishes_on_loopback_and_refuses_to_start_without_keys() -> None:
    service = compose()["services"]["api"]
    assert service["ports"] == ["127.0.0.1:8080:8080"]
    assert service["environment"]["AWASE_KEYS"].startswith("${AWASE_KEYS:?")
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert service["volumes"] == ["store:/store"]
    assert "store" in compose()["volumes"]
