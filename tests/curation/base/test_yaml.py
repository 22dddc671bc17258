from fractions import Fraction

import pytest

from curation.base.errors import InvalidDocument
from curation.base.fields import Fields, nearest
from curation.base.yaml import MAX_BYTES, MAX_DEPTH, MAX_NODES, List, Mapping, Scalar, load


def problems(text: str | bytes) -> list[str]:
    return [str(problem) for problem in load(text, file="m.yaml").problems.found]


def scalar(text: str) -> Scalar:
    document = load(f"a: {text}")
    assert isinstance(document.root, Mapping)
    document.problems.finish()
    value = document.root.entries["a"].value
    assert isinstance(value, Scalar)
    return value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("4e-1", Fraction(2, 5)),
        ("0.7", Fraction(7, 10)),
        ("1e-9", Fraction(1, 10**9)),
        (".5", Fraction(1, 2)),
        ("5.", Fraction(5)),
        ("-3", -3),
        ("0x10", 16),
        ("0o17", 15),
        ("017", 17),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("12:30", "12:30"),
        ("1_000", "1_000"),
        ("2026-11-24", "2026-11-24"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ("'3'", "3"),
        ("'it''s'", "it's"),
        ('"\\u3042"', "あ"),
    ],
)
def test_scalars_are_read_as_yaml_1_2_and_exactly(text: str, value: object) -> None:
    assert scalar(text).plain() == value
    assert type(scalar(text).plain()) is type(value)


@pytest.mark.parametrize("text", [".nan", ".inf", "-.inf", "1e31", "1e-31", "1" * 61])
def test_numbers_without_bounds_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"number|exponent"):
        scalar(text).fraction()


def test_nodes_know_line_and_column() -> None:
    root = load("a: 1\nb:\n  - x\n  - {c: 'y'}\n").root
    assert isinstance(root, Mapping)
    entry = root.entries["b"]
    assert (entry.line, entry.column) == (2, 1)
    assert isinstance(entry.value, List)
    inner = entry.value.items[1]
    assert isinstance(inner, Mapping)
    value = inner.entries["c"].value
    assert (value.line, value.column) == (4, 9)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ["m.yaml:1:1: the document is empty"]),
        ("# only this\n", ["m.yaml:1:1: the document is empty"]),
        ("a: [1,2", ["m.yaml:1:4: a: not YAML: what starts here has no end"]),
        ("a: b: c", ["m.yaml:1:5: not YAML: mapping values are not allowed here"]),
        (
            "a: &x 1\nb: *x",
            [
                "m.yaml:1:4: a: anchors (&x) are not used; write the value out where needed",
                "m.yaml:2:4: b: aliases (*x) are not used; write the value out",
            ],
        ),
        ("a: !int 3", ["m.yaml:1:4: a: tags (!int) are not used; leave the tag out"]),
        ("<<: {a: 1}", ["m.yaml:1:1: <<: merge keys (<<) are not used"]),
        ("? [a]\n: b", ["m.yaml:1:3: a key is one word, not a list"]),
        ("a: 1\n---\nb: 1", ["m.yaml:2:1: a file holds one document; a second one starts here"]),
        ("%FOO a\n---\na", ["m.yaml:1:1: directives (%) are not used; leave the line out"]),
        (
            "b: {a: 1, a: 2}\nb: 3",
            [
                "m.yaml:1:11: b.a: duplicate key; the first is at line 1, column 5",
                "m.yaml:2:1: b: duplicate key; the first is at line 1, column 1",
            ],
        ),
        ("a\x00", ["m.yaml:1:2: the character U+0000 may not stand in YAML"]),
        (b"a: 1\nb: \xff", ["m.yaml:2:4: byte 0xff is not UTF-8"]),
        ('a: "\\ud800"', ["m.yaml:1:4: a: an escape here stands for no character"]),
        ('"\\UFFFFFFFF"', ["m.yaml:1:1: not YAML: an escape after here is no character"]),
    ],
)
def test_faults_have_a_place_and_a_reason(text: str | bytes, expected: list[str]) -> None:
    assert problems(text) == expected


def test_bounds_are_kept_without_recursion() -> None:
    deep = [f"m.yaml:1:{MAX_DEPTH + 1}: nesting goes at most {MAX_DEPTH} deep"]
    assert problems("[" * 200_000) == deep
    assert problems("[" * MAX_DEPTH + "]" * MAX_DEPTH) == []
    steps = "".join("  " * level + "a:\n" for level in range(40))
    assert "nesting goes at most" in problems(steps)[0]
    large = f"m.yaml:1:1: a document has at most {MAX_BYTES} bytes; this one has more"
    assert problems("a" * (MAX_BYTES + 1)) == [large]
    assert problems("あ" * (MAX_BYTES // 3 + 1)) == [large]
    assert problems("[" + "1," * MAX_NODES + "]")[0].endswith(f"at most {MAX_NODES} nodes")


def test_a_byte_order_mark_and_windows_line_ends_are_fine() -> None:
    document = load(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")
    assert isinstance(document.root, Mapping)
    assert list(document.root.entries) == ["a", "b"]
    assert document.root.entries["b"].line == 2


@pytest.mark.parametrize(
    ("text", "index", "column"),
    [("a: xyz", 1, 5), ("a: 'xyz'", 1, 6), ("a: 'x''yz'", 3, 9), ('a: "x\\tyz"', 2, 4)],
)
def test_places_inside_a_string(text: str, index: int, column: int) -> None:
    assert scalar(text[3:]).offset(index) == (1, column)


def test_fields_report_all_faults_and_the_nearest_key() -> None:
    text = "name: 3\nsead: 1\nseed: 1.5\npacking: concta\nflag: no\nx: {}\n"
    document = load(text, file="m.yaml")
    known = ("name", "seed", "packing", "flag", "x", "y")
    fields = Fields(document.root, document.problems, known=known, required=("y",))
    assert fields.text("name") is None
    assert fields.integer("seed", 7, minimum=0, maximum=9) == 7
    assert fields.choice("packing", ("concat", "best_fit"), "concat") == "concat"
    assert fields.flag("flag", True) is True
    assert fields.number("x") is None
    with pytest.raises(InvalidDocument) as caught:
        document.problems.finish()
    assert str(caught.value).split("\n") == [
        "m.yaml:1:1: the key 'y' is missing",
        "m.yaml:1:7: name: expected a string, found the number 3",
        "m.yaml:2:1: sead: unknown key; did you mean 'seed'?",
        "m.yaml:3:7: seed: expected a whole number from 0 to 9, found 1.5",
        "m.yaml:4:10: packing: expected one of concat, best_fit, found the string 'concta'; "
        "did you mean 'concat'?",
        "m.yaml:5:7: flag: expected true or false, found the string 'no'",
        "m.yaml:6:4: x: expected a number, found a mapping",
    ]


def test_many_problems_end_in_a_count() -> None:
    document = load("\n".join(f"k{i}: 1" for i in range(1000)))
    Fields(document.root, document.problems, known=("version",))
    with pytest.raises(InvalidDocument, match="800 more problems are not shown"):
        document.problems.finish()


def test_nearest_lists_what_there_is_when_nothing_is_near() -> None:
    assert nearest("zzz", ["a", "b"]) == "; there are: a, b"
    assert nearest("sequenceLength", ["sequence_length"]) == "; did you mean 'sequence_length'?"
    assert nearest("a", []) == ""
