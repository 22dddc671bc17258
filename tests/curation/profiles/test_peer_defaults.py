"""Thresholds of the profiles against the defaults of the installed datatrove and HojiChar.

Read from the peers' signatures, so that a release with another default fails here. A row says which
parameter a rule's threshold is, and with which operator the peer's source compares it; the
differential tests (`tests/curation/rules/test_*_peers.py`) see that the comparison is that one.
"""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from datatrove.pipeline.filters import (
    C4QualityFilter,
    FineWebQualityFilter,
    GopherQualityFilter,
    GopherRepetitionFilter,
    c4_filters,
    gopher_quality_filter,
)
from hojichar import document_filters as filters

from benchmarks._peers import datatrove_chain
from curation.kernels.c4 import PHRASES, POLICY
from curation.kernels.hojichar import GRAM, LEAD
from curation.profiles import load_profile
from curation.rules.quality import GOPHER_STOP_WORDS
from curation.steps import Rule

REPETITION = {
    "dup_para_frac": ("dup_para_frac", ">"),
    "dup_para_char_frac": ("dup_para_char_frac", ">"),
    "dup_line_frac": ("dup_line_frac", ">"),
    "dup_line_char_frac": ("dup_line_char_frac", ">"),
    **{f"top_{n}_gram": (f"top_n_grams:{n}", ">") for n in range(2, 5)},
    **{f"duplicated_{n}_n_grams": (f"dup_n_grams:{n}", ">") for n in range(5, 11)},
}
QUALITY = {
    "gopher_short_doc": ("min_doc_words", "<"),
    "gopher_long_doc": ("max_doc_words", ">"),
    "gopher_below_avg_threshold": ("min_avg_word_length", "<"),
    "gopher_above_avg_threshold": ("max_avg_word_length", ">"),
    "gopher_too_many_hashes": ("max_symbol_word_ratio", ">"),
    "gopher_too_many_ellipsis": ("max_symbol_word_ratio", ">"),
    "gopher_too_many_bullets": ("max_bullet_lines_ratio", ">"),
    "gopher_too_many_end_ellipsis": ("max_ellipsis_lines_ratio", ">"),
    "gopher_below_alpha_threshold": ("max_non_alpha_words_ratio", "<"),
    "gopher_enough_stop_words": ("min_stop_words", "<"),
}
FINEWEB = {
    "line_punct_ratio": ("line_punct_thr", "<"),
    "short_line_ratio": ("short_line_thr", ">"),
    "char_dup_ratio": ("char_duplicates_ratio", ">"),
    "list_ratio": ("new_line_ratio", ">"),
}
C4_PAGE = {"too_few_sentences": ("min_num_sentences", "<")}
NO_NUMBER = {"empty", "lorem_ipsum", "curly_bracket"}  # these ask whether, not how much

CASES = [
    ("gopher", 0, GopherRepetitionFilter, REPETITION),
    ("gopher", 1, GopherQualityFilter, QUALITY),
    ("c4", 0, C4QualityFilter, C4_PAGE),
    ("fineweb", 0, GopherRepetitionFilter, REPETITION),
    ("fineweb", 1, GopherQualityFilter, QUALITY),
    ("fineweb", 2, C4QualityFilter, C4_PAGE),
    ("fineweb", 3, FineWebQualityFilter, FINEWEB),
]


def defaults(callable_: Any) -> dict[str, Any]:
    """parameter -> default; a tuple of (n, threshold) gives parameter:n -> threshold too."""
    found = {}
    for name, parameter in inspect.signature(callable_).parameters.items():
        found[name] = parameter.default
        if name.endswith("_n_grams"):
            found |= {f"{name}:{n}": threshold for n, threshold in parameter.default}
    return found


def bounds(rules: tuple[Rule, ...]) -> dict[str, tuple[Any, str]]:
    return {r.reason: (r.threshold, r.op) for r in rules if r.reason not in NO_NUMBER}


@pytest.mark.parametrize(
    ("profile", "index", "peer", "table"), CASES, ids=lambda value: getattr(value, "__name__", None)
)
def test_thresholds_and_order_are_datatroves(
    profile: str, index: int, peer: Any, table: dict[str, tuple[str, str]]
) -> None:
    peers = defaults(peer)
    wanted = {reason: (peers[name], op) for reason, (name, op) in table.items()}
    found = bounds(load_profile(profile)[index].rules)
    assert found == wanted
    source = inspect.getsource(peer.filter)  # returns its reasons in this order
    places = [source.index(reason) for reason in found if f'"{reason}"' in source]
    assert places == sorted(places)
    assert places or peer is GopherRepetitionFilter


@pytest.mark.parametrize("profile", ["c4", "fineweb"])
def test_what_c4_asks_of_a_line_is_datatroves(profile: str) -> None:
    (settings,) = [step.settings for step in load_profile(profile) if step.name == "c4"]
    peers = defaults(C4QualityFilter)
    assert {
        "terminal_punctuation": peers["filter_no_terminal_punct"] and profile == "c4",
        "citations": peers["remove_citations"],
        "javascript": peers["filter_javascript"],
        "policy": peers["filter_policy"],
        "lorem_ipsum": peers["filter_lorem_ipsum"],
        "curly_bracket": peers["filter_curly_bracket"],
        "min_words": peers["min_words_per_line"],
        "max_word_length": peers["max_word_length"],
    } == settings
    policies = [phrase.decode() for phrase, kind in PHRASES if kind == POLICY]
    assert policies == c4_filters.POLICY_SUBSTRINGS


def test_short_lines_and_stop_words_are_datatroves() -> None:
    assert list(GOPHER_STOP_WORDS) == gopher_quality_filter.STOP_WORDS
    for profile in ("fineweb", "fineweb2-jpn"):
        (settings,) = [s.settings for s in load_profile(profile) if s.name == "fineweb"]
        assert settings["short"] == defaults(FineWebQualityFilter)["short_line_length"]


def test_what_fineweb2_leaves_to_defaults_are_datatroves() -> None:
    """The others are of its configs/jpn_Jpan.yml, which no package has."""
    (quality,) = [s for s in load_profile("fineweb2-jpn") if s.name == "quality"]
    peers = defaults(GopherQualityFilter)
    own = {"gopher_below_avg_threshold", "gopher_above_avg_threshold"}
    own |= {"gopher_below_alpha_threshold"}
    found = bounds(quality.rules)
    assert list(found) == list(QUALITY)
    for reason, (name, op) in QUALITY.items():
        assert found[reason][1] == op
        assert (found[reason][0] == peers[name]) == (reason not in own), reason


def test_fineweb2_has_the_thresholds_of_the_chain_it_is_compared_with() -> None:
    """The filters of `test_fineweb2_decides_as_datatrove`, whose texts are few for so many."""
    tables = (REPETITION, FINEWEB, QUALITY)
    steps = load_profile("fineweb2-jpn")
    for step, peer, table in zip(
        steps, datatrove_chain(language=None, japanese=True), tables, strict=True
    ):
        peers = dict(vars(peer))
        peers["short_line_thr"] = peers.get("short_line_threshold")
        peers["line_punct_thr"] = peers.get("line_punct_thr")
        for name in ("top_n_grams", "dup_n_grams"):
            peers |= {f"{name}:{n}": threshold for n, threshold in peers.get(name, ())}
        wanted = {reason: (peers[name], op) for reason, (name, op) in table.items()}
        off = {reason for reason, (bound, _) in wanted.items() if bound in (0, 999)}
        assert bounds(step.rules) == {k: v for k, v in wanted.items() if k not in off}
        if step.name == "quality":
            assert set(step.settings["stop_words"]) == peer.stop_words


HOJICHAR = {
    "AcceptJapanese": None,  # whether, not how much; its 50 characters are the kernel's LEAD
    "DiscardRareKuten": ("max_average_sentence_length", "<"),  # 。 by characters under 1 / it
    "DiscardBBSComments": ("max_allowed_num", ">"),
    "CharRepetitionRatioFilter": ("threshold", ">="),
    "SingleCharacterRepetitionFilter": ("threshold", ">="),
    "DiscardTooManyEndingEllipsis": ("threshold", ">"),
    "DiscardTooShortLines": ("threshold", ">"),
    "DiscardAdultContentJa": None,  # one hit
    "DiscardDiscriminationContentJa": None,
    "DiscardViolenceContentJa": None,
    "DiscardAds": ("max_allowed_num", ">"),
}


def test_thresholds_and_lists_are_hojichars() -> None:
    seen = []
    for step in load_profile("hojichar-ja"):
        for rule in step.rules:
            seen.append(rule.reason)
            peers = defaults(getattr(filters, rule.reason))
            parameter = HOJICHAR[rule.reason]
            if parameter is not None:
                name, op = parameter
                bound = 1 / peers[name] if name == "max_average_sentence_length" else peers[name]
                assert (rule.threshold, rule.op) == (bound, op)
            if "dict_path" in peers:
                words = peers["dict_path"].read_text("utf-8").split("\n")
                assert step.words == tuple(word.strip() for word in words if word.strip())
                assert not step.settings["katakana_boundaries"]
    assert seen == list(HOJICHAR)
    assert defaults(filters.AcceptJapanese)["lookup_size"] == LEAD
    assert defaults(filters.CharRepetitionRatioFilter)["ngram_size"] == GRAM
    assert defaults(filters.NgWordsFilterJa)["ignore_confused"] is False
