"""A TCP proxy that cuts connections, delays bytes and flips bits, from a seed."""

from __future__ import annotations

import socket
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from threading import Event, Lock, Thread

from tests.faults.bodies import Bodies


@dataclass
class Faults:
    """What was done so far."""

    cuts: int = 0
    delays: int = 0
    flips: int = 0
    frames: int = 0  # answers that were passed on, and of them those with a flipped bit
    flipped: int = 0


class Proxy:
    """Listens on a free port and passes to `upstream`; faults come a chunk at a time.

    cut, delay, flip   the chance of each for every chunk of at most 4 KiB, in either direction
    bodies             flip bits of answers' bodies only, in each answer one at most, and count them
    """

    def __init__(
        self,
        upstream: tuple[str, int],
        *,
        seed: int,
        cut: float = 0,
        delay: float = 0,
        flip: float = 0,
        bodies: bool = False,
    ) -> None:
        self._upstream = upstream
        self._seed = seed
        self._chances = cut, delay, flip
        self._bodies = bodies
        self.done = Faults()
        self._lock = Lock()
        self.counting = Lock()
        self._closing = Event()
        self._sockets: set[socket.socket] = set()
        self._threads: list[Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def close(self) -> None:
        self._closing.set()
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            open_now = list(self._sockets)
        for each in open_now:
            self._drop(each)
        for thread in self._threads:
            thread.join()

    def _start(self, function: object, *arguments: object) -> None:
        thread = Thread(target=function, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        number = 0
        while not self._closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._upstream)
            except OSError:
                client.close()
                continue
            with self._lock:
                self._sockets |= {client, server}
            for way, (source, target) in enumerate(((client, server), (server, client))):
                random = Random(f"{self._seed} {number} {way}")
                flips = _InBodies(self, random) if self._bodies and way else None
                self._start(self._pump, source, target, random, flips)
            number += 1

    def _pump(
        self,
        source: socket.socket,
        target: socket.socket,
        random: Random,
        in_bodies: _InBodies | None,
    ) -> None:
        cut, delay, flip = self._chances
        with suppress(OSError):
            while data := source.recv(4096):
                chunk = bytearray(data)
                if in_bodies is not None:
                    in_bodies.flip(chunk, flip)
                elif not self._bodies and random.random() < flip:
                    bit = random.randrange(8 * len(chunk))
                    chunk[bit // 8] ^= 1 << bit % 8
                    self.done.flips += 1
                if random.random() < delay:
                    self.done.delays += 1
                    self._closing.wait(random.uniform(0, 0.02))
                if random.random() < cut:
                    self.done.cuts += 1
                    target.sendall(chunk[: random.randrange(len(chunk))])
                    break
                target.sendall(chunk)
        self._drop(source)
        self._drop(target)

    def _drop(self, each: socket.socket) -> None:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
        with self._lock:
            self._sockets.discard(each)


class _InBodies:
    """Flips one bit of an answer's body, or none; one direction of one connection."""

    def __init__(self, proxy: Proxy, random: Random) -> None:
        self._proxy, self._random = proxy, random
        self._where = Bodies()
        self._done = 0

    def flip(self, chunk: bytearray, chance: float) -> None:
        begun = self._where.number
        for answer, first, end in self._where.feed(bytes(chunk)):
            if answer == self._done or self._random.random() >= chance:
                continue
            bit = self._random.randrange(8 * first, 8 * end)
            chunk[bit // 8] ^= 1 << bit % 8
            self._done = answer
            with self._proxy.counting:
                self._proxy.done.flips += 1
                self._proxy.done.flipped += 1
        with self._proxy.counting:
            self._proxy.done.frames += self._where.number - begun
