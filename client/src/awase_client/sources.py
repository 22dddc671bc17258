"""Where frames come from: the store itself, or servers. Both give the same bytes.

A source is shared; each prefetch thread connects to it once and reads through its own `Reader`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Event
from typing import Protocol

from awase_client.cursor import plan_digest
from awase_client.engine.block import MAX_SLOTS_A_BLOCK
from awase_client.engine.views import Split
from awase_client.engine.within import remaining
from awase_client.engine.within import sections as sections_of
from awase_client.errors import BadCursor, Refused
from awase_client.transport import Options, Servers
from awase_client.wire import Frame


class Reader(Protocol):
    """One thread's way to frames."""

    retries: int
    bytes_read: int

    def read(self, first: int, count: int, stride: int) -> Frame:
        """Sequences first, first + stride, ...: up to `count`, fewer at the end."""

    def abort(self) -> None:
        """Wake a read under way in another thread; it fails."""

    def close(self) -> None: ...


class Source(Protocol):
    plan: str

    def connect(self, *, stop: Event) -> Reader: ...

    def close(self) -> None: ...


class StoreSource:
    """The engine in this process, over a store's memory-mapped files."""

    def __init__(
        self, path: str, plan: str, *, split: Split, sections: Sequence[str] | None
    ) -> None:
        self.plan = plan
        self.split = split
        from awase_client.engine.reader import Engine  # pulls numba where there is one

        try:
            self.engine = Engine.open(path, plan)
        except FileNotFoundError as error:
            raise Refused(f"plan {plan} is not in the store {path}", status=404) from error
        self.sections = sections_of(self.engine.plan) if sections is None else tuple(sections)
        self.total = self.engine.total(split)

    def connect(self, *, stop: Event) -> Reader:
        return _StoreReader(self)

    def close(self) -> None:
        pass  # maps go with the engine, once no block of theirs is in use


class _StoreReader:
    def __init__(self, source: StoreSource) -> None:
        self._source = source
        self.retries = 0
        self.bytes_read = 0

    def read(self, first: int, count: int, stride: int) -> Frame:
        source = self._source
        count = min(count, remaining(source.total, first, stride))
        # A batch too large for a block is refused by `Reading`, which then knows the width.
        count = min(count, MAX_SLOTS_A_BLOCK // source.engine.plan.width)
        block = source.engine.read(
            first, count, stride=stride, split=source.split, sections=source.sections
        )
        self.bytes_read += block.tokens.nbytes
        return Frame(
            source.plan,
            source.split,
            source.total,
            source.engine.plan.sequence_length,
            block,
        )

    def abort(self) -> None:
        pass  # reads of the store are short

    def close(self) -> None:
        pass


def open_source(
    source: str | os.PathLike[str] | Sequence[str],
    plan: str,
    *,
    rank: int,
    split: Split,
    sections: Sequence[str] | None,
    key: str | None,
    options: Options,
) -> Source:
    """A store path, a URL or several URLs of equal servers as a source of frames."""
    places = places_of(source)
    plan = plan_digest(plan)
    remote = [place.startswith(("http://", "https://")) for place in places]
    if places and all(remote):
        return Servers(
            places, plan, rank=rank, split=split, sections=sections, key=key, options=options
        )
    if len(places) == 1 and places[0] and "://" not in places[0]:
        return StoreSource(places[0], plan, split=split, sections=sections)
    raise BadCursor(f"a source is one store path, or one or more http(s) URLs, not {places!r}")


def places_of(source: object) -> list[str]:
    """A path or URL, or several, as a list; BadCursor for anything else."""
    try:
        if isinstance(source, str | os.PathLike):
            return [os.fspath(source)]
        return [os.fspath(place) for place in source]  # type: ignore[attr-defined]
    except TypeError as error:
        raise BadCursor(
            f"a source is one store path, or one or more URLs, not {source!r}"
        ) from error
