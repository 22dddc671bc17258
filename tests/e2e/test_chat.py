"""Chats in, loss masks out: JSONL -> curate -> tokenize -> plan -> stream, by the real commands."""

from __future__ import annotations

import json
import random
import re
from itertools import pairwise
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import sentencepiece

from awase_client import TokenStream
from pipelines.cli.main import run
from tests.e2e.corpus import english, japanese

RECIPE = """
version: 1
input:
  chat:
    messages: turns
    template:
      user:      {before: "USER: ", after: "\\n"}
      assistant: {before: "BOT: ", after: " END\\n", loss: true}
datasets:
  sft:
    steps: [{step: pii}]
    dedup: false
"""
MIXTURE = """
version: 1
name: sft
tokenizer: t@1
sequence_length: {length}
seed: 3
loss: assistant
budget: {budget}
sources:
  chats: {{dataset: sft, weight: 1}}
"""
LENGTH, SEQUENCES = 2048, 40


def talks(rng: random.Random) -> list[list[dict[str, str]]]:
    """120 chats of 1 to 4 exchanges; what the assistant says holds an address to be redacted."""
    found = []
    for number in range(120):
        turns = []
        for turn in range(rng.randint(1, 4)):
            turns.append({"role": "user", "content": japanese(rng, 1)})
            address = f" taro{number}.{turn}@example.co.jp" if rng.random() < 0.4 else ""
            turns.append({"role": "assistant", "content": english(rng, 1) + address})
        found.append(turns)
    found[7] = found[7][:1]  # nobody answers: there is nothing to learn
    return found


@pytest.fixture
def stream(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[Path, str, list[list[dict[str, str]]]]:
    chats = talks(random.Random(8))
    lines = [json.dumps({"id": f"c{k}", "turns": turns}) for k, turns in enumerate(chats)]
    lines.append(json.dumps({"id": "bad", "turns": [{"role": "narrator", "content": "x"}]}))
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "recipe.yaml").write_text(RECIPE.replace("input:", "input:\n  max_bad_records: 1"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWASE_STORE", str(tmp_path / "store"))
    assert run(["curate", "recipe.yaml", "--input", "in.jsonl", "--workers", "1"]) == 0
    assert "message 1 has role 'narrator'" in capsys.readouterr().err
    assert run(["tokenizer", "train", "t", "sft", "--vocabulary", "1000"]) == 0
    assert run(["tokenize", "sft", "--tokenizer", "t@1", "--workers", "1"]) == 0
    (tmp_path / "mixture.yaml").write_text(MIXTURE.format(length=LENGTH, budget=LENGTH * SEQUENCES))
    capsys.readouterr()
    assert run(["mixture", "plan", "mixture.yaml", "--json"]) == 0
    return tmp_path / "store", json.loads(capsys.readouterr().out)["plan"], chats


def test_the_streams_loss_mask_is_what_the_assistant_said(
    stream: tuple[Path, str, list[list[dict[str, str]]]],
) -> None:
    """Against ids and masks made from the messages by sentencepiece itself, with its own spans."""
    store, plan, chats = stream
    [shard] = (store / "datasets" / "sft").glob("*/part-00000.parquet")
    table = pq.read_table(shard).to_pylist()
    assert [row["id"] for row in table] == [f"c{k}" for k in range(120) if k != 7]
    [model] = (store / "tokenizers").glob("*/*.model")
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    eos = processor.eos_id()
    known: dict[tuple[int, ...], list[int]] = {}
    for row in table:
        ids: list[int] = []
        mask: list[int] = []
        before = ""
        for turn in chats[int(row["id"][1:])]:
            said = re.sub(r"\S+@example\.co\.jp", "email@example.com", turn["content"])
            own = f"USER: {said}\nBOT: " if turn["role"] == "user" else f"{said} END\n"
            before += own
            encoded = processor.encode(own)
            ids += encoded
            mask += [int(turn["role"] == "assistant")] * len(encoded)
        assert before == row["text"]
        known[*ids, eos] = [*mask, mask[-1]]  # an eos counts as what it ends
    with TokenStream(store, plan) as batches:
        assert batches.total == SEQUENCES
        compared = set()
        for batch in batches:
            assert batch.loss_mask is not None
            ids, mask = batch.input_ids[0].tolist(), batch.loss_mask[0].tolist()
            borders = [k + 1 for k, id in enumerate(ids) if id == eos]
            for start, end in pairwise(borders):
                document = tuple(ids[start:end])
                assert mask[start:end] == known[document]
                compared.add(document)
    assert len(compared) > 60, "most documents lie whole in some sequence"
