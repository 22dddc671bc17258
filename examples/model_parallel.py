"""One fetch per model-parallel group: ranks that share parameters share their data.

    python examples/model_parallel.py SOURCE PLAN [--data-parallel 2] [--tensor-parallel 2]

Tensor- and pipeline-parallel ranks of one replica need the same batch. Only the first rank of each
group reads the stream, as data-parallel rank r of w, and broadcasts inside its group. (They could
as well all ask for the same rank: the bytes are the same, the network carries them more often.)
Needs torch.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys

import torch
import torch.distributed as dist

from awase_client.torch import TorchStream


def worker(rank: int, port: int, options: argparse.Namespace) -> None:
    """Rank `rank` of all; its group is rank // tensor_parallel."""
    size = options.tensor_parallel
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=size * options.data_parallel)
    groups = [
        dist.new_group(list(range(first, first + size)))
        for first in range(0, size * options.data_parallel, size)
    ]
    replica = rank // size
    leader = replica * size
    batches = None
    if rank == leader:
        batches = iter(
            TorchStream(
                options.source, options.plan, rank=replica, world=options.data_parallel, batch=2
            )
        )
    for _ in range(options.steps):
        held = [None if batches is None else next(batches)["input_ids"]]
        dist.broadcast_object_list(held, src=leader, group=groups[replica])
        ids = held[0]
        assert isinstance(ids, torch.Tensor)
        line = f"rank {rank}, replica {replica}: first tokens {ids[0, :4].tolist()}\n"
        sys.stdout.write(line)  # in one piece, as all ranks share the pipe; print may write two
        sys.stdout.flush()
    dist.destroy_process_group()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("plan")
    parser.add_argument("--data-parallel", type=int, default=2)
    parser.add_argument("--tensor-parallel", type=int, default=2)
    parser.add_argument("--steps", type=int, default=2)
    options = parser.parse_args()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    world = options.data_parallel * options.tensor_parallel
    torch.multiprocessing.spawn(worker, args=(port, options), nprocs=world)


if __name__ == "__main__":
    main()
