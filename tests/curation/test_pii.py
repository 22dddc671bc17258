import time

import pyarrow as pa
import pytest
from hojichar import document_filters
from hypothesis import given
from hypothesis import strategies as st

from curation.pii import PersonalData, check_digit, mask, shadow


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("03-1234-5678", "03-XXXX-XXXX"),
        ("０３－１２３４－５６７８", "０３－XXXX－XXXX"),
        ("06ー1234ー5678", "06ーXXXXーXXXX"),
        ("03(1234)5678", "03(XXXX)XXXX"),
        ("（03）1234-5678", "（03）XXXX-XXXX"),
        ("075-123-4567", "075-XXX-XXXX"),
        ("0166-12-3456", "0166-XX-XXXX"),
        ("09808-1-2345", "09808-X-XXXX"),
        ("050-1234-5678", "050-XXXX-XXXX"),
        ("090 1234 5678", "090 XXXX XXXX"),
        ("+81-3-1234-5678", "+81-3-XXXX-XXXX"),
        ("+81-80-1234-5678", "+81-80-XXXX-XXXX"),
        ("08012345678", "080XXXXXXXX"),
        ("サーバー0312345678", "サーバー031XXXXXXX"),
        ("03（1234）5678", "03（XXXX）XXXX"),
        ("03 (1234) 5678", "03 (XXXX) XXXX"),
        ("03 1234 5678", "03 XXXX XXXX"),
        ("03.1234.5678", "03.XXXX.XXXX"),
        ("03・1234・5678", "03・XXXX・XXXX"),
        ("03―1234―5678", "03―XXXX―XXXX"),
        ("03‐1234‐5678", "03‐XXXX‐XXXX"),
        ("03–1234–5678", "03–XXXX–XXXX"),
        ("03—1234—5678", "03—XXXX—XXXX"),
        ("03−1234−5678", "03−XXXX−XXXX"),
        ("090(1234)5678", "090(XXXX)XXXX"),
        ("(090)1234-5678", "(090)XXXX-XXXX"),
        ("０９０（１２３４）５６７８", "０９０（XXXX）XXXX"),
        ("０８０ー１２３４ー５６７８", "０８０ーXXXXーXXXX"),
        ("070-1234-5678", "070-XXXX-XXXX"),
        ("060-1234-5678", "060-XXXX-XXXX"),
        ("（045）123-4567", "（045）XXX-XXXX"),
        ("045(123)4567", "045(XXX)XXXX"),
        ("04992-2-1234", "04992-X-XXXX"),
        ("0463(12)3456", "0463(XX)XXXX"),
        ("+81 90 1234 5678", "+81 90 XXXX XXXX"),
        ("+81-(0)3-1234-5678", "+81-(0)3-XXXX-XXXX"),
        ("＋８１－３－１２３４－５６７８", "＋８１－３－XXXX－XXXX"),
        ("+819012345678", "+8190XXXXXXXX"),
        ("03-1234-5678(代表)", "03-XXXX-XXXX(代表)"),
        ("03-1234-5678〜9", "03-XXXX-XXXX〜9"),
        ("TEL03-1234-5678", "TEL03-XXXX-XXXX"),
        ("Ｔｅｌ０３－１２３４－５６７８", "Ｔｅｌ０３－XXXX－XXXX"),
        ("/fax0312345678", "/fax031XXXXXXX"),
        ("090 - 1234 - 5678", "090 - XXXX - XXXX"),
        ("０３　－　１２３４－５６７８", "０３　－　XXXX－XXXX"),
        ("(+81)3-1234-5678", "(+81)3-XXXX-XXXX"),
        ("+81(3)1234-5678", "+81(3)XXXX-XXXX"),
        ("+81.90.1234.5678", "+81.90.XXXX.XXXX"),
        ("(+81) 9012345678", "(+81) 90XXXXXXXX"),
        ("+81 (0)3-1234-5678", "+81 (0)3-XXXX-XXXX"),
        ("+81 (0) 3 1234 5678", "+81 (0) 3 XXXX XXXX"),
        ("＋８１（０）９０－１２３４－５６７８", "＋８１（０）９０－XXXX－XXXX"),
        ("+81ー（0）3ー1234ー5678", "+81ー（0）3ーXXXXーXXXX"),
        ("+81 (03) 1234-5678", "+81 (03) XXXX-XXXX"),
        ("+81-090-1234-5678", "+81-090-XXXX-XXXX"),
        ("+81 - 3 - 1234 - 5678", "+81 - 3 - XXXX - XXXX"),
        ("+ 81 3 1234 5678", "+ 81 3 XXXX XXXX"),
        ("(+81-3)1234-5678", "(+81-3)XXXX-XXXX"),
        ("(+81)(0)3-1234-5678", "(+81)(0)3-XXXX-XXXX"),
        ("+81 3 12345678", "+81 3 XXXXXXXX"),
        ("+81-90-12345678", "+81-90-XXXXXXXX"),
        ("0081-3-1234-5678", "0081-3-XXXX-XXXX"),
        ("0081 90 1234 5678", "0081 90 XXXX XXXX"),
        ("0081(0)3-1234-5678", "0081(0)3-XXXX-XXXX"),
        ("００８１－９０－１２３４－５６７８", "００８１－９０－XXXX－XXXX"),
        ("010-81-3-1234-5678", "010-81-3-XXXX-XXXX"),
        ("090-12345678", "090-XXXXXXXX"),
        ("(080)12345678", "(080)XXXXXXXX"),
        ("03（1234）ー5678", "03（XXXX）ーXXXX"),
        ("03─1234─5678", "03─XXXX─XXXX"),
        ("Tel.03-1234-5678", "Tel.03-XXXX-XXXX"),
        ("TEL-03-1234-5678", "TEL-03-XXXX-XXXX"),
        ("T.03-1234-5678", "T.03-XXXX-XXXX"),
        ("TEL/0312345678", "TEL/031XXXXXXX"),
        ("?tel=0312345678", "?tel=031XXXXXXX"),
        ("03-1234-5678FAX", "03-XXXX-XXXXFAX"),
        ("03-1234-5678ext.12", "03-XXXX-XXXXext.12"),
    ],
)
def test_phone_numbers_in_all_their_forms(text, masked):
    found, mails, calls, numbers = mask(f"電話は{text}まで")
    assert found == f"電話は{masked}まで"
    assert (mails, calls, numbers) == (0, 1, 0)


@pytest.mark.parametrize(
    "text",
    [
        "注文番号 2024-0312-345678",
        "07-07-2026",
        "2024-01-31",
        "0120-123-456",
        "0570-000-111",
        "0800-123-4567",
        "図03-12",
        "ISBN 978-4-00-310101-8",
        "1203-1234-5678",
        "03-1234-5678-9",
        "3.14159265358",
        "00001234567",
        "100-0001",
        "1234-5678-9012-3456",
        "12:30-13:45",
        "192.168.0.1",
        "10.0.0.1-10.0.0.9",
        "01.234.5678",
        "0.1234567890",
        "¥1,234,567",
        "2024/01/02 03:04:05",
        "03-12345-678",
        "A03-1234-5678",
        "1.03-1234-5678",
        "0901234567",
        "090123456789",
        "99090-1234-5678",
        "090-1234-56789",
        "08-1234-567",
        "00-0000-0000",
        "0123456789",
        "０１２３４５６７８９",
        "hotel03-1234-5678",
        "icon@2x.png",
        "+1(3)1234-5678",
        "03 - 1234 + 5678",
        "ISBN 0306406152",
        "ISBN-10：０３０６４０６１５２",
        "https://example.com/dp/0306406152/",
        "?id=0312345678",
        "JAN 0081312345678",  # UPC codes begin with a 0 there
        "振替口座 02730-5-1234",
        "00120-1-123456",
        "銀行コード 0001 支店 001 口座 1234567",
        "0005-003-1234567",
        "010-8123-4567",  # a mobile number of Korea
        "01081234567",
        "+82-10-1234-5678",
        "1,081-3-1234-5678",
        "5+81-3-4=80",
        "v1.03.1234.5678",
        "ver.03.12.3456",
        "03-12345678",
        "090 12345678",
        "2024-080-12345678",
        "Tel.2024-03-1234",
        "P.03-1234",
        "¥03,123,456",
        "〒060-0001",
    ],
)
def test_other_numbers_stay(text):
    assert mask(text) == (text, 0, 0, 0)


def test_what_hojichar_misses_and_hits_wrongly():
    peer = document_filters.MaskPersonalInformation()
    for text in (
        "０３－１２３４－５６７８",
        "06ー1234ー5678",
        "03(1234)5678",
        "taro＠example.co.jp",
    ):
        assert peer(text) == text
        assert mask(text)[0] != text
    assert peer("2024-0312-345678") != "2024-0312-345678"


@pytest.mark.parametrize(
    "address",
    [
        "taro@example.co.jp",
        "taro＠example.co.jp",
        "ｔａｒｏ＠ｅｘａｍｐｌｅ．ｊｐ",
        "taro.yamada+news@mail.example.org",
        "taro(at)example.com",
        "taro★example.com",
        "taro（at）example.com",
        "taro (at) example.com",
        "taro[at]example.com",
        "TARO@EXAMPLE.CO.JP",
        "a_b-c+d@sub.example.museum",
        "taro＠ｅxample．jp",
        '"taro yamada"@example.com',
        '"a@b (c)"@example.com',
        r'"a\"b\\"@example.com',
        "＂ａ　ｂ＂＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "taro(at)example(dot)com",
        "taro [at] example [dot] co [dot] jp",
    ],
)
def test_mail_addresses_in_all_their_forms(address):
    text, mails, calls, numbers = mask(f"連絡先：{address}。")
    assert text == "連絡先：email@example.com。"
    assert (mails, calls, numbers) == (1, 0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "@taro",
        "a@b",
        "a@b.c",
        "foo@bar_baz",
        "C++@home",
        "price @ 3.50",
        "5@10.5",
        "評価★★★",
        "星★a",
        "x @ y.z",
        "@",
        '""@example.com',
        'a"b"@example.com',
        '"' + "a" * 63 + '"@example.com',
        '<p class="x"@click.once="y">',
        '"""doc"""@app.route',
        '"Hello"@en.',
        "(at) example (dot) com",
    ],
)
def test_other_signs_stay(text):
    assert mask(text) == (text, 0, 0, 0)


def my_number(eleven):
    return eleven + str(check_digit(eleven))


def test_my_number_needs_its_check_digit_and_a_word_near_by():
    good = my_number("12345678901")
    grouped = f"{good[:4]}-{good[4:8]}-{good[8:]}"
    wide = good.translate({ord(str(d)): chr(0xFF10 + d) for d in range(10)})
    dotted = grouped.replace("-", "・")
    for number in (good, grouped, wide, dotted):
        text, *counts = mask(f"マイナンバー：{number}です")
        assert (
            text == "マイナンバー：" + "".join("X" if c.isdecimal() else c for c in number) + "です"
        )
        assert counts == [0, 0, 1]
    for word in ("個人番号", "ﾏｲﾅﾝﾊﾞｰ", "MY NUMBER", "My number", "Individual Number"):
        assert mask(f"{word} {good}")[3] == 1
    bad = good[:11] + str((int(good[11]) + 1) % 10)
    assert mask(f"マイナンバー：{bad}")[3] == 0
    assert mask(f"注文番号：{good}")[3] == 0
    assert mask("個人番号" + "あ" * 60 + good)[3] == 0


def test_one_in_ten_random_numbers_has_a_right_check_digit():
    right = sum(check_digit(f"{k:011d}") == k % 10 for k in range(0, 10**11, 10**11 // 5000))
    assert 0.05 < right / 5000 < 0.2


def test_masking_twice_changes_nothing_more():
    text = "taro@example.jp 03-1234-5678 個人番号 " + my_number("98765432109")
    once = mask(text)[0]
    assert mask(once) == (once, 0, 0, 0)


def test_the_step_counts_and_leaves_clean_batches_alone():
    step = PersonalData()
    scored = step.score(pa.array(["a@b.jp x 090-1234-5678", "何もない"], pa.large_string()), {})
    assert scored.text.to_pylist() == ["email@example.com x 090-XXXX-XXXX", "何もない"]
    assert scored.scores["phones"].to_pylist() == [1, 0]
    assert step.score(pa.array(["何もない"], pa.large_string()), {}).text is None


LATIN_PIECES = [
    *("03-1234-5678", "+81 ", "0081", "090", "1234", "-", " ", "\n", "a@b.jp", "(AT)", "\r"),
    *('"', "'", "(0)", "TEL", "(dot)"),
]
WIDE_PIECES = [
    "０３（１２３４）５６７８",
    "ー",
    "（ａｔ）",
    "★",
    "マイナンバー",
    "123456789018",
    "＠",
]
SIGNS = [
    "─",
    "0",
    "８",
    "＋",
    "+",
    ".",
    "(",
    "－",
    "@",
    "_",
    "個人番号",
]  # where a number can begin
PIECES = st.sampled_from([*LATIN_PIECES, *WIDE_PIECES, *SIGNS, "example.com", "漢"])


@given(st.lists(st.lists(PIECES, max_size=12).map("".join), max_size=4))
def test_lines_and_whole_texts_are_masked_alike(texts):
    scored = PersonalData().score(pa.array(texts, pa.large_string()), {})
    expected = [mask(text) for text in texts]
    assert (scored.text.to_pylist() if scored.text else texts) == [row[0] for row in expected]
    for k, name in enumerate(("emails", "phones", "my_numbers")):
        assert scored.scores[name].to_pylist() == [row[1 + k] for row in expected]


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("０1@＠-ー(）. +8★マイナンバー")))
def test_any_text_keeps_what_is_not_masked(text):
    assert len(shadow(text)) == len(text)
    masked, mails, calls, numbers = mask(text)
    if not mails + calls + numbers:
        assert masked == text
    assert mask(masked)[0] == masked


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "0",
            "03-",
            "a@",
            "a",
            "a.",
            "@a-",
            "(0",
            "+81",
            "１",
            "1234-",
            "マイナンバー1234 ",
            "ー1",
        ),
        *(
            '"',
            '"a',
            '"@a.jp',
            '\\"@',
            "+ 81 (0",
            "0081-",
            "010-81",
            "(0)",
            "a(dot)",
            "TEL.0",
            "0 ( ",
        ),
    ],
)
def test_long_texts_take_linear_time(unit):
    times = []
    for size in (50_000, 400_000):
        text = unit * (size // len(unit))
        started = time.process_time()
        mask(text)
        times.append(time.process_time() - started)
    assert times[1] < 30 * times[0] + 0.3
