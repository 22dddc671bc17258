"""`make bench-stream`: the token stream in process and served, against numpy and the peers.

    python -m benchmarks.stream [CASE ...]      all cases, or those that begin so

Data: three synthetic sources of 50, 30 and 20 M uint16 tokens, documents of lognormal length, blend
0.7 / 0.2 / 0.1, sequences of 2,048, shuffled, batches of 8. Open first: _stream_inprocess.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks import (
    _stream_cold,
    _stream_inprocess,
    _stream_peers,
    _stream_served,
    _stream_tokenize,
)
from benchmarks._table import Table, chosen

CASES: dict[str, Callable[[Table], None]] = {
    **_stream_inprocess.CASES,
    **_stream_cold.CASES,
    **_stream_served.CASES,
    **_stream_tokenize.CASES,
    **_stream_peers.CASES,
}


def main(names: list[str]) -> None:
    cases = chosen(names, CASES)
    table = Table("stream")
    for case in cases:
        CASES[case](table)
    table.finish()


if __name__ == "__main__":
    main(sys.argv[1:])
