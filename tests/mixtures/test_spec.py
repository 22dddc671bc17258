from fractions import Fraction

import pytest

from curation.base.digest import digest_of
from curation.base.errors import InvalidDocument
from mixtures.spec import Group, Mixture, Place, Sampling, Source, read_mixture, stage_weights

EXAMPLE = """\
version: 1
name: ja-en-base
tokenizer: ja-32k@1
sequence_length: 4096
seed: 1
budget: 100B tokens
packing: concat              # concat | best_fit | documents
sources:
  ja:
    weight: 0.5
    sources:
      web:
        dataset: web-ja@prod
        weight: 0.8
        where: "edu_score >= 2.5 and license != 'NOASSERTION'"
        max_epochs: 4
      wiki: {dataset: wiki-ja, weight: 0.2, max_epochs: 8}
  en:   {dataset: web-en, weight: 0.4}
  code: {dataset: code, weight: 0.1}
stages:
  - {until: 80B}
  - {until: 100B, weights: {ja: 0.7, en: 0.2, code: 0.1}, ramp: linear}
licenses: {allow: [CC-BY-4.0, CC-BY-SA-4.0], deny: [], deny_terms: [openai-tos]}
holdout: 0.001
"""
HEAD = "version: 1\nname: m\ntokenizer: t\nsequence_length: 128\n"


def read(body: str, head: str = HEAD) -> Mixture:
    return read_mixture(head + body, file="m.yaml")


def problems(body: str, head: str = HEAD) -> list[str]:
    with pytest.raises(InvalidDocument) as caught:
        read(body, head)
    return [str(problem) for problem in caught.value.problems]


def test_every_key_of_the_design_is_read_exactly() -> None:
    mixture = read_mixture(EXAMPLE, file="ja-en.yaml")
    assert mixture.name == "ja-en-base"
    assert mixture.tokenizer == "ja-32k@1"
    assert (mixture.sequence_length, mixture.seed) == (4096, 1)
    assert mixture.budget_tokens == 100 * 10**9
    assert mixture.holdout == Fraction(1, 1000)
    assert (mixture.bos, mixture.eos) == (False, True)
    assert [source.path for source in mixture.walk()] == ["ja.web", "ja.wiki", "en", "code"]
    ja = mixture.sources[0]
    assert isinstance(ja, Group)
    web = ja.children[0]
    assert isinstance(web, Source)
    assert (web.dataset, web.weight, web.max_epochs) == ("web-ja@prod", Fraction(4, 5), Fraction(4))
    assert web.where == "edu_score >= 2.5 and license != 'NOASSERTION'"
    assert web.place == Place("ja-en.yaml", 13, 9)
    assert [stage.until_tokens for stage in mixture.stages] == [80 * 10**9, 100 * 10**9]
    assert mixture.stages[1].weights["ja"] == Fraction(7, 10)
    assert mixture.stages[1].ramp
    assert mixture.licenses.allow == ("CC-BY-4.0", "CC-BY-SA-4.0")
    assert mixture.licenses.deny_terms == ("openai-tos",)
    digest_of(mixture.document())  # no floats in it


def test_an_unknown_column_is_found_at_its_place_in_the_file() -> None:
    import pyarrow as pa

    mixture = read_mixture(EXAMPLE, file="ja-en.yaml")
    condition = next(mixture.walk()).condition
    assert condition is not None
    with pytest.raises(InvalidDocument) as caught:
        condition.check(pa.schema([("edu.score", pa.float64()), ("license", pa.string())]))
    assert str(caught.value).startswith(
        "ja-en.yaml:15:17: sources.ja.sources.web.where: unknown column 'edu_score'; "
        "did you mean 'edu.score'?"
    )


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("100B tokens", 100 * 10**9),
        ("100B", 100 * 10**9),
        ("1.5T", 1_500_000_000_000),
        ("2 M tokens", 2_000_000),
        ("640K", 640_000),
        ("4096", 4096),
        ("1e11", 10**11),
        ("'4096'", 4096),
    ],
)
def test_budgets(text: str, tokens: int) -> None:
    mixture = read(f"budget: {text}\nsources: {{a: {{dataset: a, weight: 1}}}}\n")
    assert mixture.budget_tokens == tokens


def test_weights_never_pass_through_a_float() -> None:
    body = "budget: 1B\nsources:\n"
    for name, weight in [("a", "0.1"), ("b", "4e-1"), ("c", "1e-9"), ("d", "33.3%"), ("e", "2")]:
        body += f"  {name}: {{dataset: d, weight: {weight}}}\n"
    assert [source.weight for source in read(body).walk()] == [
        Fraction(1, 10),
        Fraction(2, 5),
        Fraction(1, 10**9),
        Fraction(333, 1000),
        Fraction(2),
    ]


def test_repeat_alone_needs_no_budget_and_no_group_weights() -> None:
    mixture = read(
        "sources:\n"
        "  ja: {sources: {wiki: {dataset: w, repeat: 8}, cc: {dataset: c, repeat: 0.2028}}}\n"
        "  en: {dataset: e, repeat: 1}\n"
    )
    assert mixture.budget_tokens is None
    assert [source.repeat for source in mixture.walk()] == [8, Fraction(2028, 10000), 1]
    assert stage_weights(mixture) == [{}]


def test_sampling_replaces_the_weights_of_its_children() -> None:
    mixture = read(
        "budget: 1B\n"
        "sampling: {unimax: {max_epochs: 4}}\n"
        "sources:\n"
        "  a: {dataset: a}\n"
        "  b: {dataset: b, weight: 3}\n"
        "  g:\n"
        "    sampling: {temperature: 0.5}\n"
        "    sources: {c: {dataset: c}, d: {dataset: d, repeat: 2}}\n"
    )
    assert mixture.root.sampling == Sampling("unimax", Fraction(4))
    group = mixture.sources[2]
    assert isinstance(group, Group)
    assert group.sampling == Sampling("temperature", Fraction(1, 2))
    assert [source.weight for source in mixture.walk()] == [None] * 4
    assert mixture.advice == (
        "m.yaml:9:27: sources.b.weight: replaced by the sampling (unimax) of its group",
    )


def test_stages_change_what_they_name_and_keep_the_rest() -> None:
    mixture = read(
        "budget: 1000\n"
        "sources:\n"
        "  ja:\n"
        "    weight: 1\n"
        "    sources: {web: {dataset: a, weight: 2}, wiki: {dataset: b, weight: 1}}\n"
        "  en: {dataset: e, weight: 1}\n"
        "stages:\n"
        "  - {until: 40%}\n"
        "  - {until: 70.05%, weights: {ja.web: 0, en: 3}}\n"
        "  - {until: 1000, weights: {ja: 0.5}}\n"
    )
    assert [stage.until_tokens for stage in mixture.stages] == [400, 700, 1000]
    assert stage_weights(mixture) == [
        {"ja": 1, "ja.web": 2, "ja.wiki": 1, "en": 1},
        {"ja": 1, "ja.web": 0, "ja.wiki": 1, "en": 3},
        {"ja": Fraction(1, 2), "ja.web": 0, "ja.wiki": 1, "en": 3},
    ]


def test_separators_have_a_short_form() -> None:
    source = "sources: {a: {dataset: a, repeat: 1}}\n"
    assert read(source).eos
    both = read("separators: {bos, eos}\n" + source)
    assert both.bos
    assert both.eos
    none = read("separators: {eos: false}\n" + source)
    assert not none.bos
    assert not none.eos


def test_spelling_does_not_change_the_document() -> None:
    one = read("budget: 1B\nsources: {a: {dataset: a, weight: 0.50, where: 'x=1'}}\n")
    two = read(
        "sources:\n  a:\n    where: (x == 1.0)\n    weight: 50%\n    dataset: a\nbudget: 1e9\n"
    )
    assert one.document() == two.document()
    assert one == two


def test_a_group_named_sources_is_a_group_like_any_other() -> None:
    body = "sources: {a: {sources: {sources: {sources: {b: {dataset: b, repeat: 1}}}}}}\n"
    assert [source.path for source in read(body).walk()] == ["a.sources.b"]


def test_all_problems_come_at_once() -> None:
    found = problems(
        "budget: 100X\n"
        "sources:\n"
        "  ja:\n"
        "    wieght: 0.5\n"
        "    sources:\n"
        '      web: {dataset: web@prod, weight: 1, where: "a >= 2.5 && b"}\n'
        "  en: {dataset: e}\n"
        "  code: {datset: code, weight: 0.1}\n"
        "holdout: 1\n"
    )
    assert found == [
        "m.yaml:5:9: budget: expected tokens such as 100B, 1.5T or 4000000, found '100X'",
        "m.yaml:8:5: sources.ja.wieght: unknown key; did you mean 'weight'?",
        "m.yaml:10:60: sources.ja.sources.web.where: unknown operator '&&'; write 'and'",
        "m.yaml:11:7: sources.en: a source has one of weight and repeat; both are missing",
        "m.yaml:12:10: sources.code.datset: unknown key; did you mean 'dataset'?",
        "m.yaml:13:10: holdout: expected a fraction from 0 to under 1, found 1",
    ]
