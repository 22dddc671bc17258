"""The JSON Schema (2020-12) of mixtures, for editors: completion, hover text, early warnings.

`awase mixture check` is the judge; this schema accepts all that it accepts, and some of what it
refuses. schemas/mixture.schema.json is `awase mixture schema`, a test holds the two together.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from curation.base.licenses import NOASSERTION
from curation.base.names import NAME
from mixtures import spec_keys as keys
from mixtures.license_table import OWN_TERMS, TERMS

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
FILE: Final = Path(__file__).parent.parent / "schemas" / "mixture.schema.json"

_REFERENCE: Final = rf"^{NAME.pattern}(@({NAME.pattern}|sha256:[0-9a-f]{{64}}))?$"
_TOKENS: Final = r"^ *[0-9]+(\.[0-9]+)? ?[KMBT]?( tokens)? *$"
_PERCENT: Final = r"^ *[0-9]{1,3}(\.[0-9]+)? ?% *$"


def mixture_schema() -> dict[str, Any]:
    """The schema as JSON data, in a fixed order."""
    top = {key: {"description": keys.HELP[key], **_TOP[key]} for key in keys.TOP}
    return {
        "$schema": DIALECT,
        "title": "awase mixture, version 1",
        "description": "Which datasets, in which ratio, over which stages.",
        "type": "object",
        "additionalProperties": False,
        "required": ["version", "name"],
        "if": {"not": {"required": ["extends"]}},
        "then": {"required": list(keys.REQUIRED)},
        "properties": top,
        "$defs": _definitions(),
    }


def _definitions() -> dict[str, Any]:
    """What the properties refer to."""
    return {
        "share": {
            "anyOf": [
                {"type": "number", "minimum": 0, "maximum": keys.MAX_WEIGHT},
                {"type": "string", "pattern": _PERCENT},
            ]
        },
        "epochs": {"type": "number", "exclusiveMinimum": 0, "maximum": keys.MAX_EPOCHS},
        "tokens": {
            "anyOf": [
                {"type": "number", "minimum": 1},
                {"type": "string", "pattern": _TOKENS},
            ]
        },
        "sampling": _sampling(),
        "sources": {
            "type": "object",
            "minProperties": 1,
            "maxProperties": keys.MAX_SOURCES,
            "propertyNames": {"pattern": f"^{keys.SOURCE_NAME}$"},
            "additionalProperties": {
                "if": {"type": "object", "required": ["sources"]},
                "then": {"$ref": "#/$defs/group"},
                "else": {"$ref": "#/$defs/source"},
            },
        },
        "source": _object(
            keys.SOURCE,
            {
                "dataset": {"type": "string", "pattern": _REFERENCE},
                "weight": {"$ref": "#/$defs/share"},
                "repeat": {"$ref": "#/$defs/epochs"},
                "where": {"type": "string", "minLength": 1, "maxLength": keys.MAX_WHERE},
                "max_epochs": {"$ref": "#/$defs/epochs"},
            },
            "source",
        )
        # null leaves a source of the extended mixture out
        | {"type": ["object", "null"], "not": {"required": ["weight", "repeat"]}},
        "group": _object(
            keys.GROUP,
            {
                "weight": {"$ref": "#/$defs/share"},
                "sampling": {"$ref": "#/$defs/sampling"},
                "sources": {"$ref": "#/$defs/sources"},
            },
            "group",
        ),
        "stage": _object(
            keys.STAGE,
            {
                "until": {
                    "anyOf": [
                        {"$ref": "#/$defs/tokens"},
                        {"type": "string", "pattern": _PERCENT},
                    ]
                },
                "weights": {
                    "type": "object",
                    "additionalProperties": {"$ref": "#/$defs/share"},
                },
                "ramp": {"enum": list(keys.RAMPS)},
            },
            "stage",
        )
        | {"required": ["until"]},
        "license": {"type": "string", "examples": ["CC-BY-4.0", "Apache-2.0", NOASSERTION]},
    }


def _sampling() -> dict[str, Any]:
    epochs = {"max_epochs": {"$ref": "#/$defs/epochs"}}
    unimax = _object(("max_epochs",), epochs, "unimax") | {"required": ["max_epochs"]}
    temperature = {"type": "number", "minimum": 0, "maximum": 1}
    ways = _object(keys.SAMPLING, {"temperature": temperature, "unimax": unimax}, "sampling")
    return ways | {"minProperties": 1, "maxProperties": 1}


def _object(names: tuple[str, ...], parts: dict[str, Any], what: str) -> dict[str, Any]:
    properties = {
        name: {"description": keys.HELP[f"{what}.{name}"], **parts[name]} for name in names
    }
    return {"type": "object", "additionalProperties": False, "properties": properties}


_TOP: Final[dict[str, dict[str, Any]]] = {
    "version": {"const": 1},
    "name": {"type": "string", "pattern": f"^{NAME.pattern}$"},
    "description": {"type": "string", "maxLength": 10_000},
    "tags": {"type": "array", "items": {"type": "string"}},
    "extends": {"type": "string"},
    "tokenizer": {"type": "string", "pattern": _REFERENCE},
    "sequence_length": {"type": "number", "minimum": 2, "maximum": keys.MAX_SEQUENCE_LENGTH},
    "seed": {"type": "number", "minimum": 0, "maximum": keys.MAX_SEED},
    "budget": {"$ref": "#/$defs/tokens"},
    "packing": {"enum": list(keys.PACKINGS)},
    "by": {"enum": list(keys.BY)},
    "separators": _object(
        keys.SEPARATORS,
        {"bos": {"type": ["boolean", "null"]}, "eos": {"type": ["boolean", "null"]}},
        "separators",
    ),
    "labels": {"enum": list(keys.LABELS)},
    "loss": {"enum": list(keys.LOSSES)},
    "holdout": {
        "anyOf": [
            {"type": "number", "minimum": 0, "exclusiveMaximum": 1},
            {"type": "string", "pattern": _PERCENT},
        ]
    },
    "sampling": {"$ref": "#/$defs/sampling"},
    "sources": {"$ref": "#/$defs/sources"},
    "stages": {
        "type": "array",
        "minItems": 1,
        "maxItems": keys.MAX_STAGES,
        "items": {"$ref": "#/$defs/stage"},
    },
    "licenses": _object(
        keys.LICENSES,
        {
            "allow": {"type": "array", "items": {"$ref": "#/$defs/license"}},
            "deny": {"type": "array", "items": {"$ref": "#/$defs/license"}},
            "deny_terms": {
                "type": "array",
                "items": {
                    "type": "string",
                    "anyOf": [{"enum": list(TERMS)}, {"pattern": f"^{OWN_TERMS}"}],
                },
            },
        },
        "licenses",
    ),
}
