"""A trainer that saves its state and is SIGKILLed at the n-th batch it receives, and starts again.

    python -m tests.faults.stream_client PLAN OUT KILLS SEED URL...

OUT gets the bytes of every batch in order. The checkpoint, one rename, holds cursor and how many
bytes of OUT belong to it; a life begins by cutting OUT there. Prints how often it was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from random import Random

from awase_client import Cursor, Options, TokenStream

BATCH = 3
# One step a request, so that there are many frames to be killed at. The timeout is longer than a
# server takes to start on a busy machine: else its next life answers only those who have left,
# and is killed for it, again and again.
OPTIONS = Options(in_flight=2, request_bytes=1, timeout_seconds=10.0, patience_seconds=180.0)


def life(plan: str, out: Path, urls: list[str], random: Random, *, kill: bool) -> None:
    checkpoint = out.with_suffix(".json")
    saved = json.loads(checkpoint.read_text()) if checkpoint.exists() else None
    left, moment = random.randint(1, 12), random.choice(("received", "written", "saved"))
    with out.open("r+b" if out.exists() else "w+b") as file:
        file.truncate(saved["bytes"] if saved else 0)
        file.seek(0, os.SEEK_END)
        stream = TokenStream(urls, plan, batch=BATCH, options=OPTIONS)
        if saved:
            stream.load_state_dict(saved["cursor"])
        for batch in stream:
            left -= 1
            if kill and left == 0 and moment == "received":
                os.kill(os.getpid(), signal.SIGKILL)
            file.write(batch.input_ids.data)
            file.flush()
            if kill and left == 0 and moment == "written":
                os.kill(os.getpid(), signal.SIGKILL)
            save(checkpoint, batch.cursor, file.tell())
            if kill and left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def save(path: Path, cursor: Cursor, size: int) -> None:
    attempt = path.with_suffix(".tmp")
    attempt.write_text(json.dumps({"cursor": cursor.to_document(), "bytes": size}))
    attempt.rename(path)


def main() -> None:
    plan, out, kills, seed, *urls = sys.argv[1:]
    random = Random(seed)
    done = 0
    while True:
        number = random.random()
        child = os.fork()
        if child == 0:
            life(plan, Path(out), urls, Random(number), kill=done < int(kills))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            break
        done += 1
    print(done)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
