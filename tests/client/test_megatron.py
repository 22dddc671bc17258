from __future__ import annotations

import pickle
import warnings
from multiprocessing import get_context
from multiprocessing.connection import Connection

import numpy as np
import pytest

from awase_client import BadCursor, Cursor, PlanMismatch
from awase_client.megatron import MegatronDataset
from tests.streams import LENGTH, Stream, serving


@pytest.mark.parametrize("block", [1, 7, 64])
def test_index_is_position(stream: Stream, url: str, block: int) -> None:
    for source in (stream.store, url):
        samples = MegatronDataset(source, stream.plan, block=block)
        assert len(samples) == stream.total
        for index in (0, 6, 7, 63, 64, 500, stream.total - 1, 3):
            sample = samples[index]
            np.testing.assert_array_equal(sample["tokens"], stream.tokens[index])
            np.testing.assert_array_equal(sample["labels"][:-1], stream.tokens[index][1:])
            assert sample["loss_mask"].tolist() == [1.0] * (LENGTH - 1) + [0.0]
            assert sample["position_ids"][0] == 0
            steps = np.diff(sample["position_ids"])
            assert ((steps == 1) | (sample["position_ids"][1:] == 0)).all()
        samples.close()


def test_outside_is_an_index_error(stream: Stream) -> None:
    samples = MegatronDataset(stream.store, stream.plan)
    for index in (-1, stream.total):
        with pytest.raises(IndexError, match=f"position {index} is outside"):
            samples[index]


def test_consumed_samples_is_the_cursor(stream: Stream) -> None:
    samples = MegatronDataset(stream.store, stream.plan)
    assert samples.cursor(120) == Cursor(stream.plan, 120)
    assert samples.consumed_samples(Cursor(stream.plan, 120)) == 120
    with pytest.raises(PlanMismatch):
        samples.consumed_samples(Cursor("sha256:" + "0" * 64, 120))


def test_the_plans_loss_mask_is_shifted_with_the_labels(masked: Stream) -> None:
    samples = MegatronDataset(masked.store, masked.plan)
    from awase_client.engine.reader import Engine

    block = Engine.open(masked.store, masked.plan).read(0, 20, sections=("loss_mask",))
    assert block.loss_mask is not None
    for index in range(20):
        want = block.loss_mask[index].tolist()
        assert samples[index]["loss_mask"].tolist() == [*map(float, want[1:]), 0.0]


def test_frames_cut_short_by_the_server_are_asked_for_again(stream: Stream) -> None:
    with serving(stream.store, frame_bytes=5 * LENGTH * 2) as url:
        samples = MegatronDataset(url, stream.plan, block=32)
        for index in (31, 0, 4, 5, 20, 40):
            np.testing.assert_array_equal(samples[index]["tokens"], stream.tokens[index])
        samples.close()


def test_a_block_of_nothing_is_refused(stream: Stream) -> None:
    with pytest.raises(BadCursor, match="block 0: at least one"):
        MegatronDataset(stream.store, stream.plan, block=0)


def test_forked_loader_workers_have_connections_of_their_own(stream: Stream, url: str) -> None:
    """As under DataLoader: each worker inherits the dataset, and all read at the same time."""
    samples = MegatronDataset(url, stream.plan, block=4)
    context = get_context("fork")
    workers = []
    for k in range(4):
        receive, send = context.Pipe(duplex=False)
        indices = range(k, stream.total, 4)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the server here has threads
            worker = context.Process(target=_send_all, args=(samples, indices, send))
            worker.start()
        send.close()
        workers.append((worker, receive, indices))
    for worker, receive, indices in workers:
        tokens, retries = receive.recv()
        np.testing.assert_array_equal(tokens, stream.tokens[list(indices)])
        assert retries == 0, "the answers to one worker's questions reached another"
        worker.join()
        assert worker.exitcode == 0
    np.testing.assert_array_equal(samples[9]["tokens"], stream.tokens[9])
    samples.close()


def _send_all(samples: MegatronDataset, indices: range, send: Connection) -> None:
    tokens = np.stack([samples[index]["tokens"] for index in indices])
    send.send((tokens, samples._reader.retries))


def test_a_spawned_loader_worker_gets_it_by_pickle(stream: Stream, url: str) -> None:
    for source in (stream.store, url):
        mine = MegatronDataset(source, stream.plan)
        samples = pickle.loads(pickle.dumps(mine))
        mine.close()
        assert len(samples) == stream.total
        np.testing.assert_array_equal(samples[70]["tokens"], stream.tokens[70])
        samples.close()
