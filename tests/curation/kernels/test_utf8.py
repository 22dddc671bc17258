"""The kernels' view of white space, line breaks and characters is Python's."""

import numba as nb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.base.errors import Failed
from curation.kernels.buffers import from_utf8, utf8_view
from curation.kernels.utf8 import (
    break_len,
    decode,
    next_break,
    space_len,
    strip_left,
    strip_right,
    well_formed,
)


@nb.njit
def _kinds(b, e, spaces, breaks, codes):
    i = 0
    n = 0
    while i < e:
        code, width = decode(b, i)
        spaces[n] = space_len(b, i, i + width) > 0
        breaks[n] = break_len(b, i, i + width) > 0
        codes[n] = code
        n += 1
        i += width
    return n


@nb.njit
def _strip(b, e):
    a = strip_left(b, 0, e)
    return a, strip_right(b, a, e)


def test_space_and_break_agree_with_str_on_every_code_point():
    text = "".join(chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000)
    data = np.frombuffer(text.encode(), np.uint8)
    spaces, breaks = np.zeros(len(text), bool), np.zeros(len(text), bool)
    codes = np.zeros(len(text), np.int64)
    assert _kinds(data, len(data), spaces, breaks, codes) == len(text)
    assert codes.tolist() == [ord(c) for c in text]
    assert [c for c, found in zip(text, spaces, strict=True) if found] == [
        c for c in text if c.isspace()
    ]
    assert [c for c, found in zip(text, breaks, strict=True) if found] == [
        c for c in text if len(f"a{c}b".splitlines()) == 2
    ]


@given(st.text(alphabet=st.characters(codec="utf-8") | st.sampled_from(" \u3000\x85\u2028\x1f")))
def test_strip_agrees_with_str(text):
    data = text.encode()
    start, end = _strip(np.frombuffer(data + b"\0", np.uint8), len(data))
    assert data[start:end].decode() == text.strip()


@nb.njit
def _lines(b, i, e):
    found = []
    while i < e:
        z, width = next_break(b, i, e)
        found.append((i, z))
        i = z + width
    return found


BREAKS = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"
NEARLY = (
    "\x1f\t \x00\x7f\x84\xa0\u2027\u202a\u0082\u2082\u3042\u0142\U00020b9f"  # a byte or a bit away
)


@settings(max_examples=300)
@given(st.text(st.sampled_from(BREAKS + NEARLY + "abcdefgh" * 4)), st.integers(0, 9))
def test_lines_are_those_of_splitlines(text, skip):
    data = b"\n" * skip + text.encode()
    found = _lines(np.frombuffer(data + b"\n", np.uint8), skip, len(data))
    assert [data[a:z].decode() for a, z in found] == text.splitlines()


def test_lines_of_every_code_point_are_those_of_splitlines():
    text = "".join(f"{chr(c)}abcde"[: c % 7 + 1] for c in range(0x110000) if c >> 11 != 27)
    data = text.encode()
    found = _lines(np.frombuffer(data, np.uint8), 0, len(data))
    assert [data[a:z].decode() for a, z in found] == text.splitlines()


@given(st.lists(st.text(st.characters(codec="utf-8"))), st.integers(0, 3))
def test_a_view_and_back_gives_the_texts(texts, skip):
    array = pa.array(texts, pa.large_string())[skip:]
    data, offsets = utf8_view(array)
    assert not data.flags.writeable
    assert from_utf8(data, offsets).to_pylist() == texts[skip:]


def test_a_null_is_an_empty_text_and_small_strings_are_widened():
    _, offsets = utf8_view(pa.array(["ab", None, "c"], pa.string()))
    assert np.diff(offsets).tolist() == [2, 0, 1]


def test_bytes_that_are_not_utf8_are_refused():
    bad = pa.LargeStringArray.from_buffers(
        1, pa.py_buffer(np.array([0, 3], np.int64)), pa.py_buffer(b"\xed\xa0\x80")
    )
    with pytest.raises(Failed, match="is not UTF-8"):
        utf8_view(bad)


GOOD = ("a" * 8, "日本", "\U00020bb7", "é", "\ud7ff", "\uffff")
BAD = "eda080 e09fbf c0af f4908080 f08fbfbf e381 c3 80 ff"
PIECES = st.sampled_from([*map(str.encode, GOOD), *map(bytes.fromhex, BAD.split())])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(PIECES | st.binary(max_size=5), max_size=6).map(b"".join), max_size=4))
def test_bytes_are_well_formed_where_python_decodes_them(texts: list[bytes]) -> None:
    offsets = np.cumsum([0, *map(len, texts)])
    try:
        expected = len([text.decode() for text in texts]) == len(texts)
    except UnicodeDecodeError:
        expected = False
    data = np.frombuffer(b"".join(texts), np.uint8)
    assert well_formed(data, offsets) == expected


def test_offsets_beyond_the_bytes_are_not_well_formed() -> None:
    data = np.frombuffer(b"abc", np.uint8)
    for offsets in ([0, 4], [-1, 3], [0, 2, 1]):
        assert not well_formed(data, np.array(offsets))
