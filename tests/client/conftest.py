from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.streams import Stream, make_stream, serving


@pytest.fixture(scope="session")
def stream(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return make_stream(tmp_path_factory.mktemp("stream"))


@pytest.fixture(scope="session")
def masked(tmp_path_factory: pytest.TempPathFactory) -> Stream:
    return make_stream(tmp_path_factory.mktemp("masked"), masks=True)


@pytest.fixture(scope="session")
def url(stream: Stream) -> Iterator[str]:
    with serving(stream.store) as url:
        yield url


@pytest.fixture(scope="session")
def other_url(stream: Stream) -> Iterator[str]:
    """A second replica."""
    with serving(stream.store) as url:
        yield url
