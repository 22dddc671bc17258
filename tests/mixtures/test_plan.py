"""A plan is integers and digests, follows from its inputs alone, and refuses with numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from awase_client.engine.order import Order
from awase_client.engine.plan import Plan
from awase_client.errors import CorruptStore
from curation.base.digest import digest_bytes
from curation.base.errors import NotFound, RefusedPlan
from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.plan import draft_plan
from mixtures.spec import read_mixture
from tests.mixtures.conftest import HEAD, LENGTH, Add, Make
from tests.tokenstore import write_corpus


def counts(plan: Plan) -> list[list[int]]:
    return [stage.counts.tolist() for stage in plan.stages]


def refused(make: Make, text: str) -> str:
    """Why no plan is made of a mixture."""
    with pytest.raises(RefusedPlan) as error:
        make(text)
    return str(error.value)


def pair(budget: int, b: str, *, a: str = "web, weight: 3") -> str:
    """A mixture of two sources, a of `web` and b of `wiki` with what is given for it."""
    return f"budget: {budget}\nsources:\n  a: {{dataset: {a}}}\n  b: {{dataset: wiki, {b}}}\n"


def test_writes_integers_and_digests_under_their_own_digest(
    add: Add, make: Make, store: Store, catalog: Catalog
) -> None:
    add("web", 40)
    add("wiki", 10)
    plan = make(pair(1003, "weight: 1"))
    data = store.plan_path(plan.digest).read_bytes()
    assert digest_bytes(data) == plan.digest
    assert Plan.from_bytes(data).digest == plan.digest
    assert b"." not in data.replace(b"Apache-2.0", b"")
    assert plan.total == 125, "1,003 tokens are 125 whole sequences"
    assert counts(plan) == [[94, 31]]
    assert [(source.path, source.sequences) for source in plan.sources] == [("a", 40), ("b", 10)]
    assert catalog.plan(plan.digest).mixture is None


def test_a_damaged_plan_is_not_taken_for_the_one_that_was_asked_for(
    add: Add, make: Make, store: Store
) -> None:
    add("web", 40)
    add("wiki", 10)
    path = store.plan_path(make(pair(1003, "weight: 1")).digest)
    path.write_bytes(path.read_bytes().replace(b'"seed":', b'"seed": '))
    with pytest.raises(CorruptStore, match=f"{path} is damaged.* delete it and make the plan"):
        make(pair(1003, "weight: 1"))
    path.unlink()
    assert store.plan_path(make(pair(1003, "weight: 1")).digest) == path
    assert path.exists()


def test_the_same_inputs_give_the_same_digest_whatever_they_are_called(
    add: Add, make: Make, store: Store, catalog: Catalog
) -> None:
    add("web", 40)
    text = "budget: 800\nsources:\n  a: {dataset: web, weight: 1}\n"
    first = make(text)
    assert make("# a remark\ndescription: words\ntags: [x]\n" + text).digest == first.digest
    assert make(text.replace("web,", "web@1,")).digest == first.digest
    assert make(text.replace("800", "801")).digest == first.digest
    assert make(text.replace("800", "808")).digest != first.digest


def test_nested_weights_are_normalised_within_their_group(add: Add, make: Make) -> None:
    for name in ("web", "wiki", "en"):
        add(name, 100)
    plan = make(
        "budget: 8000\nsources:\n"
        "  ja:\n    weight: 5\n    sources:\n"
        "      web: {dataset: web, weight: 0.8}\n      wiki: {dataset: wiki, weight: 0.2}\n"
        "  en: {dataset: en, weight: 5}\n"
    )
    assert [source.path for source in plan.sources] == ["ja.web", "ja.wiki", "en"]
    assert counts(plan) == [[400, 100, 500]]
    assert plan.trees == ([[0, 1], 2],)


def test_repeat_is_taken_first_and_weights_share_the_rest(add: Add, make: Make) -> None:
    for name in ("web", "wiki", "en"):
        add(name, 10)
    plan = make(
        "budget: 800\nsources:\n  a: {dataset: web, repeat: 2.5}\n"
        "  b: {dataset: wiki, weight: 2}\n  c: {dataset: en, weight: 1}\n"
    )
    assert counts(plan) == [[25, 50, 25]]
    alone = make("sources:\n  a: {dataset: web, repeat: 2.5}\n  b: {dataset: wiki, repeat: 1}\n")
    assert counts(alone) == [[25, 10]]


def test_stages_change_named_weights_and_ramps_run_between(add: Add, make: Make) -> None:
    for name in ("web", "wiki", "en"):
        add(name, 1000)
    plan = make(
        "budget: 128K\nsources:\n  a: {dataset: web, weight: 1}\n  b: {dataset: wiki, weight: 1}\n"
        "  c: {dataset: en, weight: 2}\nstages:\n  - {until: 25%}\n"
        "  - {until: 75%, weights: {a: 5}, ramp: linear}\n  - {until: 100%, weights: {c: 0}}\n"
    )
    rows = counts(plan)
    assert len(rows) == 66
    assert rows[0] == [1000, 1000, 2000]
    ramp = [sum(row[s] for row in rows[1:65]) for s in range(3)]
    # The mean of 1:1:2 and 5:1:2 over 8,000 sequences.
    assert ramp == [3500, 1500, 3000]
    assert rows[65] == [3333, 667, 0]
    assert sum(map(sum, rows)) == plan.total == 16_000


def test_sampling_takes_weights_from_sizes(add: Add, make: Make) -> None:
    for name, size in (("web", 160), ("wiki", 40), ("en", 10)):
        add(name, size)
    sources = "sources:\n  a: {dataset: web}\n  b: {dataset: wiki}\n  c: {dataset: en}\n"
    plan = make("budget: 2400\nsampling: {temperature: 0.5}\n" + sources)
    # Roots of the sizes: 4 : 2 : 1 of 300.
    assert counts(plan) == [[171, 86, 43]]
    plan = make("budget: 1600\nsampling: {unimax: {max_epochs: 4}}\n" + sources)
    # c stops at 4 epochs, the others share what is left of 200.
    assert counts(plan) == [[80, 80, 40]]
    why = refused(make, "budget: 8000\nsampling: {unimax: {max_epochs: 4}}\n" + sources)
    assert "can give 6720 tokens, 8000 are asked" in why
    assert "the nearest feasible budget is 6720 tokens (840 sequences of 8)" in why


def test_weights_by_documents_count_documents(
    store: Store, catalog: Catalog, add: Add, make: Make
) -> None:
    add("short", 60)
    corpus = write_corpus(store, "long", [[[11] * 31] * 20])
    catalog.register_dataset("long", corpus.version.manifest)
    plan = make(
        "budget: 4000\nby: documents\nsources:\n  a: {dataset: short, weight: 1}\n"
        "  b: {dataset: long, weight: 1}\n"
    )
    # A document of `long` is four sequences, one of `short` is one.
    assert counts(plan) == [[100, 400]]


def test_a_cap_refuses_with_numbers_and_the_nearest_budget(add: Add, make: Make) -> None:
    add("web", 40)
    add("wiki", 10)
    capped = "weight: 1, max_epochs: 2"
    assert refused(make, pair(1600, capped)) == (
        "<document>:9:6: source b: 400 tokens are 5 epochs of its 80, max_epochs is 2: "
        "160 tokens at most; the nearest feasible budget is 656 tokens (82 sequences of 8)"
    )
    # 61.5 and 20.5: the earlier source has the half that is left
    assert counts(make(pair(656, capped))) == [[62, 20]]
    assert "max_epochs is 2" in refused(make, pair(664, capped))


def test_a_weight_that_yields_no_sequence_refuses(add: Add, make: Make) -> None:
    add("web", 40)
    add("wiki", 10)
    small = "weight: 0.003"
    why = refused(make, pair(800, small))
    assert "source b: a share of 0.000999 of 100 sequences yields no sequence" in why
    budget = int(why.split("budget is ")[1].split()[0])
    assert counts(make(pair(budget, small)))[0][1] == 1
    assert "yields no sequence" in refused(make, pair(budget - LENGTH, small))


def test_an_empty_source_refuses(add: Add, make: Make) -> None:
    add("web", 40)
    add("tiny", 0)
    with pytest.raises(RefusedPlan, match="source b holds no whole sequence of 8 tokens"):
        make(
            "budget: 80\nsources:\n  a: {dataset: web, weight: 1}\n"
            "  b: {dataset: tiny, weight: 1}\n"
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("budget: 7\nsources:\n  a: {dataset: web, weight: 1}\n", "under one sequence of 8"),
        (
            "budget: 80\nsources:\n  a: {dataset: web, repeat: 1}\n"
            "  b: {dataset: web, weight: 1}\n",
            r"`repeat` takes 320 \(a 1 epochs = 320\) and leaves nothing to the weights",
        ),
        (
            "budget: 80\nsources:\n  a: {dataset: web, weight: 1}\nstages:\n  - {until: 7}\n"
            "  - {until: 80}\n",
            "stage 1: until 7 tokens adds no whole sequence",
        ),
    ],
)
def test_budgets_that_cannot_be_met_refuse(add: Add, make: Make, text: str, message: str) -> None:
    add("web", 40)
    with pytest.raises(RefusedPlan, match=message):
        make(text)


def test_licences_refuse_with_source_share_and_rule(add: Add, make: Make) -> None:
    terms = ["openai-tos"] + [None] * 39
    add("web", 40, license=["CC-BY-4.0"] * 40, terms=terms, score=[1.0] * 20 + [0.0] * 20)
    add("wiki", 40, license=["CC-BY-SA-4.0"] * 40)
    rules = "licenses: {allow: [CC-BY-4.0, CC-BY-SA-4.0], deny_terms: [openai-tos]}\n"

    def text(where: str = "") -> str:
        return pair(800, "weight: 1", a=f"web, weight: 3{where}")

    why = refused(make, text() + rules)
    assert "licenses.deny_terms: source a: 1 row (2.5% of its tokens, 1.875% of the mixture)" in why
    plan = make(text(", where: 'score < 0.5'") + rules)
    assert plan.sources[0].licenses == ("CC-BY-4.0",)
    assert plan.sources[0].terms == ()
    why = refused(make, text(", where: 'score > 0.5'") + rules)
    assert "source a: 1 row (5% of its tokens" in why
    assert make(text()).sources[0].terms == ("openai-tos",)


def test_a_missing_token_set_names_the_command(store: Store, make: Make, catalog: Catalog) -> None:
    from tests.mixtures.catalog.conftest import version_of

    manifest = version_of("raw", "x")
    manifest.commit(store)
    catalog.register_dataset("raw", manifest)
    with pytest.raises(NotFound, match=r"run `awase tokenize raw@1 --tokenizer tok@1`"):
        make("budget: 80\nsources:\n  a: {dataset: raw, weight: 1}\n")


WEIGHT = st.one_of(
    st.integers(1, 1000).map(lambda n: Fraction(n, 1000)), st.just(Fraction(1, 10**9))
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    weights=st.lists(WEIGHT, min_size=1, max_size=6),
    budget=st.integers(8, 10**12),
)
def test_every_plan_sums_to_its_budget_and_loses_no_source(
    store: Store, catalog: Catalog, add: Add, weights: list[Fraction], budget: int
) -> None:
    if not store.refs_dir("web").exists():
        add("web", 40)
    lines = [f"  s{i}: {{dataset: web, weight: {float(w):.9f}}}" for i, w in enumerate(weights)]
    text = HEAD + f"budget: {budget}\nsources:\n" + "\n".join(lines) + "\n"
    try:
        draft = draft_plan(read_mixture(text), catalog, store)
    except RefusedPlan as refused:
        assert "yields no sequence" in str(refused)  # noqa: PT017
        return
    [row] = draft.rows
    total = budget // LENGTH
    exact = [total * weight / sum(weights) for weight in weights]
    floors = [int(value) for value in exact]
    order = sorted(range(len(weights)), key=lambda i: (floors[i] - exact[i], i))
    for index in order[: total - sum(floors)]:
        floors[index] += 1
    assert list(row.counts) == floors
    assert sum(row.counts) == total
    assert min(row.counts) >= 1
    order_of = Order(draft.plan)
    assert order_of.counts(total).tolist() == floors


ELSEWHERE = """
import sys
from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.plan import make_plan
from mixtures.spec import read_mixture
from tests.tokenstore import TOKENIZER, write_corpus

store = Store(sys.argv[1])
with Catalog.open(store) as catalog:
    catalog.register_tokenizer("tok", TOKENIZER, {"kind": "test"})
    names = ["web", "wiki", "en"]
    for name in names if sys.argv[2] == "1" else names[::-1]:
        columns = {"license": ["MIT", "CC-BY-4.0"] * 50, "terms": ["b", "a", None, "c"] * 25}
        corpus = write_corpus(store, name, [[[11] * 9] * 60, [[12] * 5] * 40], columns=columns)
        catalog.register_dataset(name, corpus.version.manifest)
    mixture = read_mixture(sys.stdin.read())
    print(make_plan(mixture, catalog, store, workers=int(sys.argv[2])).digest)
"""


def test_another_store_process_and_number_of_workers_give_the_same_digest(tmp_path: Path) -> None:
    text = HEAD + (
        "budget: 8K\nholdout: 0.1\npacking: best_fit\nsources:\n"
        "  g:\n    weight: 1\n    sampling: {temperature: 0.3}\n    sources:\n"
        "      a: {dataset: web, where: \"license = 'MIT'\"}\n      b: {dataset: wiki}\n"
        "  c: {dataset: en, weight: 0.3}\n"
        "stages:\n  - {until: 30%}\n  - {until: 100%, weights: {c: 2}, ramp: linear}\n"
    )
    digests = []
    for workers in ("1", "3"):
        done = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, str(tmp_path / workers), workers],
            input=text,
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONHASHSEED": workers, "LC_ALL": "C", "TZ": f"UTC-{workers}"},
        )
        digests.append(done.stdout)
    assert digests[0] == digests[1]
    assert digests[0].startswith("sha256:")
