from __future__ import annotations

import pytest

from curation.readers.extract_child import extract
from curation.readers.html import decode_page
from curation.readers.text import decode

BODY = "吾輩は猫である。名前はまだ無い。１～３円－①㈱髙﨑" * 4


PROSE = "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。" * 3


def page(charset: str | None) -> str:
    meta = f'<meta charset="{charset}">' if charset else ""
    return (
        f"<html><head>{meta}<title>猫</title><script>var x = 1;</script></head><body>"
        f"<nav><a href=/>ホーム</a></nav><main><h1>猫</h1><p>{BODY}</p></main></body></html>"
    )


@pytest.mark.parametrize(
    ("declared", "actual"),
    [("utf-8", "utf-8"), (None, "utf-8"), ("Shift_JIS", "cp932"), (None, "cp932")],
)
def test_declared_or_not_japanese_pages_are_decoded(declared: str | None, actual: str) -> None:
    found = decode_page(page(declared).encode(actual))
    assert found is not None
    assert found[1] == actual
    wanted = BODY if actual == "utf-8" else BODY.replace("～", "〜").replace("－", "−")
    assert wanted in found[0]


def test_euc_and_iso_2022_are_found_without_a_declaration() -> None:
    assert decode(PROSE.encode("euc_jp")) == (PROSE, "euc_jp")
    assert decode(PROSE.encode("iso2022_jp")) == (PROSE, "iso2022_jp")


def beyond_jis(text: str, encoding: str) -> bytes:
    """`text` in EUC-JP or ISO-2022-JP, NEC's and IBM's characters in rows 13 and 89 to 92."""
    out = b""
    for character in text:
        try:
            data = character.encode("euc_jp")
            if len(data) != 2:
                raise UnicodeError  # JIS X 0212: browsers write the row of IBM's characters
        except UnicodeError:
            lead, trail = NEC[character]
            data = bytes((lead | 0x80, trail | 0x80))
        if encoding == "iso2022_jp":
            data = b"\x1b$B" + bytes(byte & 0x7F for byte in data) + b"\x1b(B"
        out += data
    return out


# Row and cell (JIS bytes) by the WHATWG's index jis0208: rows 13 and 89 to 92.
NEC = {"①": (0x2D, 0x21), "㈱": (0x2D, 0x6A), "№": (0x2D, 0x62), "髙": (0x7C, 0x62)}


@pytest.mark.parametrize("encoding", ["euc_jp", "iso2022_jp"])
@pytest.mark.parametrize("declared", [True, False])
def test_characters_that_pythons_codecs_refuse_are_read(encoding: str, declared: bool) -> None:
    text = "吾輩は①猫である。名前はまだ無い。㈱髙島屋№語"
    data = beyond_jis(text, encoding)
    assert decode(data) == (text, encoding)
    name = encoding.replace("_", "-").replace("iso2022", "iso-2022")
    head = f"<meta charset={name}>".encode() if declared else b""
    found = decode_page(head + data)
    assert found is not None
    assert found[0].endswith(text)
    assert found[1] == (name if declared else encoding)


@pytest.mark.parametrize(
    "name", ["utf-16", "UTF-16LE", "utf-32", "undefined", "unicode_escape", "utf-7", "idna", "x\0y"]
)
def test_charsets_that_cannot_be_true_are_passed_over(name: str) -> None:
    for end in ("", " "):  # an even and an odd number of bytes
        data = (page(name) + end).encode()
        assert decode_page(data) == (page(name) + end, "utf-8")
        if not name.lower().startswith("utf-16"):  # a server may say so truly
            assert decode_page(data, name) == (page(name) + end, "utf-8")


@pytest.mark.parametrize("mark", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_known_by_its_byte_order_mark(mark: str) -> None:
    data = "\ufeff吾輩は猫である。".encode(mark)
    assert decode(data) == decode_page(data) == ("吾輩は猫である。", mark)


def test_a_false_declaration_is_not_believed() -> None:
    found = decode_page(page("euc-jp").encode("cp932"))
    assert found is not None
    assert found[1] == "cp932"


@pytest.mark.parametrize("actual", ["utf-8", "cp932", "euc_jp", "iso2022_jp"])
@pytest.mark.parametrize("declared", ["iso-8859-1", "utf-8", "koi8-r", "windows-1251"])
def test_an_encoding_of_single_bytes_is_not_believed_of_japanese(
    actual: str, declared: str
) -> None:
    data = page(declared).replace(BODY, PROSE).encode(actual)
    for found in (decode_page(data), decode_page(data, declared)):
        assert found is not None
        assert found[1] == actual
        assert PROSE in found[0]


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Où êtes-vous né ? À l'été, déjà. «Ça» ÃÉÎ ÃÉ", "iso-8859-1"),
        ("Приехали гости, а хозяев дома нет. ЁЖИК В ТУМАНЕ", "koi8-r"),
        ("Приехали гости, а хозяев дома нет. ЁЖИК В ТУМАНЕ", "windows-1251"),
        ("Πού πας καραβάκι με τέτοιον καιρό", "iso-8859-7"),
        ("สวัสดีครับ ยินดีต้อนรับ", "tis-620"),
    ],
)
def test_text_in_single_bytes_is_read_as_declared(text: str, encoding: str) -> None:
    found = decode_page(f"<meta charset={encoding}><p>{text}".encode(encoding))
    assert found is not None
    assert found[0].endswith(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    assert decode(b"\xff\xfe\xfd\x00\x01\x80\x81\xa0\xff") is None


def test_the_main_text_is_kept_and_scripts_and_navigation_are_not() -> None:
    title, text = extract(page("utf-8"))
    assert BODY in text
    assert title == "猫"
    assert "var x" not in text
    assert "ホーム" not in text
