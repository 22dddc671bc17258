from __future__ import annotations

import base64
import json
import re
from fractions import Fraction
from html.parser import HTMLParser

import numpy as np
import pytest
from starlette.testclient import TestClient

from api.pages import rows
from api.routes import pages
from awase_client.engine.order import Order
from awase_client.engine.plan import Plan
from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.journal import Change, fork
from mixtures.plan import make_plan
from mixtures.publish import publish
from mixtures.runs import Runs
from tests.api.test_problems import problem
from tests.streams import LENGTH, make_stream
from tests.tokenstore import TOKENIZER, write_corpus
from tests.versions import commit_rows

HOSTILE = "<script>alert('味噌')</script>"
TEXT = """\
version: 1
name: blend
description: "<script>alert('味噌')</script>"
tokenizer: tok
sequence_length: 8
budget: 400
sources:
  toy: {dataset: toy, weight: 1}
"""


@pytest.fixture
def filled(store: Store, catalog: Catalog) -> dict[str, str]:
    """A store with one of everything; names of what has one."""
    documents = [
        {"id": HOSTILE, "text": f"味噌汁 {HOSTILE}", "language": "ja", "license": HOSTILE},
        {"id": "b", "text": "だし", "language": "ja", "license": "CC-BY-4.0"},
    ]
    gone = [{"id": "x", "text": "捨てた", "reason": "too_short"}]
    catalog.register_dataset("web", commit_rows(store, "web", documents, dropped=gone))
    catalog.set_alias("dataset", "web", "prod", 1)
    catalog.annotate("dataset", "web", 1, tags={"tier": "gold"}, note=HOSTILE)
    corpus = write_corpus(store, "toy", [[[5] * 7] * 9])
    catalog.register_dataset("toy", corpus.version.manifest)
    catalog.register_tokenizer("tok", TOKENIZER, {"kind": "test"})
    publish(catalog, "blend", TEXT)
    newest = publish(catalog, "blend", TEXT.replace("400", "800"))
    plan = make_plan(newest.mixture, catalog, store, reference=newest.version.reference)
    run = Runs(catalog).create(plan.digest, id="run-1")
    return {"plan": plan.digest, "run": run.id}


@pytest.fixture
def paths(filled: dict[str, str]) -> list[str]:
    return [
        "/",
        "/datasets",
        "/datasets/web",
        "/datasets/web/versions/prod?reason=too_short",
        "/datasets/toy",
        "/mixtures",
        "/mixtures/blend",
        "/mixtures/blend/versions/1",
        "/plans",
        f"/plans/{filled['plan']}",
        "/runs",
        f"/runs/{filled['run']}",
    ]


class Page(HTMLParser):
    """What a page loads, links to, and says of its tags and attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.attributes: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        found = dict(attributes)
        self.tags.append(tag)
        self.attributes |= set(found)
        if tag == "a" and found.get("href"):
            self.links.append(found["href"] or "")
        if tag == "link" or "src" in found:
            self.loaded.append(found.get("href") or found.get("src") or "")


def test_pages_load_our_style_alone_and_hold_no_script(
    client: TestClient, paths: list[str]
) -> None:
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self';")
        assert "unsafe" not in policy
        page = Page(answer.text)
        assert not {"script", "style", "iframe", "form"} & set(page.tags)
        assert not [name for name in page.attributes if name == "style" or name.startswith("on")]
        for address in page.loaded:
            assert address.startswith("/static/")
            assert client.get(address).status_code == 200
        assert "<script>" not in answer.text


def test_every_link_of_every_page_leads_somewhere(client: TestClient, paths: list[str]) -> None:
    seen: set[str] = set()
    waiting = list(paths)
    while waiting:
        path = waiting.pop()
        if path in seen or path.startswith("#"):
            continue
        seen.add(path)
        answer = client.get(path)
        assert answer.status_code == 200, path
        if answer.headers["content-type"].startswith("text/html"):
            waiting += [link.split("#")[0] or "/" for link in Page(answer.text).links]
    assert len(seen) > 15


def test_a_page_says_what_is_in_the_store(client: TestClient, filled: dict[str, str]) -> None:
    text = client.get("/datasets/web").text
    for words in ("web", "味噌汁", "だし", "tier=gold", "prod", "too_short", "33.33%", 'lang="ja"'):
        assert words in text
    assert "too_<wbr>short</a>" in text, "a narrow column breaks it there"
    assert "捨てた" not in text
    assert "捨てた" in client.get("/datasets/web/versions/1?reason=too_short").text
    plan = client.get(f"/plans/{filled['plan']}").text
    assert "11.11" in plan, "100 sequences of 9 are 11.11 epochs"
    assert 'href="/mixtures/blend/versions/2"' in plan
    mixture = client.get("/mixtures/blend").text
    assert "-budget: 400" in mixture
    assert "+budget: 800" in mixture


def test_an_empty_store_says_what_to_do(client: TestClient) -> None:
    for path, command in (
        ("/", "awase demo"),
        ("/datasets", "awase dataset import"),
        ("/mixtures", "awase mixture init"),
        ("/plans", "awase mixture plan"),
        ("/runs", "awase run create"),
    ):
        assert command in client.get(path).text


def test_a_browser_is_asked_for_the_key_as_a_password(
    guarded: TestClient, keys: dict[str, str], filled: dict[str, str]
) -> None:
    answer = guarded.get("/datasets")
    assert problem(answer)["status"] == 401
    assert re.match(r'Basic realm="awase', answer.headers["www-authenticate"])
    for key, status in ((keys["read"], 200), (keys["stream"], 403), ("wrong", 401)):
        encoded = base64.b64encode(f"anyone:{key}".encode()).decode()
        headers = {"Authorization": f"Basic {encoded}"}
        assert guarded.get("/datasets", headers=headers).status_code == status
        assert guarded.get("/v1/datasets", headers=headers).status_code == 401


def test_static_files_change_their_address_with_their_content(client: TestClient) -> None:
    address = Page(client.get("/").text).loaded[0]
    answer = client.get(address)
    assert "immutable" in answer.headers["cache-control"]
    assert answer.headers["content-type"].startswith("text/css")
    assert problem(client.get("/static/000000000000/awase.css"))["status"] == 404
    assert problem(client.get("/static/0/app.py"))["status"] == 404


def test_a_plans_page_counts_what_is_delivered_where_it_was_branched_and_skipped(
    store: Store, catalog: Catalog, client: TestClient
) -> None:
    stream = make_stream(store.root)
    catalog.record_plan(stream.plan, None, json.loads(store.plan_path(stream.plan).read_bytes()))
    Runs(catalog).create(stream.plan, id="base")
    weights = {"en": Fraction(3)}
    for change in (
        Change(start=150, weights=weights),
        Change(start=170, skip_to=190),
        Change(start=0, skip_to=7),
        Change(start=330, weights={"ja.web": Fraction(1, 9)}),
    ):
        head = fork(catalog, store, "base", change, id=f"at-{change.start}").head
        plan = Plan.from_bytes(store.plan_path(head).read_bytes())
        source, _ = Order(plan).resolve(np.arange(plan.total))
        shown = rows.source_rows(plan)
        assert [row["tokens"] // LENGTH for row in shown] == np.bincount(source).tolist()
        assert client.get(f"/plans/{head}").status_code == 200
        assert catalog.plan(head).tokens == plan.total * LENGTH, "what listings show"
        Runs(catalog).append("base", head)


def test_a_line_that_looks_like_a_files_name_is_shown_as_changed() -> None:
    assert pages._marked("a\n-- old\n", "a\n++ new\n")[1:] == [
        ("", " a"),
        ("del", "--- old"),
        ("add", "+++ new"),
    ]
