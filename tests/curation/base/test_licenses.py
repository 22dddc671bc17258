import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.base.licenses import (
    NOASSERTION,
    Rights,
    known_licenses,
    parse_expression,
    read_license,
    satisfies,
    split_terms,
    terms_of_model,
)


@pytest.mark.parametrize(
    ("value", "rights"),
    [
        ("apache-2.0", Rights("Apache-2.0")),
        ("cc-by-sa-4.0", Rights("CC-BY-SA-4.0")),
        ("odc-by", Rights("ODC-By-1.0")),
        ("llama3.1", Rights("LicenseRef-llama3.1", ("llama3.1",))),
        ("gemma", Rights("LicenseRef-gemma", ("gemma",))),
        ("other", Rights(NOASSERTION, (), "other")),
        (
            "llama3.1, gemma",
            Rights("LicenseRef-llama3.1 AND LicenseRef-gemma", ("llama3.1", "gemma")),
        ),
        ("llama3.1, what", Rights(NOASSERTION, ("llama3.1",), "llama3.1, what")),
        ("MIT OR apache-2.0", Rights("MIT OR Apache-2.0")),
        ("GPL-2.0+", Rights("GPL-2.0-or-later")),
        ("LicenseRef-ours", Rights("LicenseRef-ours")),
        ("noassertion", Rights(NOASSERTION)),
        ("", Rights(NOASSERTION)),
        (None, Rights(NOASSERTION)),
        ("mit license", Rights(NOASSERTION, (), "mit license")),
        ("Classpath-exception-2.0", Rights(NOASSERTION, (), "Classpath-exception-2.0")),
    ],
)
def test_rows_say_it_in_spdx_or_as_the_hub_does(value: str | None, rights: Rights) -> None:
    assert read_license(value) == rights


@pytest.mark.parametrize("text", ["", "MIT AND (", "MITT", "MIT WITH MIT", "x" * 501, "A AND"])
def test_what_is_no_expression_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"licence|exception|SPDX"):
        parse_expression(text)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(["MIT", "AND", "OR", "WITH", "(", ")", "LicenseRef-x", "+", ",", "é", "?"]),
        max_size=12,
    ).map(" ".join)
    | st.text(max_size=20)
)
def test_any_text_is_an_expression_or_stays_visible(text: str) -> None:
    rights = read_license(text)
    if rights.unread:
        assert rights == Rights(NOASSERTION, rights.terms, text.strip())
    else:
        assert read_license(rights.expression).expression == rights.expression
        satisfies(rights.expression, lambda id_: False)


@pytest.mark.parametrize(
    ("model", "terms"),
    [
        ("gpt-4o-2024-08-06", ("openai-tos",)),
        ("o3-mini", ("openai-tos",)),
        ("openai/gpt-oss-120b", ()),
        ("gpt-neox-20b", ()),
        ("Claude-3-Opus", ("anthropic-tos",)),
        ("meta-llama/Llama-3.1-70B-Instruct", ("llama3.1",)),
        ("google/gemma-2-27b-it", ("gemma",)),
        ("Qwen/Qwen2.5-72B-Instruct", ("qwen",)),
        ("Qwen/Qwen2.5-7B-Instruct", ()),
        ("who-knows-1b", None),
    ],
)
def test_models_bring_terms(model: str, terms: tuple[str, ...] | None) -> None:
    assert terms_of_model(model) == terms


def test_lists() -> None:
    assert split_terms(" Gemma, openai-tos,,gemma") == ("gemma", "openai-tos")
    assert {"CC-BY-4.0", "LicenseRef-gemma", NOASSERTION} <= set(known_licenses())
    assert "Classpath-exception-2.0" not in known_licenses()
