"""The JSON Schema of recipes, for editors; `schemas/recipe.schema.json` is its output.

What it refuses `curation.recipe.read` refuses too. The reverse does not hold: the reader also knows
files, languages, profiles, options and statistics of each step, conditions, and what excludes what.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

from curation.base.names import NAME
from curation.chat import TEMPLATES
from curation.decontaminate.read import MAX_FIELDS, MAX_SETS
from curation.decontaminate.step import ACTIONS, DEFAULTS
from curation.dedup.datatrove import HASHES
from curation.dedup.minhash import PRESETS, UNITS
from curation.normalise import SWITCHES
from curation.profiles import profile_names
from curation.profiles.kinds import KINDS
from curation.profiles.read import BOUNDS, REASON
from curation.readers.foreign import reader_names
from curation.readers.records import BUILDERS
from curation.recipe.model import VERSION
from curation.recipe.read_input import (
    FORMATS,
    LEAST_SECONDS,
    MOST_BAD_RECORDS,
    MOST_BYTES,
    MOST_EXPANSION,
    MOST_SECONDS,
    OURS,
    RENAMED,
    SIZE,
    SPLIT,
    TYPES,
    WAYS,
)
from curation.steps import PART
from curation.words.languages import LANGUAGES

_TEXT = {"type": "string"}
_FLAG = {"type": "boolean"}
_SHARE = {"type": "number", "minimum": 0, "maximum": 1}


def recipe_schema() -> dict[str, Any]:
    """Draft 2020-12; unknown keys are refused everywhere, as the reader does."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "awase recipe",
        "description": "Which documents are read and what becomes of them",
        **_object(
            {
                "version": {"const": VERSION},
                "name": _TEXT,
                "description": _TEXT,
                "input": _input(),
                "normalise": {"oneOf": [_FLAG, _object(dict.fromkeys(SWITCHES, _FLAG))]},
                "language": _object(
                    {
                        "model": _TEXT | {"description": "a fastText model; default lid.176.ftz"},
                        "prefix": {"type": ["integer", "null"], "minimum": 1},
                        "margin": _SHARE,
                    }
                ),
                "datasets": {
                    "type": "object",
                    "minProperties": 1,
                    "propertyNames": {"pattern": f"^{NAME.pattern}$"},
                    "additionalProperties": _dataset(),
                },
                "output": _object({"shard_bytes": _size(), "row_group_bytes": _size()}),
            },
            required=["version", "datasets"],
        ),
    }


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return found | ({"required": required} if required else {})


def _size() -> dict[str, Any]:
    text = {"type": "string", "pattern": f"^{SIZE.pattern}$"}
    return {"oneOf": [{"type": "integer", "minimum": 1, "maximum": MOST_BYTES}, text]}


def _input() -> dict[str, Any]:
    return _object(
        {
            "format": {"enum": list(FORMATS)},
            "datatrove": {"enum": reader_names()},
            "hub": _object(
                {
                    "dataset": _TEXT
                    | {"description": "owner/name, a folder, or one of " + ", ".join(BUILDERS)},
                    "config": _TEXT,
                    "split": {
                        "type": "string",
                        "pattern": f"^{SPLIT.pattern}$",
                        "default": "train",
                    },
                    "revision": _TEXT | {"description": "a branch, tag or commit; the run pins it"},
                    "data_files": {"type": "array", "items": _TEXT},
                },
                required=["dataset"],
            ),
            "text": _TEXT | {"description": "the record's field that holds the text"},
            "chat": {"oneOf": [_FLAG, _chat()]},
            "fields": _object(dict.fromkeys(RENAMED, _TEXT)),
            "columns": {
                "type": "object",
                "propertyNames": {"pattern": f"^{PART.pattern}$", "not": {"enum": list(OURS)}},
                "additionalProperties": {"enum": list(TYPES)},
            },
            "constants": _object({name: _TEXT for name in RENAMED if name != "id"}),
            "max_bad_records": {"type": "integer", "minimum": 0, "maximum": MOST_BAD_RECORDS},
            "max_record_bytes": _size(),
            "max_expansion": {"type": "integer", "minimum": 1, "maximum": MOST_EXPANSION},
            "task_bytes": _size(),
            "extract_timeout": {
                "type": "number",
                "minimum": LEAST_SECONDS,
                "maximum": MOST_SECONDS,
                "description": "seconds of processor time for the main text of a page",
            },
        }
    ) | {"not": {"anyOf": [{"required": list(two)} for two in combinations(WAYS, 2)]}}


def _chat() -> dict[str, Any]:
    role = _object({"before": _TEXT, "after": _TEXT, "loss": _FLAG})
    template = {
        "oneOf": [
            {"enum": list(TEMPLATES)},
            {
                "type": "object",
                "propertyNames": {"pattern": f"^{PART.pattern}$"},
                "additionalProperties": role,
                "minProperties": 1,
            },
        ]
    }
    return _object(
        {
            "messages": _TEXT | {"description": "the record's field that holds the messages"},
            "role": _TEXT,
            "content": _TEXT,
            "template": template | {"description": "what stands around each role's content"},
        }
    )


def _dataset() -> dict[str, Any]:
    minhash = _object(
        {
            "preset": {"enum": list(PRESETS)},
            "bands": {"type": "integer", "minimum": 1, "maximum": 450},
            "rows": {"type": "integer", "minimum": 1, "maximum": 64},
            "unit": {"enum": list(UNITS)},
            "ngram": {"type": "integer", "minimum": 1, "maximum": 64},
            "language": {"enum": list(LANGUAGES), "description": "unit datatrove: whose words"},
            "seed": {"type": "integer", "minimum": 0, "maximum": (1 << 32) - 1},
            "hash": {"enum": list(HASHES)},
        }
    )
    dedup = _object({"exact": _FLAG, "minhash": {"oneOf": [_FLAG, minhash]}})
    shipped = ", ".join(profile_names())
    return _object(
        {
            "languages": {"type": "array", "items": _TEXT, "minItems": 1},
            "min_score": _SHARE,
            "profile": _TEXT | {"description": f"one of {shipped}, or a file ending in .yaml"},
            "steps": {"type": "array", "items": _step()},
            "annotate": {"type": "array", "items": _TEXT},
            "keep": _TEXT | {"description": "a condition over scores and fields"},
            "dedup": {"oneOf": [_FLAG, dedup]},
        }
    )


def _step() -> dict[str, Any]:
    """A step; the options of `decontaminate` are spelt out, all others are plain values."""
    text_or_joined = _TEXT | {"description": "a field, or several joined by +"}
    evaluation_set = _object(
        {
            "name": {"type": "string", "pattern": f"^{PART.pattern}$"},
            "path": _TEXT | {"description": "JSONL, Parquet or text, plain, .gz or .zst"},
            "fields": {"type": "array", "items": text_or_joined, "maxItems": MAX_FIELDS},
            "id": _TEXT | {"description": "the field that names an item"},
            "license": _TEXT | {"description": "SPDX"},
        },
        required=["name", "path"],
    )
    options = _object(
        {
            "action": {"enum": list(ACTIONS)},
            "sets": {
                "type": "array", "items": evaluation_set, "minItems": 1, "maxItems": MAX_SETS,
            },
            "unit": {"enum": list(DEFAULTS)},
            "n": {"type": "integer", "minimum": 8, "maximum": 100},
            "shortest": {"type": "integer", "minimum": 1},
            "whole_below": {"type": "integer", "minimum": 8},
            "common": {"type": "integer", "minimum": 1},
        },
        required=["action", "sets"],
    )  # fmt: skip
    return _object(
        {
            "step": {"enum": list(KINDS)},
            "name": {"type": "string", "pattern": f"^{PART.pattern}$"},
            "source": _TEXT | {"description": "whence the bounds among the options"},
            "options": {"type": "object"},
            "rules": {
                "type": "object",
                "propertyNames": {"pattern": f"^{REASON.pattern}$"},
                "additionalProperties": _rule(),
            },
        },
        required=["step"],
    ) | {
        "if": {"properties": {"step": {"const": "decontaminate"}}},
        "then": {"required": ["options"], "properties": {"options": options}},
    }


def _rule() -> dict[str, Any]:
    bounds: dict[str, Any] = {key: {"type": "number"} for key in BOUNDS if key != "is"}
    bounds["is"] = {"type": ["number", "boolean", "string"]}
    return _object(
        {
            "statistic": _TEXT | {"description": "the reason's name where it is left out"},
            "source": _TEXT | {"pattern": r"\S", "description": "where the threshold comes from"},
            "annotate": _FLAG,
            **bounds,
        },
        required=["source"],
    ) | {"oneOf": [{"required": [key]} for key in BOUNDS]}
