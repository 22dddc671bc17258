from __future__ import annotations

import pytest

from curation.readers.extract_child import extract
from curation.readers.html import decode_page
from curation.readers.text import decode

BODY = "吾輩は猫である。名前はまだ無い。１～３円－①㈱髙﨑" * 4


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
    text = "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。"
    assert decode(text.encode("euc_jp")) == (text, "euc_jp")
    assert decode(text.encode("iso2022_jp")) == (text, "iso2022_jp")


def test_a_false_declaration_is_not_believed() -> None:
    found = decode_page(page("euc-jp").encode("cp932"))
    assert found is not None
    assert found[1] == "cp932"


def test_bytes_that_are_no_text_are_refused() -> None:
    assert decode(b"\xff\xfe\xfd\x00\x01\x80\x81\xa0\xff") is None


def test_the_main_text_is_kept_and_scripts_and_navigation_are_not() -> None:
    title, text = extract(page("utf-8"))
    assert BODY in text
    assert title == "猫"
    assert "var x" not in text
    assert "ホーム" not in text
