"""A process that publishes: run by the tests, prints a line after each acknowledgement.

python -m tests.mixtures.catalog.publisher STORE NAME FIRST COUNT STEP
"""

from __future__ import annotations

import sys

from curation.base.store import Store
from mixtures.catalog import Catalog


def text_of(number: int) -> str:
    return f"version: 1\nname: m\nseed: {number}\n"


def main() -> None:
    root, name = sys.argv[1:3]
    first, count, step = map(int, sys.argv[3:])
    with Catalog.open(Store(root)) as catalog:
        print("open", flush=True)
        for number in range(first, first + count * step, step):
            version, _ = catalog.publish_mixture(name, text_of(number))
            catalog.set_alias("mixture", name, "newest", version.number)
            print(number, version.number, flush=True)


if __name__ == "__main__":
    main()
