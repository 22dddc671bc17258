"""The judge of the stream: a reader that shares no code with awase finds the same tokens.

And the way back: what a position decodes to is found in the text of the version's Parquet.
"""

import hashlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from awase_client import TokenStream
from awase_client.engine.reader import Engine
from curation.base.store import Store
from mixtures.catalog import Catalog
from mixtures.plan import make_plan
from mixtures.spec import read_mixture
from pipelines.curate import curate
from pipelines.tokenize import tokenize
from pipelines.tokenizers import Tokenizer
from pipelines.train_tokenizer import Training, train, version_texts
from tests.e2e.corpus import write_corpus
from tests.e2e.independent_reader import IndependentReader

RECIPE = Path(__file__).parents[2] / "pipelines" / "recipes" / "demo.yaml"

MIXTURE = """
version: 1
name: judged
tokenizer: t
sequence_length: 128
seed: 11
budget: 300K tokens
sources:
  ja:
    weight: 0.7
    sources:
      one: {dataset: demo-ja, weight: 0.9}
      two: {dataset: demo-ja, weight: 0.1}
  en: {dataset: demo-en, weight: 0.3}
stages:
  - {until: 40%}
  - {until: 100%, weights: {ja: 0.2, en: 0.8}, ramp: linear}
separators: {bos: true, eos: true}
holdout: 0.05
"""


class Judged:
    """A store made by awase's own pipeline, and its plan."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "store")
        results = curate(RECIPE, write_corpus(folder / "in", documents=60), self.store, workers=1)
        self.versions = {result.name: result.manifest for result in results}
        with Catalog.open(self.store) as catalog:
            texts = [
                (version_texts(self.store, manifest), manifest.bytes)
                for manifest in self.versions.values()
            ]
            self.tokenizer: Tokenizer = train(texts, Training(vocabulary=900, exact=False))
            document = self.tokenizer.save(self.store)
            catalog.register_tokenizer("t", self.tokenizer.digest, document)
            for manifest in self.versions.values():
                made = tokenize(self.store, manifest, self.tokenizer)
                catalog.register_token_set(made.text_digest, made.tokenizer_digest)
            self.plan = make_plan(read_mixture(MIXTURE), catalog, self.store)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return Judged(tmp_path_factory.mktemp("judged"))


def test_the_stream_is_what_an_independent_reader_finds(judged: Judged) -> None:
    judge = IndependentReader(judged.store.root, judged.plan.digest)
    assert judged.plan.total == 300_000 // 128
    digest = hashlib.sha256()
    with TokenStream(judged.store.root, judged.plan.digest, batch=1) as stream:
        for position, batch in enumerate(stream):
            source, ids = judge.sequence(position)
            assert batch.sources is not None
            assert (batch.sources[0], batch.input_ids[0].tolist()) == (source, ids), position
            digest.update(np.asarray(ids, "<u2").tobytes())
    assert position == judged.plan.total - 1
    whole = hashlib.sha256()
    engine = Engine.open(judged.store.root, judged.plan.digest)
    whole.update(engine.read(0, judged.plan.total).tokens.tobytes())
    assert whole.hexdigest() == digest.hexdigest()


def test_random_positions_decode_to_text_of_their_documents(judged: Judged) -> None:
    engine = Engine.open(judged.store.root, judged.plan.digest)
    rng = random.Random(3)
    for position in rng.sample(range(judged.plan.total), 60):
        found = engine.describe(position)
        manifest = judged.versions[found.dataset]
        assert found.version == manifest.digest
        texts = rows_of(judged, found.dataset)
        ids = engine.read(position, 1).tokens[0]
        at = 0
        for span in found.documents:
            piece = ids[at : at + span.length]
            at += span.length
            text = texts[span.row]
            inside = judged.tokenizer.encode_batch([text])[0].tolist()
            virtual = [judged.tokenizer.special.bos, *inside, judged.tokenizer.special.eos]
            assert piece.tolist() == virtual[span.start : span.start + span.length]
            decoded = judged.tokenizer.decode(piece).strip("\ufffd")
            assert decoded in text, (position, decoded)
        assert at == len(ids)


def rows_of(judged: Judged, name: str) -> list[Any]:
    manifest = judged.versions[name]
    texts: list[Any] = []
    for shard in manifest.shards:
        texts += pq.read_table(manifest.file(judged.store, shard), columns=["text"])[
            "text"
        ].to_pylist()
    return texts


def test_the_judge_would_notice_another_seed(judged: Judged) -> None:
    judge = IndependentReader(judged.store.root, judged.plan.digest)
    judge.plan["seed"] = 12
    with TokenStream(judged.store.root, judged.plan.digest, batch=1) as stream:
        differ = sum(
            next(stream).input_ids[0].tolist() != judge.sequence(position)[1]
            for position in range(50)
        )
    assert differ > 40
