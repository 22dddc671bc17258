"""`python -m api`: write schemas/openapi.json from the routes, as `make schemas` does."""

from __future__ import annotations

import json
from pathlib import Path

from api.app import create_app
from api.openapi import document_of
from api.settings import Settings

TARGET = Path(__file__).parent.parent / "schemas" / "openapi.json"


def rendered() -> str:
    """The OpenAPI document of this code, as it is checked in."""
    document = document_of(create_app(Settings()))
    return json.dumps(document, ensure_ascii=False, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    TARGET.write_text(rendered())
