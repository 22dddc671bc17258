"""Messages become text and spans; spans follow the text through steps that rewrite it."""

from __future__ import annotations

import re
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.base.errors import InvalidDocument
from curation.chat import SPANS_TYPE, BadChat, Chat, ChatStep, Role, follow
from curation.normalise import Normalise
from curation.pii import PersonalData
from curation.recipe import parse_recipe
from curation.shards.rows import SPANS, digests
from curation.steps import Scored

QA = Chat(roles=(Role("user", "Q: ", "\n", False), Role("assistant", "A: ", "</s>\n", True)))
TALK = [
    {"role": "user", "content": "猫は？"},
    {"role": "assistant", "content": "好き"},
    {"role": "user", "content": ""},
    {"role": "assistant", "content": ""},
]


def marked(text: str, spans: list[dict[str, int]]) -> list[str]:
    return [text[span["start"] : span["end"]] for span in spans]


def test_the_assistants_words_and_the_end_of_its_turn_count() -> None:
    text, spans = QA.render(TALK)
    assert text == "Q: 猫は？\nA: 好き</s>\nQ: \nA: </s>\n"
    assert marked(text, spans) == ["好き</s>\n", "</s>\n"]


def test_chatml_is_chatml() -> None:
    text, spans = Chat().render([{"role": "system", "content": "S"}, *TALK[:2]])
    assert text == (
        "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\n猫は？<|im_end|>\n"
        "<|im_start|>assistant\n好き<|im_end|>\n"
    )
    assert marked(text, spans) == ["好き<|im_end|>\n"]


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        (None, "the field 'messages' is missing"),
        ([], "is '[]', not a list of some"),
        ("hello", "is 'hello', not a list of some"),
        (["hello"], "message 1 is 'hello', not an object"),
        ([TALK[0], {"role": "judge", "content": ""}], "message 2 has role 'judge', the template"),
        ([{"role": "user"}], "message 1 has no content; it must be a string"),
        ([{"role": "user", "content": [1]}], "message 1 has list as content"),
        ([TALK[0]] * 10_001, "10001 messages, more than 10000"),
    ],
)
def test_messages_that_do_not_fit_are_bad_records(messages: Any, why: str) -> None:
    with pytest.raises(BadChat, match=re.escape(why)):
        QA.render(messages)


def chats(*talks: list[dict[str, str]]) -> tuple[pa.Array, dict[str, pa.Array]]:
    found = [QA.render(talk) for talk in talks]
    texts = pa.array([text for text, _ in found], pa.large_string())
    return texts, {SPANS: pa.array([spans for _, spans in found], SPANS_TYPE)}


def moved(step: Any, *talks: list[dict[str, str]]) -> list[list[str]]:
    before, columns = chats(*talks)
    after = step.score(before, columns).text
    assert after is not None
    spans = follow(step, before, after, columns)
    return [
        marked(text, found)
        for text, found in zip(after.to_pylist(), spans.to_pylist(), strict=True)
    ]


def test_spans_follow_a_normalisation_and_a_redaction() -> None:
    asks = {"role": "user", "content": "ｶﾞ\u200bｷﾞ\r\n"}
    says = {"role": "assistant", "content": "ｱｲｳﾞ taro@example.co.jp か\u3099"}
    assert moved(Normalise(), [asks, says, asks, says], TALK) == [
        ["アイヴ taro@example.co.jp が</s>\n"] * 2,
        ["好き</s>\n", "</s>\n"],
    ]
    [[first, second]] = moved(PersonalData(), [asks, says, asks, says])
    assert first == second
    assert first.startswith("ｱｲｳﾞ ")
    assert "taro" not in first
    assert first.endswith("か\u3099</s>\n")


@given(st.lists(st.text("aｶﾞ\u3099か\r\n\x00é\u0301<", max_size=6), min_size=1, max_size=6))
def test_a_span_that_is_left_holds_what_the_assistant_said(contents: list[str]) -> None:
    """Wherever spans are kept, they are the assistant's text as the step makes it of it alone."""
    step = Normalise()
    talk = [
        {"role": ("user", "assistant")[number % 2], "content": content}
        for number, content in enumerate(contents)
    ]
    before, columns = chats(talk)
    after = step.score(before, columns).text
    if after is None:
        return
    spans = follow(step, before, after, columns).to_pylist()[0]
    if spans:
        wanted = [step.text(item["content"] + "</s>\n") for item in talk[1::2]]
        assert marked(after[0].as_py(), spans) == wanted


class Swap:
    """A step that moves text across every border."""

    name, statistics, rules = "swap", (), ()

    def score(self, text: pa.Array, columns: Any) -> Scored:
        return Scored({}, pa.array([t[::-1] for t in text.to_pylist()], pa.large_string()))


def test_where_borders_are_lost_nothing_counts_and_the_document_is_dropped() -> None:
    assert moved(Swap(), TALK) == [[]]
    texts, columns = chats(TALK, TALK[:1])
    scores = ChatStep().score(texts, columns).scores
    assert scores["loss_spans"].to_pylist() == [2, 0]
    assert scores["loss_characters"].to_pylist() == [12, 0]
    assert ChatStep().rules[0].failed(scores).tolist() == [False, True]


def recipe(chat: str) -> str:
    return f"version: 1\ninput:\n  chat: {chat}\ndatasets: {{sft: {{}}}}\n"


def test_a_template_is_part_of_what_names_the_result() -> None:
    plain = parse_recipe("version: 1\ndatasets: {sft: {}}\n")
    chatml = parse_recipe(recipe("{template: chatml}"))
    own = parse_recipe(recipe("{template: {user: {}, assistant: {after: '!', loss: true}}}"))
    assert len({item.fingerprint for item in (plain, chatml, own)}) == 3
    assert parse_recipe(recipe("true")).fingerprint == chatml.fingerprint
    assert [step.name for step in chatml.datasets[0].steps] == ["chat"]
    assert own.input.read.chat == Chat(
        roles=(Role("user", "", "", False), Role("assistant", "", "!", True))
    )
    assert parse_recipe(recipe("false")).fingerprint == plain.fingerprint


@pytest.mark.parametrize(
    ("chat", "problem"),
    [
        ("{template: chatlm}", "3:20: input.chat.template: expected chatml, found the string"),
        ("{template: {user: {}}}", "no role counts in the loss"),
        ("{template: {'A B': {loss: true}}}", "a role's name has"),
        ("{template: {user: {befor: x, loss: true}}}", "3:28: input.chat.template.user.befor: unk"),
        ("{mesages: m}", "input.chat.mesages: unknown key; did you mean 'messages'?"),
        ("[1]", "expected a mapping"),
    ],
)
def test_faults_of_a_chat_have_their_place(chat: str, problem: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse_recipe(recipe(chat), file="r.yaml")
    assert problem in str(caught.value)


def test_spans_are_part_of_the_text_digest_and_nothing_else_changed() -> None:
    def of(spans: list[dict[str, int]] | None) -> str:
        columns: dict[str, Any] = {"id": ["1"], "text": ["abc"]}
        if spans is not None:
            columns[SPANS] = pa.array([spans], SPANS_TYPE)
        table = pa.table(columns)
        return digests(table.schema, table.to_batches())[1]

    one = [{"start": 0, "end": 2}]
    assert len({of(None), of(one), of([{"start": 1, "end": 2}])}) == 3
