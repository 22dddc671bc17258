"""Running the service: the socket, the workers, the way out."""

from __future__ import annotations

import errno
import os
import socket
import tempfile
from contextlib import suppress
from typing import Any

import click
import uvicorn
from uvicorn.supervisors import Multiprocess

from api.app import check_open
from api.auth import Keys
from api.metrics import MULTIPROCESS
from api.settings import Settings
from curation.base.errors import TryAgain, UsageError

BACKLOG = 2048


def serve(host: str, port: int, *, workers: int = 1, access_log: bool = False) -> None:
    """Serve until a signal ends it; TryAgain where the port is taken.

    The first line on stdout is the address, written once connections are accepted.
    """
    os.environ["AWASE_HOST"] = host  # workers read their settings from the environment
    settings = Settings()
    check_open(host, Keys.parse(settings.keys.get_secret_value()))
    listener = bind(host, port)
    config = uvicorn.Config(
        "api.app:from_environment",
        factory=True,
        workers=workers,
        log_config=_log_config(access_log),
        access_log=access_log,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=settings.graceful_seconds,
        backlog=BACKLOG,
    )
    click.echo(address(listener))
    click.echo(f"serving {settings.store.resolve()}; Ctrl-C ends", err=True)
    if workers == 1:
        with suppress(KeyboardInterrupt):  # uvicorn raises the signal again once it has drained
            uvicorn.Server(config).run(sockets=[listener])
        return
    with tempfile.TemporaryDirectory(prefix="awase-metrics-") as folder:
        os.environ[MULTIPROCESS] = folder
        Multiprocess(config, sockets=[listener]).run()


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; TryAgain for a port in use, UsageError for a foreign address."""
    try:
        family, kind, _, _, target = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise UsageError(f"--host {host!r} is no address ({error.strerror})") from error
    listener = socket.socket(family, kind)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(target)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise TryAgain(
                f"port {port} of {host} is in use: stop what uses it, or take another with --port "
                "(0 finds a free one)"
            ) from error
        raise UsageError(f"cannot bind {host}:{port} ({error.strerror})") from error
    listener.set_inheritable(True)
    return listener


def address(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _log_config(access_log: bool) -> dict[str, Any]:
    """Everything to stderr, stdout is the result's. Paths are logged, headers never."""
    handler = {"class": "logging.StreamHandler", "stream": "ext://sys.stderr", "formatter": "line"}
    line = "%(asctime)s %(levelname)s %(name)s %(message)s"
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": line}},
        "handlers": {"stderr": handler},
        "loggers": {
            "uvicorn": {"handlers": ["stderr"], "level": "WARNING", "propagate": False},
            "uvicorn.access": {
                "handlers": ["stderr"],
                "level": "INFO" if access_log else "WARNING",
                "propagate": False,
            },
            "awase": {"handlers": ["stderr"], "level": "INFO", "propagate": False},
        },
    }
