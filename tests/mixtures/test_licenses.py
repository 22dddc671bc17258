from fractions import Fraction

import numpy as np
import pyarrow as pa
import pytest

from mixtures.license_table import TERMS
from mixtures.license_tally import Amount, Tally
from mixtures.licenses import Holding, Verdict, judge
from mixtures.spec import Licenses

OPEN = Licenses(allow=("CC-BY-4.0", "CC-BY-SA-4.0", "Apache-2.0"), deny_terms=("openai-tos",))


def tally(rows: list[dict[str, object]], tokens: int = 100) -> Tally:
    names = ("license", "terms", "generated_by", "judged_by")
    batch = pa.RecordBatch.from_pylist(
        [{name: row.get(name) for name in names} for row in rows],
        pa.schema([(name, pa.string()) for name in names]),
    )
    result = Tally()
    result.add(batch, np.ones(len(rows), dtype=bool), np.full(len(rows), tokens, dtype=np.int64))
    return result


def verdict(rows: list[dict[str, object]], rules: Licenses = OPEN) -> Verdict:
    return judge(rules, [Holding("ja.web", tally(rows), Fraction(1, 2))])


def test_clean_rows_pass_and_say_what_they_ask() -> None:
    result = verdict([{"license": "CC-BY-SA-4.0"}, {"license": "apache-2.0"}])
    assert result.refusals == ()
    assert list(result.lines()) == [
        "licences     Apache-2.0 25% (ja.web), CC-BY-SA-4.0 25% (ja.web)",
        "obligations  attribution: name the authors and the licence; share-alike: adaptations "
        "under the same licence; notice: keep the licence text with copies",
        "permits      commercial use: yes",
        "permits      derived works: yes",
        "permits      passing the data on: yes",
        "permits      training models that compete with the generator's: yes",
    ]


def test_one_row_in_a_thousand_without_a_licence_changes_the_verdict() -> None:
    rows: list[dict[str, object]] = [{"license": "CC-BY-4.0"}] * 999 + [{"license": None}]
    result = verdict(rows)
    assert [str(finding) for finding in result.refusals] == [
        "licenses.allow: source ja.web: 1 row (0.1% of its tokens, 0.05% of the mixture): "
        "no licence is stated (NOASSERTION); it is not among those allowed"
    ]
    lines = list(verdict(rows, Licenses()).lines())
    assert lines[0] == "licences     CC-BY-4.0 49.95% (ja.web), ? 0.05% (ja.web)"
    assert "permits      commercial use: ? (?)" in lines


def test_no_number_of_licences_hides_that_one_is_not_stated() -> None:
    names = ("MIT", "ISC", "Zlib", "BSL-1.0", "0BSD", "Unlicense", "CC0-1.0", "OFL-1.1", "WTFPL")
    rows: list[dict[str, object]] = [{"license": name} for name in names for _ in range(11)]
    first = next(verdict([*rows, {"license": None}], Licenses()).lines())
    assert first.endswith(", ? 0.5% (ja.web), and 1 more")


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"terms": "openai-tos"}, "terms openai-tos"),
        ({"terms": "gemma, OpenAI-ToS"}, "terms openai-tos"),
        ({"generated_by": "gpt-4o"}, "terms openai-tos, from generated_by gpt-4o"),
        ({"judged_by": "gpt-4"}, "terms openai-tos, from judged_by gpt-4"),
    ],
)
def test_one_row_made_with_gpt_4_changes_the_verdict(row: dict[str, object], reason: str) -> None:
    rows: list[dict[str, object]] = [{"license": "CC-BY-4.0"}] * 9_999
    result = verdict([*rows, {"license": "CC-BY-4.0", **row}])
    assert [str(finding) for finding in result.refusals] == [
        "licenses.deny_terms: source ja.web: 1 row (0.01% of its tokens, 0.005% of the mixture): "
        + reason
    ]
    assert result.permissions["competing-models"].startswith("no (openai-tos")
    assert "no-competing-models" in result.obligations
    quiet = verdict([*rows, {"license": "CC-BY-4.0", **row}], Licenses())
    assert quiet.refusals == ()
    assert any("openai-tos 0.005% (ja.web)" in line for line in quiet.lines())


@pytest.mark.parametrize(
    ("license", "allowed"),
    [
        ("CC-BY-4.0 OR GPL-3.0-only", True),
        ("CC-BY-4.0 AND GPL-3.0-only", False),
        ("CC-BY-4.0 AND (Apache-2.0 OR MIT)", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("cc-by-4.0", True),
        ("cc-by-nc-4.0", False),
        ("other", False),
        ("free as in beer", False),
        ("llama3.1, apache-2.0", False),
    ],
)
def test_expressions_against_allow(license: str, allowed: bool) -> None:
    assert (not verdict([{"license": license}]).refusals) == allowed


def test_deny_stops_what_cannot_do_without_it() -> None:
    rules = Licenses(deny=("GPL-3.0-only", "noassertion"))
    assert not verdict([{"license": "MIT OR GPL-3.0-only"}], rules).refusals
    (finding,) = verdict([{"license": "MIT AND GPL-3.0-only"}], rules).refusals
    assert finding.rule == "deny"
    assert len(verdict([{"license": ""}], rules).refusals) == 1


def test_hub_ids_bring_their_terms() -> None:
    result = verdict([{"license": "llama3.1"}, {"license": "gemma"}], Licenses())
    assert [part.name for part in result.terms] == ["gemma", "llama3.1"]
    assert result.obligations == ("notice", "use-policy", "built-with-llama", "model-derivative")
    (finding,) = verdict([{"license": "gemma"}], Licenses(deny_terms=("gemma",))).refusals
    assert finding.column == "license"


def test_obligations_add_up_and_permissions_shrink_over_sources() -> None:
    holdings = [
        Holding("free", tally([{"license": "CC0-1.0"}]), Fraction(9, 10)),
        Holding("nc", tally([{"license": "CC-BY-NC-SA-4.0"}]), Fraction(1, 10)),
        Holding("odd", tally([{"license": "LicenseRef-ours", "generated_by": "who"}]), Fraction(0)),
    ]
    result = judge(Licenses(), holdings)
    assert result.obligations == ("attribution", "share-alike")
    assert result.permissions == {
        "commercial": "no (CC-BY-NC-SA-4.0)",
        "derivatives": "? (LicenseRef-ours)",
        "redistribution": "? (LicenseRef-ours)",
        "competing-models": "? (LicenseRef-ours, generated_by who)",
    }
    assert [part.name for part in result.licenses] == [
        "CC0-1.0",
        "CC-BY-NC-SA-4.0",
        "LicenseRef-ours",
    ]


def test_only_selected_rows_count() -> None:
    batch = pa.table({"license": ["MIT", None, "MIT"], "terms": [None, "openai-tos", ""]})
    result = Tally()
    result.add(batch, np.array([True, False, True]), np.array([5, 7, 11]))
    assert result == Tally(Amount(2, 16), {"MIT": Amount(2, 16)})
    result.add(pa.table({"text": ["a"]}), np.array([True]), np.array([4]))
    assert result.license == {"MIT": Amount(2, 16), "NOASSERTION": Amount(1, 4)}
    assert Tally.from_document(result.document()) == result


def test_a_source_without_tokens_is_judged_by_rows() -> None:
    result = judge(OPEN, [Holding("a", tally([{"license": "GPL-3.0-only"}], 0), Fraction(0))])
    assert "1 row (100% of its tokens, 0% of the mixture)" in str(result.refusals[0])


def test_terms_name_the_document_that_says_so() -> None:
    for name, effect in TERMS.items():
        assert len(effect.source) > 20, name
        assert effect.obligations or effect.unknown, name


@pytest.mark.parametrize(
    ("model", "terms", "competing"),
    [
        ("gpt-4o", "openai-tos", "no"),
        ("claude-3-opus", "anthropic-tos", "no"),
        ("gemini-1.5-pro", "gemini-tos", "no"),
        ("Meta-Llama-3-70B", "llama3", "no"),
        ("Llama-3.1-405B", "llama3.1", "yes"),
        ("gemma-2-27b-it", "gemma", "yes"),
        ("gemma-4-31b", None, "yes"),
        ("Qwen2-72B-Instruct", "tongyi-qianwen", "no"),
        ("Qwen2.5-72B-Instruct", "qwen", "yes"),
        ("Qwen2.5-3B", "qwen-research", "yes"),
        ("Qwen3-32B", None, "yes"),
        ("DeepL", "deepl-tos", "?"),
    ],
)
def test_a_model_brings_the_terms_of_its_output(
    model: str, terms: str | None, competing: str
) -> None:
    result = verdict([{"license": "MIT", "generated_by": model}], Licenses())
    assert [part.name for part in result.terms] == ([] if terms is None else [terms])
    assert result.permissions["competing-models"].partition(" ")[0] == competing
