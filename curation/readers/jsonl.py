"""JSON Lines: one object a line, UTF-8. A line that is none is a bad record with file and line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from curation.batch import Batch
from curation.readers.batches import batches
from curation.readers.records import BadRecord, BadRecords, ReadOptions, to_values
from curation.readers.streams import chunks, decompressed, open_bytes
from curation.readers.survey import Piece, Surveyed

_BOM = b"\xef\xbb\xbf"


def read(item: Surveyed, piece: Piece, options: ReadOptions, bad: BadRecords) -> Iterator[Batch]:
    """Batches of the lines of `piece`; blank lines are no records."""
    path = Path(item.path)
    with open_bytes(path) as file:
        yield from batches(
            _lines(item, piece, file, options, bad),
            lambda line: to_values(_parse(line), options),
            item=item,
            piece=piece,
            options=options,
            bad=bad,
        )


def _parse(line: bytes) -> object:
    try:
        return json.loads(line.decode())
    except UnicodeDecodeError as error:
        byte = line[error.start]
        raise BadRecord(f"not UTF-8: byte 0x{byte:02X} at column {error.start + 1}") from error
    except json.JSONDecodeError as error:
        what = error.msg.removesuffix(" at")
        raise BadRecord(f"broken JSON: {what} at column {error.colno}") from error
    except RecursionError as error:
        raise BadRecord("broken JSON: nested too deeply") from error
    except ValueError as error:
        raise BadRecord(f"broken JSON: {error}") from error


def _lines(
    item: Surveyed, piece: Piece, file: object, options: ReadOptions, bad: BadRecords
) -> Iterator[tuple[int, bytes]]:
    """(line number from 0, bytes) of the non-blank lines of a piece."""
    limit = options.max_record_bytes
    why = f"the line is longer than {limit} bytes (input.max_record_bytes)"
    row = piece.first_row
    rest: list[bytes] = []  # the pieces of a line that goes on: joined once, however long it is
    held = 0
    too_long = False
    for data in piece_bytes(item, piece, file):
        *lines, tail = data.split(b"\n")
        if lines:
            lines[0] = b"".join([*rest, lines[0]])
            rest, held = [], 0
        for line in lines:
            if too_long:
                too_long = False  # the end of a line that was given up below
            elif len(line) > limit:
                bad.add(item.path, row, why)
            elif line.strip():
                yield row, line.removeprefix(_BOM) if row == 0 else line
            row += 1
        rest.append(tail)
        held += len(tail)
        if held > limit:
            if not too_long:
                bad.add(item.path, row, why)
            too_long, rest, held = True, [], 0
    last = b"".join(rest)
    if last.strip() and not too_long:
        yield row, last.removeprefix(_BOM) if row == 0 else last


def piece_bytes(item: Surveyed, piece: Piece, file: object) -> Iterator[bytes]:
    """The uncompressed bytes from `piece.start` to `piece.stop`."""
    path = Path(item.path)
    position = 0
    if item.compression is None:
        file.seek(piece.start)  # type: ignore[attr-defined]
        position = piece.start
    for data in chunks(decompressed(file, item.compression), path):
        start = max(piece.start - position, 0)
        stop = piece.stop - position
        if start < len(data):
            yield data[start:stop] if start or stop < len(data) else data
        position += len(data)
        if position >= piece.stop:
            return
