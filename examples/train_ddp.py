"""Train a small GPT with torch DDP from a token stream; kill it, resume with another world.

    awase serve &
    python examples/train_ddp.py --source http://127.0.0.1:8321 --plan sha256:... --processes 2
    (kill it, at any moment)
    python examples/train_ddp.py --source http://127.0.0.1:8321 --plan sha256:... --processes 1

The second command goes on at the step after the last checkpoint, with the same data in the same
order: the cursor in the checkpoint is the whole state of the stream. Needs torch.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from awase_client.torch import TorchStream


class SmallGPT(nn.Module):
    """Two blocks of causal attention; enough to see a loss go down."""

    def __init__(self, vocabulary: int, length: int, width: int = 64) -> None:
        super().__init__()
        self.tokens = nn.Embedding(vocabulary, width)
        self.places = nn.Embedding(length, width)
        layer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.blocks = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, vocabulary, bias=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        length = ids.shape[1]
        x = self.tokens(ids) + self.places(torch.arange(length, device=ids.device))
        mask = nn.Transformer.generate_square_subsequent_mask(length, device=ids.device)
        return self.head(self.blocks(x, mask=mask, is_causal=True))


def train(rank: int, world: int, port: int, options: argparse.Namespace) -> None:
    """One process: every step reads its rank's share of the global batch."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=world)
    torch.manual_seed(0)
    torch.set_num_threads(1)
    model = SmallGPT(options.vocabulary, options.length)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    step, cursor = 0, None
    if options.checkpoint.exists():
        saved = torch.load(options.checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        step, cursor = saved["step"], saved["data"]
    parallel = DistributedDataParallel(model)
    stream = TorchStream(
        options.source,
        options.plan,
        rank=rank,
        world=world,
        batch=options.batch // world,
        cursor=cursor,
        key=os.environ.get("AWASE_KEY"),
    )
    for batch in stream:
        if step == options.steps:
            break
        ids = batch["input_ids"]
        logits = parallel(ids[:, :-1])
        loss = functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        mean = loss.detach().clone()
        dist.all_reduce(mean)
        if rank == 0:
            line = {"step": step, "loss": mean.item() / world, "world": world}
            print(json.dumps(line | {"position": batch["cursor"]["position"]}), flush=True)
            if step % options.save_every == 0:
                save(options.checkpoint, model, optimizer, step, batch["cursor"])
    dist.destroy_process_group()


def save(
    path: Path,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    cursor: dict[str, object],
) -> None:
    """One file, whole or not at all."""
    state = {
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "data": cursor,
    }
    attempt = path.with_suffix(".tmp")
    torch.save(state, attempt)
    attempt.rename(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", required=True, help="a server's URL, or a store's folder")
    parser.add_argument("--plan", required=True)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8, help="sequences a step, of all processes")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--save-every", type=int, default=5)
    parser.add_argument("--checkpoint", type=Path, default=Path("train_ddp.pt"))
    parser.add_argument("--vocabulary", type=int, default=65_536)
    parser.add_argument("--length", type=int, default=4096, help="longest sequence")
    options = parser.parse_args()
    if options.batch % options.processes:
        parser.error(f"--batch {options.batch} is not divisible by {options.processes} processes")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(
        train, args=(options.processes, port, options), nprocs=options.processes
    )


if __name__ == "__main__":
    main()
