"""Arguments of a stream that make no sense are refused by name before anything is read."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from awase_client import BadCursor, Cursor, TokenStream


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TokenStream("s", "p"), "a plan is named"),
        (lambda: TokenStream("s", "0" * 64, rank=2, world=2), "rank 2 of world 2"),
        (lambda: TokenStream("s", "0" * 64, batch=0), "batch 0"),
        (lambda: TokenStream("s", "0" * 64, batch=1.5), "batch 1.5 is not a whole"),  # type: ignore[arg-type]
        (lambda: TokenStream("s", "0" * 64, rank="0"), "rank '0' is not a whole"),  # type: ignore[arg-type]
        (lambda: TokenStream("s", "0" * 64, cursor=Cursor("0" * 64, 5.5)), "position 5.5 is not"),  # type: ignore[arg-type]
        (lambda: TokenStream("s", "0" * 64, sections="sources"), "'sources': give a list"),
        (lambda: TokenStream("http://a", "run:"), "a run is named run:<id>"),
        (lambda: TokenStream(5, "run:a"), "a source is one store path"),  # type: ignore[arg-type]
        (lambda: TokenStream("s", None), "a plan is named"),  # type: ignore[arg-type]
        (
            lambda: TokenStream("s", "0" * 64, world=10**12, batch=10**3),
            "x batch 1000 .* more than",
        ),
        (lambda: TokenStream("s", "0" * 64, cursor=Cursor("0" * 64, 10**21)), "position 10{21}: a"),
        (lambda: TokenStream("s", "0" * 64, cursor=Cursor("0" * 64, -1)), "position -1: a stream"),
        (lambda: TokenStream("s", "0" * 64, split="test"), "split 'test'"),  # type: ignore[arg-type]
        (lambda: TokenStream("s", "0" * 64, sections=["text"]), "text.* none of sources"),
        (lambda: next(TokenStream(["s", "http://a"], "0" * 64)), "a source is one store path"),
        (lambda: next(TokenStream("", "0" * 64)), "a source is one store path"),
        (lambda: next(TokenStream("http://a", "0" * 64, key="awase_x\n")), "key .* white space"),
        (lambda: next(TokenStream("http://a", "0" * 64, key="合わせ")), "key .* not ASCII"),
        (lambda: next(TokenStream("http://a", "0" * 64, key="")), "key is empty"),
        (lambda: TokenStream("http://a", "run:a", key="awase_x\n"), "key .* white space"),
        (lambda: TokenStream("/store", "run:a"), "run:a is followed through servers, by URL"),
        (lambda: TokenStream([], "run:a"), "run:a is followed through servers, by URL"),
        (lambda: next(TokenStream("ftp://a", "0" * 64)), "a source is one store path"),
        (lambda: next(TokenStream("http://", "0" * 64)), "server 'http://'"),
        (lambda: next(TokenStream("http://a:99999", "0" * 64)), "server 'http://a:99999'"),
    ],
)
def test_arguments_that_make_no_sense_are_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(BadCursor, match=message):
        make()
