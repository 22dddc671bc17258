"""`awase key`: keys of the HTTP service."""

from __future__ import annotations

import click

from pipelines.cli.common import Group, json_option, print_json, say


@click.group("key", cls=Group)
def command() -> None:
    """Create API keys."""


@command.command("create")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(["read", "stream", "write", "admin"]),
    default=("read", "stream"),
    show_default=True,
    help="What the key may do; may be given several times.",
)
@json_option
def create(scopes: tuple[str, ...], as_json: bool) -> None:
    """Make a key and print it once, with the line that AWASE_KEYS needs for it.

    Nothing is stored: the server knows the hash alone.
    """
    from api.auth import create_key, hash_key

    key = create_key()
    pairs = ",".join(f"{scope}:{hash_key(key)}" for scope in dict.fromkeys(scopes))
    if as_json:
        print_json({"key": key, "keys": pairs, "scopes": list(scopes)})
        return
    click.echo(f"key         {key}")
    click.echo(f"AWASE_KEYS  {pairs}")
    say("give the key to its user; add the pairs to the server's AWASE_KEYS")
