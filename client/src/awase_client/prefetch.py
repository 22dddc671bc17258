"""Reads ahead in order, with a bound: the only threads of the client.

`fetch(reader, k)` is asked for k = 0, 1, 2, ... by a few threads; results leave in order of k. At
most `ahead` results are under way or waiting, so a trainer that stops reading stops the traffic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Condition, Event, Thread
from typing import Generic, TypeVar

from awase_client.sources import Reader

T = TypeVar("T")


class Prefetcher(Generic[T]):
    """Results of `fetch` for k = 0 .. count - 1, read ahead by one daemon thread a reader."""

    def __init__(
        self,
        readers: Sequence[Reader],
        fetch: Callable[[Reader, int], T],
        *,
        count: int,
        ahead: int,
        stop: Event,
    ) -> None:
        self._fetch = fetch
        self._count = count
        self._ahead = max(1, ahead)
        self._asked = 0
        self._taken = 0
        self._done: dict[int, T | BaseException] = {}
        self._changed = Condition()
        self._stop = stop
        self._threads = [
            Thread(target=self._work, args=(reader,), name=f"awase-prefetch-{k}", daemon=True)
            for k, reader in enumerate(readers)
        ]
        for thread in self._threads:
            thread.start()

    def take(self) -> T:
        """The next result in order; raises what its fetch raised, however often it is called.

        Must not be called more than `count` times.
        """
        with self._changed:
            while self._taken not in self._done:
                self._changed.wait()
            result = self._done[self._taken]
            if isinstance(result, BaseException):
                raise result
            del self._done[self._taken]
            self._taken += 1
            self._changed.notify_all()
            return result

    def stop(self) -> None:
        """Ask the threads to end after the read under way."""
        self._stop.set()
        with self._changed:
            self._changed.notify_all()

    def join(self, timeout_seconds: float) -> None:
        for thread in self._threads:
            thread.join(timeout_seconds)

    def _work(self, reader: Reader) -> None:
        try:
            while (k := self._claim()) is not None:
                try:
                    result: T | BaseException = self._fetch(reader, k)
                except BaseException as error:  # noqa: BLE001  take() raises it in the caller
                    result = error
                with self._changed:
                    self._done[k] = result
                    self._changed.notify_all()
                    if isinstance(result, BaseException):
                        return
        finally:
            reader.close()

    def _claim(self) -> int | None:
        with self._changed:
            while not self._stop.is_set() and self._asked < self._count:
                if self._asked < self._taken + self._ahead:
                    self._asked += 1
                    return self._asked - 1
                self._changed.wait()
            return None
