"""Where the frames lie in the bytes a server sends on one connection."""

from __future__ import annotations

import re

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


class Bodies:
    """Fed with the bytes of one direction in order; answers which bytes belong to a body.

    Frames have a Content-Length, as all answers of ours do (uvicorn's own 400 has none, and closes
    the connection). `number` counts the answers that have begun.
    """

    def __init__(self) -> None:
        self._head = bytearray()
        self._left = 0
        self.number = 0

    @property
    def whole(self) -> bool:
        """Whether all answers that have begun have come to their end."""
        return self.number > 0 and not self._left and not self._head

    def feed(self, data: bytes) -> list[tuple[int, int, int]]:
        """(answer, first, end) for each stretch of `data` that is an answer's body."""
        found, at = [], 0
        while at < len(data):
            if self._left:
                end = min(len(data), at + self._left)
                found.append((self.number, at, end))
                self._left -= end - at
                at = end
                continue
            self._head.append(data[at])
            at += 1
            if self._head.endswith(b"\r\n\r\n"):
                length = _LENGTH.search(self._head)
                self._left = 0 if length is None else int(length[1])
                self.number += 1
                self._head.clear()
        return found
