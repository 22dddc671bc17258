"""`python -m api`: write what is generated from the code, schemas/openapi.json and docs/http.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

from fastapi import FastAPI
from fastapi.routing import APIRoute

from api.app import create_app, scopes_of
from api.openapi import document_of
from api.settings import Settings

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "schemas" / "openapi.json"
PAGE = ROOT / "docs" / "http.md"


def openapi(app: FastAPI) -> str:
    """The OpenAPI document of `app`, as it is checked in."""
    return json.dumps(document_of(app), ensure_ascii=False, indent=2, sort_keys=True) + "\n"


def documented(page: str, app: FastAPI) -> str:
    """`page` with its tables of settings and routes written anew."""
    for heading, rows in (("Settings", _settings()), ("Routes", _routes(app))):
        table = "\n".join(rows) + "\n"
        found = re.search(rf"\n## {heading}\n.*?\n\n(\|.*?\n)\n", page, re.S)
        assert found is not None, f"{PAGE} has no table under {heading}"
        page = page[: found.start(1)] + table + page[found.end(1) :]
    return page


def _settings() -> Iterator[str]:
    yield "| setting | default | what |"
    yield "|---|---|---|"
    for name, field in Settings.model_fields.items():
        secret = field.default is None or "Secret" in type(field.default).__name__
        default = "" if secret else field.default
        yield f"| `AWASE_{name.upper()}` | {default} | {field.description} |"


def _routes(app: FastAPI) -> Iterator[str]:
    yield "| route | scope | what |"
    yield "|---|---|---|"
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            declared = scopes_of(route)
            scopes = " or ".join(sorted(declared.scopes)) if declared else ""
            first = (route.endpoint.__doc__ or "").strip().splitlines()[0]
            for method in sorted(route.methods or ()):
                yield f"| `{method} {route.path}` | {scopes or 'open'} | {first} |"


if __name__ == "__main__":
    service = create_app(Settings())
    SCHEMA.write_text(openapi(service))
    PAGE.write_text(documented(PAGE.read_text(), service))
