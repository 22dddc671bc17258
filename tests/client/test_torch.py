"""The torch adapter and the DDP example; needs torch: `make test-torch`."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from awase_client import BadCursor, CorruptStore, Cursor, Options, Unreachable
from tests.streams import LENGTH, Stream, serving

pytestmark = pytest.mark.torch
torch = pytest.importorskip("torch", reason="torch is not installed: `make test-torch`")

EXAMPLES = Path(__file__).parents[2] / "examples"


def rows_of(batches: Any) -> list[Any]:
    return [batch["input_ids"].numpy() for batch in batches]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_resumes_exactly(stream: Stream, url: str, workers: int) -> None:
    loader = pytest.importorskip("torchdata.stateful_dataloader").StatefulDataLoader
    from awase_client.torch import TorchStream

    def make(source: Any) -> Any:
        dataset = TorchStream(source, stream.plan, rank=1, world=2, batch=5)
        return loader(dataset, batch_size=None, num_workers=workers)

    whole = rows_of(make(str(stream.store)))
    assert len(whole) == stream.total // 10
    first = make(url)
    batches = iter(first)
    begun = [next(batches)["input_ids"].numpy() for _ in range(7)]
    state = first.state_dict()
    second = make(url)
    second.load_state_dict(state)
    resumed = rows_of(second)
    np.testing.assert_array_equal(np.stack(begun + resumed), np.stack(whole))


@pytest.mark.filterwarnings("ignore")
def test_the_cursor_of_a_batch_starts_any_number_of_workers(stream: Stream) -> None:
    from torch.utils.data import DataLoader

    from awase_client.torch import TorchStream

    for workers in (0, 2, 3):
        dataset = TorchStream(stream.store, stream.plan, batch=4)
        batches = list(DataLoader(dataset, batch_size=None, num_workers=workers))
        got = np.concatenate([batch["input_ids"].numpy() for batch in batches])
        np.testing.assert_array_equal(got, stream.tokens[: len(got)])
        assert len(got) == stream.total // 4 * 4
        assert batches[9]["cursor"] == {"version": 1, "plan": stream.plan, "position": 40}
        assert batches[0]["input_ids"].dtype == torch.int64
        assert batches[0]["input_ids"].shape == (4, LENGTH)
        start = TorchStream(stream.store, stream.plan, batch=4, cursor=batches[9]["cursor"])
        following = next(iter(DataLoader(start, batch_size=None, num_workers=workers)))
        assert following["positions"].tolist() == [40, 41, 42, 43]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("servers", [1, 2])
def test_dead_servers_are_an_error_that_names_the_position_never_an_end(
    stream: Stream, workers: int, servers: int
) -> None:
    """As the trainer sees it: through loader workers the error keeps its name and its text."""
    from torch.utils.data import DataLoader

    from awase_client.torch import TorchStream

    options = Options(in_flight=1, request_bytes=1, timeout_seconds=2, patience_seconds=0.5)
    with ExitStack() as running:
        urls = [running.enter_context(serving(stream.store)) for _ in range(servers)]
        dataset = TorchStream(urls, stream.plan, batch=4, options=options)
        batches = iter(DataLoader(dataset, batch_size=None, num_workers=workers))
        received = [next(batches) for _ in range(5)]
    with pytest.raises(Unreachable) as caught:
        received.extend(batches)
    position = 4 * len(received)
    assert f"position {position}: no answer from {', '.join(urls)}" in str(caught.value)
    assert caught.value.position == position == received[-1]["cursor"]["position"]
    got = np.concatenate([batch["input_ids"].numpy() for batch in received])
    np.testing.assert_array_equal(got, stream.tokens[:position])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("workers", [0, 2])
def test_a_damaged_token_file_is_named_through_loader_workers(
    stream: Stream, workers: int, tmp_path: Path
) -> None:
    from torch.utils.data import DataLoader

    from awase_client.torch import TorchStream

    shutil.copytree(stream.store, tmp_path / "store")
    for path in tmp_path.glob("store/tokens/*/part-00000.tok"):
        os.truncate(path, 64)
    dataset = TorchStream(tmp_path / "store", stream.plan, batch=4)
    with pytest.raises(CorruptStore, match=r"dataset [a-z-]+@sha256:.*part-00000\.tok"):
        list(DataLoader(dataset, batch_size=None, num_workers=workers))


def test_a_state_of_other_workers_is_refused(stream: Stream) -> None:
    from awase_client.torch import TorchStream

    dataset = TorchStream(stream.store, stream.plan)
    cursor = Cursor(stream.plan, 4).to_document()
    dataset.load_state_dict({"cursor": cursor, "worker": 1, "workers": 2})
    with pytest.raises(BadCursor, match="loader worker 1 of 2, this is 0 of 1"):
        next(iter(dataset))
    dataset.load_state_dict(cursor)
    assert next(iter(dataset))["positions"].tolist() == [4]


def train(url: str, stream: Stream, folder: Path, *, processes: int, steps: int) -> Any:
    command = [
        sys.executable,
        str(EXAMPLES / "train_ddp.py"),
        *("--source", url, "--plan", stream.plan, "--processes", str(processes)),
        *("--steps", str(steps), "--batch", "6", "--vocabulary", "50000", "--length", "16"),
        *("--checkpoint", str(folder / "model.pt"), "--save-every", "4"),
    ]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, start_new_session=True, env=dict(os.environ)
    )


def test_ddp_is_killed_and_resumes_with_another_world(
    stream: Stream, url: str, tmp_path: Path
) -> None:
    reference = train(url, stream, _folder(tmp_path / "whole"), processes=1, steps=16)
    whole = [json.loads(line) for line in reference.communicate()[0].splitlines()]
    folder = _folder(tmp_path / "killed")
    killed = train(url, stream, folder, processes=2, steps=10_000)
    before = []
    for line in killed.stdout:
        before.append(json.loads(line))
        if len(before) == 10:
            os.killpg(killed.pid, 9)
            break
    killed.communicate()
    after = train(url, stream, folder, processes=1, steps=16)
    resumed = [json.loads(line) for line in after.communicate()[0].splitlines()]
    assert [line["step"] for line in whole] == list(range(1, 17))
    first = resumed[0]["step"]
    assert first in (9, 13), "the step after the last checkpoint"
    assert resumed[-1]["step"] == 16
    joined = before[: first - 1] + resumed
    assert [line["position"] for line in joined] == [line["position"] for line in whole]
    np.testing.assert_allclose(
        [line["loss"] for line in joined], [line["loss"] for line in whole], rtol=2e-3
    )
    assert whole[-1]["loss"] < whole[0]["loss"]


def _folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_a_model_parallel_group_fetches_once(stream: Stream) -> None:
    command = [sys.executable, str(EXAMPLES / "model_parallel.py"), str(stream.store), stream.plan]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found: dict[str, set[str]] = {}
    for line in out.splitlines():
        match = re.fullmatch(r"rank \d, replica (\d): first tokens (.*)", line)
        assert match is not None, line
        found.setdefault(match[1], set()).add(match[2])
    want = {
        str(r): {str(stream.tokens[4 * s + r, :4].tolist()) for s in range(2)} for r in range(2)
    }
    assert found == want
