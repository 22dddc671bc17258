"""`awase serve`: the HTTP service over a store."""

from __future__ import annotations

import click


@click.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to bind.")
@click.option(
    "--port", default=8321, show_default=True, type=click.IntRange(0, 65535), help="0: a free one."
)
@click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1, 64), help="Processes."
)
@click.option("--access-log", is_flag=True, help="Log every request to stderr.")
@click.option("--until-stdin-ends", is_flag=True, help="End with the process that started this.")
def command(host: str, port: int, workers: int, access_log: bool, until_stdin_ends: bool) -> None:
    """Serve the store over HTTP until SIGTERM or Ctrl-C; prints the address once it listens.

    Keys come from AWASE_KEYS (see `awase key create`); without keys only a loopback address is
    bound.
    """
    from pipelines.server import serve
    from pipelines.watch import end_with_stdin

    if until_stdin_ends:
        end_with_stdin()
    serve(host, port, workers=workers, access_log=access_log)
