"""The `input` part of a recipe: which files are read, and how their records become documents."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from curation.base.fields import Fields
from curation.chat import read_chat
from curation.extraction import FORMATS as EXTRACTED
from curation.readers.foreign import PREFIX, reader_names
from curation.readers.records import BUILDERS, HubSource, ReadOptions
from curation.recipe.model import InputOptions
from curation.shards.rows import SPANS
from curation.steps import PART

INPUT_KEYS = (
    *("format", "text", "hub", "chat", "fields", "columns", "constants", "max_bad_records"),
    *("max_record_bytes", "max_expansion", "task_bytes", "extract_timeout", "datatrove"),
)
FORMATS = ("auto", "jsonl", "parquet", "text", "html", "warc")
NO_RECORDS = ("text", *EXTRACTED)  # formats without fields, so without messages
RENAMED = ("id", "url", "source", "license", "terms", "generated_by", "judged_by")
LEAST_SECONDS, MOST_SECONDS = 0.1, 3600.0  # for one page
SPLIT = re.compile(r"[A-Za-z0-9_.-]{1,100}")
SIZE = re.compile(r"([0-9]{1,16}(?:\.[0-9]{1,9})?) ?((?:[KkMmGg][Ii]?)?[Bb])?")
MOST_BYTES, MOST_BAD_RECORDS, MOST_EXPANSION = 1 << 50, 10**9, 10**6
WAYS = ("format", "datatrove", "hub")  # to say how the input is read: one of them
OURS = ("text", "metadata", "language", SPANS, *RENAMED)  # columns that a field cannot become
TYPES = ("string", "int64", "double", "bool")
_UNITS = {
    "": 1,
    "B": 1,
    "KB": 10**3,
    "MB": 10**6,
    "GB": 10**9,
    "KIB": 2**10,
    "MIB": 2**20,
    "GIB": 2**30,
}


def input_of(fields: Fields | None, folder: Path) -> InputOptions:
    if fields is None:
        return InputOptions()
    format = fields.choice("format", FORMATS, "auto")
    default = ReadOptions()
    read = ReadOptions(
        text_field=fields.text("text") or default.text_field,
        fields=_texts(fields, "fields", known=RENAMED),
        typed=_columns(fields),
        constants=_texts(fields, "constants", known=RENAMED[1:]),
        max_bad_records=fields.integer("max_bad_records", 0, minimum=0, maximum=MOST_BAD_RECORDS)
        or 0,
        max_record_bytes=size_of(fields, "max_record_bytes", default.max_record_bytes),
        chat=read_chat(fields),
        hub=_hub(fields, folder),
        extract_seconds=_seconds(fields, "extract_timeout", default.extract_seconds),
    )
    if read.chat is not None and format in NO_RECORDS:
        fields.report_key("chat", f"chats are read from jsonl and parquet, not {format}")
    chosen = None if format == "auto" else format
    if "datatrove" in fields:
        chosen = PREFIX + fields.choice("datatrove", reader_names(), "")
    ways = [key for key in WAYS if key in fields]
    for key in ways[1:]:
        fields.report_key(key, f"{ways[0]!r} says already how the input is read")
    return InputOptions(
        chosen,
        read,
        fields.integer("max_expansion", 200, minimum=1, maximum=MOST_EXPANSION) or 200,
        size_of(fields, "task_bytes", InputOptions().task_bytes),
    )


def _texts(fields: Fields, key: str, *, known: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    inner = fields.inner(key, known=known)
    if inner is None:
        return ()
    found = [(name, inner.text(name)) for name in known if name in inner]
    return tuple((name, text) for name, text in found if text is not None)


def _columns(fields: Fields) -> tuple[tuple[str, str], ...]:
    inner = fields.inner("columns", known=None)
    found: list[tuple[str, str]] = []
    for name in inner.entries if inner is not None else ():
        assert inner is not None
        if not PART.fullmatch(name) or name in OURS:
            inner.report_key(name, "this name cannot become a column: use a-z, 0-9, '_', not ours")
        found.append((name, inner.choice(name, TYPES, "string")))
    return tuple(found)


_HUB = ("dataset", "config", "split", "revision", "data_files")


def _hub(fields: Fields, folder: Path) -> HubSource | None:
    """The `hub` key; paths are looked up from the recipe's folder."""
    inner = fields.inner("hub", known=_HUB, required=("dataset",))
    if inner is None:
        return None
    name = inner.text("dataset") or ""
    files = tuple(node.text for node in inner.texts("data_files"))
    if name in BUILDERS:
        files = tuple(str(folder / file) for file in files)
        if not files:
            inner.report("dataset", f"{name!r} reads files: name them under data_files")
    elif name.startswith(("/", ".")):
        name = str((folder / name).absolute())
    revision = inner.text("revision")
    if revision is not None and (name in BUILDERS or name.startswith("/")):
        inner.report_key("revision", "files of this machine have no revision")
    named = inner.text("split")
    split = "train" if named is None else named
    if not SPLIT.fullmatch(split):
        inner.report("split", f"expected a split's name, found {split!r}; a slice is not streamed")
    return HubSource(name, inner.text("config"), split, revision, files)


def _seconds(fields: Fields, key: str, default: float) -> float:
    number = fields.number(key)
    if number is None:
        return default
    if not LEAST_SECONDS <= number <= MOST_SECONDS:
        expected = f"expected seconds from {LEAST_SECONDS:g} to {MOST_SECONDS:g}"
        fields.report(key, f"{expected}, found {float(number):g}")
        return default
    return float(number)


def size_of(fields: Fields, key: str, default: int) -> int:
    """Bytes: a whole number, or one with KB, MB, GB, KiB, MiB, GiB."""
    node = fields.scalar(key, what="a size such as 512MB")
    if node is None:
        return default
    match = SIZE.fullmatch(node.text)
    if match is not None:
        size = Fraction(match[1]) * _UNITS[(match[2] or "").upper()]
    else:
        try:
            size = node.fraction()  # 1e9, 0x1000, -1
        except ValueError:
            fields.report(key, f"expected a size such as 512MB or 64MiB, found {node.describe()}")
            return default
    if size.denominator != 1 or not 1 <= size <= MOST_BYTES:
        fields.report(key, f"expected a whole number of bytes up to 1 PiB, found {node.text}")
        return default
    return int(size)
