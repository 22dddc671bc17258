"""stdout and stderr as a command finds them: open or not, of any encoding, with a reader or not."""

from __future__ import annotations

import codecs
import io
import os
import select
import sys


def prepare() -> None:
    """Let both streams take any text, whatever the locale says of them.

    A closed one (`>&-`) leads nowhere, and no file of ours is opened under its number. ASCII, which
    is LC_ALL=C, becomes UTF-8; of another encoding what it lacks is escaped.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115
        elif isinstance(stream, io.TextIOWrapper):
            ascii_only = codecs.lookup(stream.encoding).name == "ascii"
            encoding = "utf-8" if ascii_only else None
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


def takes_unicode() -> bool:
    """Whether stdout's encoding has every character, so that JSON needs no escapes."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return codecs.lookup(encoding).name.startswith("utf")


def reader_left() -> bool:
    """Whether who read our stdout has left, as in `awase ... | head -1`."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
    except (OSError, ValueError):  # no descriptor behind it
        return False


def settle() -> None:
    """After an error: let what is still buffered fail here or nowhere, not at the end of Python."""
    try:
        sys.stdout.flush()
    except OSError:
        drop_stdout()


def drop_stdout() -> None:
    """Write nowhere from here on, what is still buffered included."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
