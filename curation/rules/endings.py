"""What stands at the ends of Japanese pages, and which marks end its sentences: steps that rewrite.

punctuation    ，．to 、。 where a text writes mostly so (Swallow v1, kutoten.py)
footer         navigation and copyright lines at the end (Swallow v1, footer.py)
header_footer  HojiChar's HeaderFooterTagsRemover between its SentenceTokenizer and MergeTokens
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from curation.kernels.buffers import from_utf8, known_utf8, utf8_view
from curation.kernels.phrases import Trie, build_trie, contains_phrase, tail_lines
from curation.rules.base import RuleStep, flag, integer
from curation.steps import Rule, Scored
from curation.wordlists import word_list

# What stands before a mark that counts. Published: closing brackets, hiragana, katakana, 々〇〻 and
# kanji up to U+FFFF, so neither ー nor half-width kana nor 𠮟.
_PUBLISHED_BEFORE = "[）」』］〕】〉》\u3041-\u3096\u30a1-\u30fa々〇〻\u3400-\u9fff\uf900-\ufaff]"
_BEFORE = (
    "[）」』］〕】〉》\u3041-\u30fa\u30fc-\u30ff\uff66-\uff9f々〇〻\u3400-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003fffd]"
)
# Published: after any character but these (the ^ is one of them), a line end included, so that
# 3．14 with a half-width digit becomes 3。14. Here: after no letter or digit of either width.
_PUBLISHED_AFTER = "[^０-９Ａ-Ｚａ-ｚ^]"
_AFTER = "[^０-９Ａ-Ｚａ-ｚ0-9A-Za-z，．\\s]"
_MARKS = (("、", "，"), ("。", "．"))


@cache
def _expressions(published: bool) -> tuple[re.Pattern[str], tuple[re.Pattern[str], ...]]:
    """(what stands before a mark that counts, what is replaced by 、 and what by 。)."""
    before = _PUBLISHED_BEFORE if published else _BEFORE
    after = _PUBLISHED_AFTER if published else _AFTER
    # the mark first, so that `re` looks for it instead of trying the look-behind at every character
    targets = (f"{rival}(?<={after}{rival}){rival}*" for _, rival in _MARKS)
    return re.compile(before), tuple(map(re.compile, targets))


def settle(text: str, *, published: bool) -> tuple[str, bool, bool]:
    """(text, were ， replaced by 、, were ．replaced by 。), each where it is in the majority."""
    changed = []
    before, targets = _expressions(published)
    for (mark, rival), target in zip(_MARKS, targets, strict=True):
        rivals = _counted(text, rival, before, most=len(text))
        more = rivals > 0 and _counted(text, mark, before, most=rivals) < rivals
        changed.append(more)
        if more:
            text = target.sub(lambda match, mark=mark: mark * len(match.group()), text)  # type: ignore[misc]
    return text, changed[0], changed[1]


def _counted(text: str, mark: str, before: re.Pattern[str], *, most: int) -> int:
    """How many marks stand after a character that counts; counting stops at `most`.

    `str.find` skips what an expression with a look-behind would try at every character."""
    found = 0
    at = text.find(mark, 1)
    while at > 0 and found < most:
        found += before.match(text, at - 1) is not None
        at = text.find(mark, at + 1)
    return found


class Punctuation(RuleStep):
    """，and ．as 、and 。, where they are the more frequent ones after Japanese characters.

    `published: true` replaces as kutoten.py of swallow-corpus (2d035073) does, after half-width
    digits and line ends too; else a mark after any letter or digit stays (３．１４, 3．14, Ｈｉ，).
    """

    default_name = "punctuation"
    rewrites = True
    options: ClassVar[dict[str, type]] = {"published": bool}
    statistics = (
        flag("toten", "，were replaced by 、"),
        flag("kuten", "．were replaced by 。"),
    )

    def __init__(
        self, *, published: bool = False, rules: Sequence[Rule] = (), name: str | None = None
    ) -> None:
        super().__init__(rules=rules, name=name)
        self.published = published
        self.settings = {"published": published}

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        found = np.zeros((len(text), 2), np.bool_)
        data, offsets = utf8_view(text)
        texts = np.stack([offsets[:-1], offsets[1:]], axis=1)
        rows = np.flatnonzero(contains_phrase(data, texts, _trie(("，", "．"))))
        new: dict[int, str] = {}
        for row in rows.tolist():
            changed, *found[row] = settle(text[row].as_py(), published=self.published)
            if found[row].any():
                new[row] = changed
        return Scored(self.arrays([found[:, 0], found[:, 1]]), _with_rows(text, new))


def _with_rows(text: pa.Array, new: Mapping[int, str]) -> pa.Array | None:
    """The texts with some rows replaced; None where there are none."""
    if not new:
        return None
    mask = np.zeros(len(text), np.bool_)
    mask[list(new)] = True
    ordered = [new[row] for row in sorted(new)]
    changed = pc.replace_with_mask(text, pa.array(mask), pa.array(ordered, pa.large_string()))
    return known_utf8(changed)


# The words of footer.py that the description of Swallow v1 names; the file (MIT) has 70.
PUBLISHED_FOOTER = (
    *("この記事へのトラックバック一覧", "プライバシーポリシー", "トラックバック", "Copyright"),
    *("ログイン", "サイト", "http", "記事", "検索", "PR", "©"),
)
# awase: words of two characters and general ones are not among them.
FOOTER = (
    *("プライバシーポリシー", "個人情報保護方針", "特定商取引法", "無断転載", "利用規約"),
    *("サイトマップ", "お問い合わせ", "お問合せ", "会社概要", "運営会社", "新規会員登録"),
    *("マイページ", "ログイン", "ログアウト", "トラックバック", "トップページ", "ページトップ"),
    *("前のページ", "次のページ", "一覧に戻る", "一覧へ戻る", "関連記事", "スポンサーリンク"),
    *("Copyright", "COPYRIGHT", "copyright", "All Rights Reserved", "All rights reserved"),
    *("ALL RIGHTS RESERVED", "Powered by", "©", "(C)", "（C）"),
)


def _without(line: str, words: Sequence[str]) -> str:
    """The line with each word in turn, the longest first, taken out."""
    for word in words:
        line = line.replace(word, "")
    return line


class Footer(RuleStep):
    """The lines at the end of a text that are mostly words of navigation and rights: cut off.

    `list` names such words (`curation.wordlists`), one a line; without it they are those above.
    With `published: true` the text ends before the first of its last `lines` lines, blank ones
    included, of which more than `share` is covered (footer.py of swallow-corpus 2d035073: 10 lines,
    0.3); what follows goes too, be it all of the text. Else lines go from the end upwards as long
    as each is blank or covered by more than `share`, and a text of nothing else is left alone.
    """

    default_name = "footer"
    rewrites = True
    options: ClassVar[dict[str, type]] = {
        "published": bool,
        "list": str,
        "lines": int,
        "share": float,
    }
    statistics = (integer("removed", "characters", "characters cut off at the end"),)

    def __init__(
        self,
        *,
        published: bool = False,
        list: str | None = None,
        lines: int = 10,
        share: float | None = None,
        rules: Sequence[Rule] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(rules=rules, name=name)
        given = None if list is None else word_list(list)
        words = given.words if given else PUBLISHED_FOOTER if published else FOOTER
        self.words = tuple(sorted(dict.fromkeys(words), key=len, reverse=True))
        self.published = published
        self.lines = lines
        self.share = (0.3 if published else 0.5) if share is None else share
        self.settings = {
            "published": published,
            "words": [*self.words] if given is None else given.digest,
            "license": None if given is None else given.license,
            "lines": lines,
            "share": repr(self.share),
        }

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        data, offsets = utf8_view(text)
        spans, rows = tail_lines(data, offsets, self.lines, self.published)
        hits = contains_phrase(data, spans, _trie(self.words))
        ends = offsets[1:].copy()
        removed = np.zeros(len(text), np.int64)
        for row in np.unique(rows[hits]).tolist():
            body = bytes(data[offsets[row] : offsets[row + 1]]).decode()
            kept = self.trim(body)
            if len(kept) < len(body):
                ends[row] = offsets[row] + len(kept.encode())
                removed[row] = len(body) - len(kept)
        scores = self.arrays([removed])
        if not removed.any():
            return Scored(scores)
        return Scored(scores, _cut(data, offsets, ends))

    def trim(self, text: str) -> str:
        """The text without its footer."""
        return self._published(text) if self.published else self._trailing(text)

    def _published(self, text: str) -> str:
        lines = text.rsplit("\n", self.lines)
        whole = len(lines) <= self.lines  # then its first line is one of the last lines too
        for at in range(0 if whole else 1, len(lines)):
            line = lines[at]
            if line and (len(line) - len(_without(line, self.words))) / len(line) > self.share:
                return "\n".join(lines[:at])
        return text

    def _trailing(self, text: str) -> str:
        lines = text.split("\n")
        last = len(lines)
        seen = 0
        for at in range(len(lines) - 1, -1, -1):
            size = len("".join(lines[at].split()))
            if not size:
                continue
            seen += 1
            left = len("".join(_without(lines[at], self.words).split()))
            if seen > self.lines or (size - left) / size <= self.share:
                return text if last == len(lines) else "\n".join(lines[:last]).rstrip("\n")
            last = at
        return text


@cache
def _trie(words: tuple[str, ...]) -> Trie:
    return build_trie(words, bound_katakana=False)


def _cut(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> pa.LargeStringArray:
    """The texts, each up to its end."""
    view = data.data
    pieces = []
    at = int(offsets[0])
    for row in np.flatnonzero(ends != offsets[1:]).tolist():
        pieces.append(view[at : int(ends[row])])
        at = int(offsets[row + 1])
    pieces.append(view[at : int(offsets[-1])])
    joined = np.frombuffer(b"".join(pieces) or b"\0", np.uint8)
    lengths = np.cumsum(ends - offsets[:-1])
    return known_utf8(from_utf8(joined, np.concatenate([[0], lengths])))


class HeaderFooter(RuleStep):
    """HojiChar 0.18.1's HeaderFooterTagsRemover on sentences cut at 。, joined again afterwards.

    Of the first and last sentences (one of up to three, two of up to five, else three) those are
    looked at that start with a word of `list`; for the sentence i from the end, the sentence i from
    the start goes.
    """

    default_name = "header_footer"
    rewrites = True
    options: ClassVar[dict[str, type]] = {"list": str}
    statistics = (integer("removed", "sentences", "sentences removed"),)

    def __init__(
        self,
        *,
        list: str = "hojichar:header_footer_keywords_ja",
        rules: Sequence[Rule] = (),
        name: str | None = None,
    ) -> None:
        super().__init__(rules=rules, name=name)
        words = word_list(list)
        self._starts = words.words
        self.settings = {"list": words.digest, "license": words.license}

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        removed = np.zeros(len(text), np.int64)
        new: dict[int, str] = {}
        for row, item in enumerate(text.to_pylist()):
            gone = self.rejected(item)
            if gone:
                removed[row] = len(gone)
                tokens = _sentences(item)
                new[row] = "".join(s for at, s in enumerate(tokens) if at not in gone)
        return Scored(self.arrays([removed]), _with_rows(text, new))

    def rejected(self, text: str) -> set[int]:
        """Which sentences go, counted from the first; of a long text only the ends are cut."""
        first = text.split("。", 6)
        count = len(first)
        if 1 < count < 7 and text.endswith("。"):
            count -= 1
        looked = 1 if count < 4 else 2 if count < 6 else 3
        last = text.removesuffix("。").rsplit("。", looked)
        return {
            at
            for at in range(min(looked, count))
            if first[at].startswith(self._starts) or last[-1 - at].startswith(self._starts)
        }


def _sentences(text: str) -> list[str]:
    """The text cut behind each 。"""
    pieces = text.split("。")
    return [*(piece + "。" for piece in pieces[:-1]), *([pieces[-1]] if pieces[-1] else ())]
