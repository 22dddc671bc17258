"""The six steps of the demo, in order; each returns what the next one needs.

Every step is found done where an earlier run finished it: raw files by name, dataset versions by
the fingerprint of recipe and inputs, tokenizer by the versions it was trained on, token sets, views
and plans by digest. So Ctrl-C at any point and the same command again finish the work.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pipelines
from awase_client.engine.plan import Plan
from curation.base.errors import IntegrityError, TryAgain, UsageError
from curation.base.store import Store, make_dirs
from curation.shards.manifest import DatasetManifest
from mixtures.catalog import Catalog
from mixtures.explain import tree
from mixtures.plan import draft_plan, write_plan
from mixtures.spec import read_mixture
from pipelines.curate import curate
from pipelines.demo.bigram import Bigram
from pipelines.demo.server import Server
from pipelines.demo.training import (
    GlobalStream,
    Progress,
    holdout_loss,
    open_ranks,
    read_in_process,
    train,
)
from pipelines.sources import debian, hub
from pipelines.tokenize import tokenize
from pipelines.tokenizers import Tokenizer, open_tokenizer
from pipelines.train_tokenizer import Training, train_on_versions

ROOT = Path(pipelines.__file__).parent
RECIPE = ROOT / "recipes" / "demo.yaml"
MIXTURE = ROOT.parent / "examples" / "ja-en-demo.yaml"
TOKENIZER = "demo"
TRAINING = Training(vocabulary=8_000, max_bytes=8_000_000, exact=False)
FIRST_WORLD, SECOND_WORLD = 2, 3
BATCH = 8  # sequences a rank and step


class Screen(Protocol):
    """What the demo says and shows; the command line's is on stderr and stdout."""

    def step(self, number: int, title: str) -> None: ...
    def say(self, message: str) -> None: ...
    def show(self, text: str) -> None: ...
    def bar(self, label: str) -> AbstractContextManager[Progress]: ...


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the summary is made of; every figure was measured in this run."""

    versions: tuple[DatasetManifest, ...]
    report: Path  # of the curation, one HTML file
    tokens: dict[str, int]
    plan: Plan
    received: GlobalStream
    digest: str
    losses: dict[str, tuple[float, float]]
    folder: Path


def run_demo(folder: Path, inputs: Sequence[Path], screen: Screen, *, workers: int) -> Outcome:
    """Run the main job in `folder`; raises AwaseError in one line for anything a user can mend."""
    make_dirs(folder)
    store = Store(folder / "store")
    with only_one(folder), Catalog.open(store) as catalog:
        screen.step(1, "Text")
        files = list(inputs) or fetch(folder / "raw", screen.say)
        screen.step(2, "Curate")
        versions, report = clean(store, files, screen, workers=workers)
        screen.step(3, "Tokenize")
        tokenizer = get_tokenizer(store, catalog, versions, screen)
        tokens = {}
        for version in versions:
            with screen.bar(f"tokenizing {version.name}") as bar:
                made = tokenize(store, version, tokenizer, workers=workers, progress=bar)
            catalog.register_token_set(made.text_digest, made.tokenizer_digest)
            tokens[version.name] = made.tokens
            screen.say(
                f"{version.name}: {made.tokens:,} tokens, "
                f"{made.characters / max(1, made.tokens):.2f} characters a token"
            )
        screen.step(4, "Mix and plan")
        plan = publish(store, catalog, screen)
        screen.step(5, "Serve, train, kill, resume")
        received, losses = serve_and_train(store, plan, tokenizer, screen, folder)
        digest = received.digest.hexdigest()
        check_digest(store, plan, received, screen)
    return Outcome(tuple(versions), report, tokens, plan, received, digest, losses, folder)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; TryAgain where another demo runs in it."""
    with (folder / ".lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise TryAgain(
                f"{folder}: another demo is at work here; wait for it, or give another --dir"
            ) from error
        yield


def fetch(folder: Path, say: Callable[[str], None]) -> list[Path]:
    """Step 1: real text in two languages, from Debian's packages, else from the Hub."""
    make_dirs(folder)
    seen = []
    ways: list[tuple[str, bool, Callable[..., list[Path]]]] = [
        ("apt", debian.available(), debian.fetch),
        ("hub", hub.available(), hub.fetch),
    ]
    for name, available, get in ways:
        if available:
            try:
                return get(folder, say)
            except TryAgain as error:
                seen.append(f"{name}: {error}")
                say(seen[-1])
        else:
            seen.append(f"{name}: not on this machine")
    raise UsageError(
        "no text to work on. Three ways: give files with --input PATH; run where apt-get reaches "
        "Debian's packages; run where the Hugging Face Hub answers. Seen: " + "; ".join(seen)
    )


def clean(
    store: Store, files: Sequence[Path], screen: Screen, *, workers: int
) -> tuple[list[DatasetManifest], Path]:
    """Step 2: one run of the recipe gives a version for each language, and its report."""
    with screen.bar("curating") as bar:
        results = curate(
            RECIPE,
            files,
            store,
            workers=workers,
            progress=lambda phase, done, total: bar(done, total),
        )
    for skipped in results[0].skipped:
        screen.say(f"skipped {skipped}")
    for result in results:
        counts = result.counts
        screen.say(
            f"{result.version}: {counts['kept']:,} of {counts['in']:,} documents "
            f"kept, {result.manifest.bytes / 1e6:.1f} MB"
        )
    empty = [result.name for result in results if not result.manifest.rows]
    if empty:
        raise UsageError(
            f"no document was kept for {', '.join(empty)}: the demo needs Japanese and English "
            "text; `awase dataset show` lists the reasons of what was dropped"
        )
    return [result.manifest for result in results], results[0].report


def get_tokenizer(
    store: Store, catalog: Catalog, versions: Sequence[DatasetManifest], screen: Screen
) -> Tokenizer:
    """Step 3: the demo's tokenizer, trained again only where the versions are others."""
    options = TRAINING.document() | {"datasets": [version.reference for version in versions]}
    known = {version.name for version in catalog.tokenizers()}
    for old in catalog.versions("tokenizer", TOKENIZER) if TOKENIZER in known else ():
        document = catalog.tokenizer(f"{TOKENIZER}@{old.number}").document
        if document["training"] == options:
            screen.say(f"tokenizer {TOKENIZER}@{old.number} was trained on these versions")
            return open_tokenizer(store, old.digest)
    screen.say("training 8,000 pieces on at most 8 MB of lines")
    document = train_on_versions(store, versions, TRAINING)
    version = catalog.register_tokenizer(TOKENIZER, document["digest"], document)
    screen.say(f"{TOKENIZER}@{version.number}: {document['vocabulary']:,} pieces")
    return open_tokenizer(store, document["digest"])


def publish(store: Store, catalog: Catalog, screen: Screen) -> Plan:
    """Step 4: check the example, publish it, plan it, show the plan."""
    text = MIXTURE.read_text(encoding="utf-8")
    mixture = read_mixture(text, file=str(MIXTURE))
    version, _ = catalog.publish_mixture(mixture.name, text)
    screen.say(f"published {version.name}@{version.number}")
    draft = draft_plan(mixture, catalog, store)
    plan = write_plan(draft.document, catalog, store, reference=f"{version.name}@{version.number}")
    screen.show("\n".join(tree(draft)))
    return plan


def serve_and_train(
    store: Store, plan: Plan, tokenizer: Tokenizer, screen: Screen, folder: Path
) -> tuple[GlobalStream, dict[str, tuple[float, float]]]:
    """Step 5: 2 ranks to the half, SIGKILL, another server, 3 ranks to the end."""
    model, received = Bigram(tokenizer.vocabulary), GlobalStream()
    losses = {}
    pad = tokenizer.special.pad
    half = plan.total // 2
    with screen.bar("training") as bar:
        with Server(store, folder / "server-1.log") as server:
            screen.say(f"{server.url}: {FIRST_WORLD} ranks")
            losses["untrained"] = holdout_loss(server.url, plan.digest, model, pad=pad)
            with open_ranks(
                server.url, plan.digest, world=FIRST_WORLD, batch=BATCH, state=None
            ) as ranks:
                state = train(ranks, model, received, until=half, progress=bar)
                server.kill()
            screen.say(f"killed it with SIGKILL at position {received.position:,}")
        with Server(store, folder / "server-2.log") as server:
            screen.say(f"{server.url}: {SECOND_WORLD} ranks go on from {state}")
            losses["half way"] = holdout_loss(server.url, plan.digest, model, pad=pad)
            with open_ranks(
                server.url, plan.digest, world=SECOND_WORLD, batch=BATCH, state=state
            ) as ranks:
                train(ranks, model, received, until=None, progress=bar)
            losses["trained"] = holdout_loss(server.url, plan.digest, model, pad=pad)
    for name, (bigram, unigram) in losses.items():
        screen.say(f"hold-out, {name}: {bigram:.3f} nats a token (unigram {unigram:.3f})")
    bigram, unigram = losses["trained"]
    if bigram >= unigram:
        raise IntegrityError(
            f"the model learned nothing: {bigram:.3f} nats a token, unigram {unigram:.3f}"
        )
    return received, losses


def check_digest(store: Store, plan: Plan, received: GlobalStream, screen: Screen) -> None:
    """The killed and resumed stream must be the uninterrupted one, byte for byte."""
    local = read_in_process(store.root, plan.digest, until=received.position)
    ours, theirs = received.digest.hexdigest(), local.digest.hexdigest()
    screen.say(f"received by 2, then 3 ranks   sha256 {ours}")
    screen.say(f"read in one go, in process    sha256 {theirs}")
    if ours != theirs:
        raise IntegrityError(
            f"the streams differ: {store.root}, plan {plan.digest}: run "
            "`awase dataset verify` and report this"
        )


def serve_until_interrupted(outcome: Outcome, screen: Screen) -> None:
    """Serve the result until Ctrl-C or until the server ends."""
    with Server(Store(outcome.folder / "store"), outcome.folder / "server.log") as server:
        screen.say(f"{server.url}/ shows what was made; Ctrl-C ends the server")
        server.process.wait()
