"""The process that turns pages into their main text, one after another; `extractor` feeds it.

It is run by its path with nothing of ours imported, so that it starts in the time that resiliparse
takes. A frame is a length (8 bytes, little-endian) and that many bytes of UTF-8: one frame in is a
page, two frames out are its title and its text. A page that takes more than the given seconds of
processor time ends the process by SIGPROF, one that asks for too much memory by an error.
"""

from __future__ import annotations

import resource
import signal
import struct
import sys
from typing import BinaryIO

LENGTH = struct.Struct("<Q")


def receive(file: BinaryIO) -> bytes | None:
    """The next frame, None at the end of input."""
    head = file.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (size,) = LENGTH.unpack(head)
    data = file.read(size)
    return data if len(data) == size else None


def send(file: BinaryIO, text: str) -> None:
    data = text.encode(errors="surrogatepass")
    file.write(LENGTH.pack(len(data)))
    file.write(data)


def extract(page: str) -> tuple[str, str]:
    """(title, main text) of a page."""
    from resiliparse.extract.html2text import extract_plain_text
    from resiliparse.parse.html import HTMLTree

    tree = HTMLTree.parse(page)
    text = extract_plain_text(tree, main_content=True, alt_texts=False, links=False)
    return str(tree.title or "").strip(), str(text).strip()


def main(seconds: float, memory_bytes: int) -> None:
    """Answer pages until the input ends; an empty title first says that the process is ready."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    extract("")
    send(sink, "")
    sink.flush()
    while (page := receive(source)) is not None:
        signal.setitimer(signal.ITIMER_PROF, seconds)
        title, text = extract(page.decode())
        signal.setitimer(signal.ITIMER_PROF, 0)
        send(sink, title)
        send(sink, text)
        sink.flush()


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
