"""A damaged file of a token set or view is named before a wrong token leaves."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from awase_client.engine.reader import Engine
from awase_client.errors import CorruptStore
from curation.base.store import Store
from tests.client.engine.test_reader import SECTIONS, corpora, plan_of

FILES = [
    "part-00000.tok",
    "part-00000.tok.crc",
    "part-00000.mask",
    "part-00000.mask.crc",
    "train.ptr.npy",
    "train.ptr.npy.crc",
    "train.segments.npy",
    "train.segments.npy.crc",
    "view.json",
]


@pytest.mark.parametrize("numba", [True, False])
@pytest.mark.parametrize("name", FILES)
def test_damage_is_named_before_a_wrong_token_leaves(
    tmp_path: Path, name: str, numba: bool
) -> None:
    store = Store(tmp_path / "good")
    found = {"chat": corpora(store, masks=True)["c"]}
    plan = plan_of(store, found, loss="assistant")
    version = found["chat"].version.manifest
    folders = (found["chat"].token_set.folder, "views")
    path = next(path for path in store.root.rglob(name) if set(path.parts) & set(folders))
    good = path.read_bytes()
    middle = len(good) // 2
    where = rf"source chat, dataset {version.name}@{version.digest}: .*"
    short = "not JSON" if name == "view.json" else "bytes, its manifest says"
    damages = {
        "flipped": (good[:middle] + bytes([good[middle] ^ 4]) + good[middle + 1 :], "sha256:.*sha"),
        "short": (good[:-2], short),
        "missing": (None, "is missing"),
    }
    for kind, (data, message) in damages.items():
        shutil.rmtree(tmp_path / kind, ignore_errors=True)
        shutil.copytree(store.root, tmp_path / kind)
        bad = tmp_path / kind / path.relative_to(store.root)
        if data is None:
            bad.unlink()
        else:
            bad.write_bytes(data)
        engine = Engine.open(tmp_path / kind, plan, numba=numba)
        out = np.zeros((engine.total(), 8), np.uint16)
        with pytest.raises(CorruptStore, match=where) as error:
            engine.read(0, engine.total(), sections=SECTIONS, out=out)
        assert error.match(message)
        assert not out.any() or "mask" in name
        assert path.name in str(error.value)


def test_a_plan_with_other_bytes_than_its_name_says_is_not_streamed(tmp_path: Path) -> None:
    """A plan with another seed is as good a plan, and other tokens under the same digest."""
    store = Store(tmp_path)
    plan = plan_of(store, corpora(store))
    path = store.plan_path(plan)
    path.write_bytes(path.read_bytes().replace(b'"seed":', b'"seed":1'))
    with pytest.raises(CorruptStore, match=rf"plan {plan}: {path} is damaged, its bytes have"):
        Engine.open(tmp_path, plan)


@pytest.mark.parametrize("numba", [True, False])
@pytest.mark.parametrize(
    "name", ["part-00001.tok", "part-00001.mask", "train.ptr.npy", "train.segments.npy"]
)
@pytest.mark.parametrize("damage", ["cut", "emptied", "overwritten", "replaced"])
def test_damage_while_it_streams_is_an_error_and_no_wrong_token(
    tmp_path: Path, name: str, numba: bool, damage: str
) -> None:
    """Every block was verified before the file is damaged; nothing is trusted for ever."""
    store = Store(tmp_path)
    found = {"chat": corpora(store, masks=True)["c"]}
    engine = Engine.open(tmp_path, plan_of(store, found, loss="assistant"), numba=numba)
    total = engine.total()
    engine.read(0, total, sections=SECTIONS)
    folders = (found["chat"].token_set.folder, "views")
    path = next(path for path in store.root.rglob(name) if set(path.parts) & set(folders))
    good = path.read_bytes()
    wrong = bytes(byte ^ 1 for byte in good)
    if damage == "replaced":
        (tmp_path / "other").write_bytes(wrong)
        (tmp_path / "other").rename(path)
    elif damage == "overwritten":
        with path.open("r+b") as file:
            file.write(wrong)
    else:
        os.truncate(path, 0 if damage == "emptied" else len(good) - 2)
    for _ in range(2):
        out = np.zeros((total, 8), np.uint16)
        with pytest.raises(CorruptStore, match="source chat, dataset cc@sha256:") as error:
            engine.read(0, total, sections=SECTIONS, out=out)
        assert error.match(rf"{name}.*expected sha256:[0-9a-f]{{64}}, found sha256:[0-9a-f]{{64}}")
    path.write_bytes(good)  # mended: the stream goes on
    fresh = Engine.open(tmp_path, engine.plan.digest, numba=numba).read(0, total, sections=SECTIONS)
    np.testing.assert_array_equal(engine.read(0, total).tokens, fresh.tokens)


@pytest.mark.parametrize("numba", [True, False])
def test_a_file_that_was_touched_or_removed_still_streams(tmp_path: Path, numba: bool) -> None:
    store = Store(tmp_path)
    engine = Engine.open(tmp_path, plan_of(store, corpora(store)), numba=numba)
    before = engine.read(0, engine.total(), sections=SECTIONS)
    for path in tmp_path.rglob("*.tok"):
        path.touch()
    np.testing.assert_array_equal(engine.read(0, engine.total()).tokens, before.tokens)
    for path in tmp_path.rglob("*.tok"):
        path.unlink()
    np.testing.assert_array_equal(engine.read(0, engine.total()).tokens, before.tokens)


def test_many_files_are_looked_at_by_turns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("awase_client.engine.shelf.MAX_LOOKS", 2)
    store = Store(tmp_path)
    engine = Engine.open(tmp_path, plan_of(store, corpora(store)), numba=True)
    engine.read(0, engine.total())
    path = next(tmp_path.rglob("part-00002.tok"))
    with path.open("r+b") as file:
        file.write(bytes(byte ^ 1 for byte in path.read_bytes()))
    with pytest.raises(CorruptStore, match=r"part-00002\.tok"):  # noqa: PT012
        for _ in range(8):
            engine.read(0, engine.total())
