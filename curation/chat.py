"""Chats: a record's messages become one text and the spans of it that count in the loss.

    input:
      chat:
        messages: messages                 # the record's field: a list of messages
        role: role                         # fields of a message
        content: content
        template: chatml                   # or what stands around each role's content:
        # template:
        #   system:    {after: "\n\n"}
        #   user:      {before: "Q: ", after: "\n"}
        #   assistant: {before: "A: ", after: "</s>\n", loss: true}

A message becomes before + content + after; of a role with `loss: true` the content and what stands
after it (the model must learn to end its turn) are a span in the column `loss_spans`, which
`awase tokenize` makes into a loss mask. Spans count code points of `text`, are sorted and disjoint.

Steps may rewrite the text. `follow` moves the spans along: the text is cut at their borders, the
step rewrites the pieces, and where the pieces join to what it made of the whole text, the borders
are known. Where they do not, the document keeps no span, so that no wrong token is ever trained on,
and the step `chat`, the last of each dataset, drops it with the reason `chat.no_loss`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from curation.base.fields import Fields
from curation.base.yaml import Scalar
from curation.shards.rows import SPANS
from curation.steps import PART, Rule, Scored, Statistic, Step

SPANS_TYPE = pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64())]))
KEYS = ("messages", "role", "content", "template")
ROLE_KEYS = ("before", "after", "loss")
MAX_MESSAGES = 10_000


@dataclass(frozen=True, slots=True)
class Role:
    """What stands around the content of one role's messages, and whether they count in the loss."""

    name: str
    before: str
    after: str
    loss: bool


def _chatml(name: str) -> Role:
    return Role(name, f"<|im_start|>{name}\n", "<|im_end|>\n", name == "assistant")


# ChatML as OpenAI published it (openai-python, chatml.md, 2023) and Qwen's tokenizers render it.
TEMPLATES = {"chatml": tuple(_chatml(name) for name in ("system", "user", "assistant", "tool"))}


class BadChat(ValueError):
    """Messages that the template cannot render, and why."""


@dataclass(frozen=True, slots=True)
class Chat:
    """How records' messages become text."""

    messages: str = "messages"
    role: str = "role"
    content: str = "content"
    roles: tuple[Role, ...] = TEMPLATES["chatml"]

    @property
    def settings(self) -> dict[str, Any]:
        """What decides the text, as canonical JSON values."""
        return {
            "fields": [self.messages, self.role, self.content],
            "roles": [[r.name, r.before, r.after, r.loss] for r in self.roles],
        }

    def render(self, messages: Any) -> tuple[str, list[dict[str, int]]]:
        """(text, loss spans) of a record's messages; BadChat names the message that is wrong."""
        if not isinstance(messages, Sequence) or isinstance(messages, str) or not messages:
            found = "missing" if messages is None else f"{str(messages)[:40]!r}, not a list of some"
            raise BadChat(f"the field {self.messages!r} is {found}")
        if len(messages) > MAX_MESSAGES:
            raise BadChat(f"{len(messages)} messages, more than {MAX_MESSAGES}")
        roles = {role.name: role for role in self.roles}
        text: list[str] = []
        spans: list[dict[str, int]] = []
        at = 0
        for number, message in enumerate(messages, start=1):
            role, content = self._message(number, message, roles)
            start = at + len(role.before)
            at = start + len(content) + len(role.after)
            text += (role.before, content, role.after)
            if role.loss and at > start:
                spans.append({"start": start, "end": at})
        return "".join(text), spans

    def _message(self, number: int, message: Any, roles: Mapping[str, Role]) -> tuple[Role, str]:
        if not isinstance(message, Mapping):
            raise BadChat(f"message {number} is {str(message)[:40]!r}, not an object")
        name, content = message.get(self.role), message.get(self.content)
        if not isinstance(name, str) or name not in roles:
            raise BadChat(
                f"message {number} has {self.role} {str(name)[:40]!r}, "
                f"the template knows {', '.join(roles)}"
            )
        if not isinstance(content, str):
            found = "no" if content is None else f"{type(content).__name__} as"
            raise BadChat(f"message {number} has {found} {self.content}; it must be a string")
        return roles[name], content


def read_chat(fields: Fields) -> Chat | None:
    """The recipe's `input.chat`; every fault becomes a problem with its place."""
    node = fields.value("chat")
    if isinstance(node, Scalar):
        return Chat() if fields.flag("chat", True) else None
    inner = fields.inner("chat", known=KEYS)
    if inner is None:
        return None
    default = Chat()
    return Chat(
        inner.text("messages") or default.messages,
        inner.text("role") or default.role,
        inner.text("content") or default.content,
        _template(inner),
    )


def _template(fields: Fields) -> tuple[Role, ...]:
    node = fields.value("template")
    if node is None or isinstance(node, Scalar):
        return TEMPLATES[fields.choice("template", tuple(TEMPLATES), "chatml")]
    inner = fields.inner("template", known=None)
    roles: list[Role] = []
    for name in inner.entries if inner is not None else ():
        assert inner is not None
        if not PART.fullmatch(name):
            inner.report_key(name, "a role's name has a-z, 0-9 and '_', a letter first")
        role = inner.inner(name, known=ROLE_KEYS)
        if role is not None:
            before, after = role.text("before") or "", role.text("after") or ""
            roles.append(Role(name, before, after, role.flag("loss", False)))
    if not any(role.loss for role in roles):
        fields.report("template", "no role counts in the loss: give one `loss: true`")
    return tuple(roles)


@dataclass(frozen=True)
class ChatStep:
    """The step `chat`: how much of a rendered chat counts in the loss. Last of each dataset."""

    name: str = "chat"
    rewrites: bool = False
    statistics: tuple[Statistic, ...] = (
        Statistic("loss_spans", pa.int64(), "spans", "stretches that count in the loss"),
        Statistic("loss_characters", pa.int64(), "code points", "text that counts in the loss"),
    )
    rules: tuple[Rule, ...] = (
        Rule("no_loss", "loss_characters", "==", 0, "awase: a chat from which nothing is learnt"),
    )
    settings: dict[str, Any] = field(default_factory=dict)

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        spans = columns[SPANS]
        counts = pc.fill_null(pc.list_value_length(spans), 0).to_numpy().astype(np.int64)
        flat = spans.flatten()
        ends = np.concatenate([[0], np.cumsum(flat.field("end").to_numpy())])
        starts = np.concatenate([[0], np.cumsum(flat.field("start").to_numpy())])
        last = np.cumsum(counts)
        first = last - counts
        sizes = (ends[last] - ends[first]) - (starts[last] - starts[first])
        return Scored({"loss_spans": pa.array(counts), "loss_characters": pa.array(sizes)})


def follow(
    step: Step, before: pa.Array, after: pa.Array, columns: Mapping[str, pa.Array]
) -> pa.Array:
    """`columns[SPANS]` moved from the text `before` to `after`, which `step` made of it."""
    spans = columns[SPANS]
    rows = np.flatnonzero(pc.not_equal(before, after).to_numpy(zero_copy_only=False))
    if not len(rows):
        return spans
    cuts = [_cut(before[row].as_py(), spans[row].as_py() or []) for row in rows.tolist()]
    pieces = pa.array([piece for cut in cuts for piece in cut], pa.large_string())
    owners = pa.array(np.repeat(rows, [len(cut) for cut in cuts]))
    taken = {name: values.take(owners) for name, values in columns.items()}
    rewritten = step.score(pieces, taken).text
    texts = (pieces if rewritten is None else rewritten).to_pylist()
    found = spans.to_pylist()
    place = 0
    for row, cut in zip(rows.tolist(), cuts, strict=True):
        own = texts[place : place + len(cut)]
        place += len(cut)
        found[row] = _moved(own) if "".join(own) == after[row].as_py() else []
    return pa.array(found, SPANS_TYPE)


def _cut(text: str, spans: Sequence[Mapping[str, int]]) -> list[str]:
    """Text outside and inside spans by turns, beginning and ending outside."""
    borders = [0, *(border for span in spans for border in (span["start"], span["end"])), len(text)]
    return [text[start:end] for start, end in pairwise(borders)]


def _moved(pieces: Sequence[str]) -> list[dict[str, int]]:
    ends = np.cumsum([len(piece) for piece in pieces]).tolist()
    return [
        {"start": ends[k - 1], "end": ends[k]}
        for k in range(1, len(pieces) - 1, 2)
        if ends[k] > ends[k - 1]
    ]
