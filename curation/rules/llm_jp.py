"""llm-jp-corpus v1's rules for web text: address, 。, compression, and its rewriting of lines."""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import ClassVar
from urllib.parse import urlparse

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex  # type: ignore[import-untyped,unused-ignore]

from curation.kernels.buffers import utf8_view
from curation.rules.base import RuleStep, flag, fraction, ratio
from curation.steps import Rule, Scored

# llm-jp-corpus 9815fc53 (Apache-2.0) scripts/dict/ja_valid_domains.txt, as listed in its README.
TOP_LEVEL_DOMAINS = frozenset(
    ("biz", "cc", "com", "info", "jp", "me", "net", "org", "site", "tokyo", "tv", "work", "xyz")
)
_WIKIPEDIA = "https://ja.wikipedia.org/"


class Address(RuleStep):
    """Whether the document's `url` is one that llm-jp v1 takes; null where there is no url."""

    default_name = "address"
    statistics = (
        flag("taken", "the host's last label is on the list, and it is not Japanese Wikipedia"),
    )

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        urls = columns.get("url")
        rows = [None] * len(text) if urls is None else urls.to_pylist()
        return Scored({"taken": pa.array([_taken(url) for url in rows], pa.bool_())})


def _taken(url: str | None) -> bool | None:
    if url is None:
        return None
    if url.startswith(_WIKIPEDIA):
        return False
    try:
        host = urlparse(url).hostname
    except ValueError:  # a bracket that closes no IPv6 address
        return False
    return host is not None and host.rsplit(".", maxsplit=1)[-1] in TOP_LEVEL_DOMAINS


class Kuten(RuleStep):
    """。 by characters: HojiChar's DiscardRareKuten, which llm-jp v1 asks behind its word lists.

    A step of its own, so that its rule stands there in the order of reasons; the step `hojichar`
    has the same number as `kuten_ratio`. A mean sentence of over n characters is a ratio under
    1 / n. Null for an empty text.
    """

    default_name = "kuten"
    statistics = (fraction("ratio", "。 by characters", "ratio"),)

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        marks = pc.count_substring(text, "。").to_numpy(zero_copy_only=False)
        characters = pc.utf8_length(text).to_numpy(zero_copy_only=False)
        return Scored(self.arrays([ratio(marks, characters)]))


class Compression(RuleStep):
    """Size under deflate at level 9, by the size of the UTF-8: low is repetitive, high is noise."""

    default_name = "compression"
    statistics = (fraction("ratio", "compressed bytes by bytes", "ratio"),)

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        data, offsets = utf8_view(text)
        ratios = np.full(len(text), np.nan)
        for row, (begin, end) in enumerate(itertools.pairwise(offsets.tolist())):
            if end > begin:
                ratios[row] = len(zlib.compress(data[begin:end].data, level=9)) / (end - begin)
        return Scored(self.arrays([ratios]))


_KANA = regex.compile(r"[\p{Script=Hiragana}\p{Script=Katakana}ー]")
_ADDRESS = regex.compile(r"https?://[\w/:%#$&?()~.=+\-]+")  # of `regex`: \w has no ① there
_ASCII_RUN = re.compile(r"[\x00-\x7f]{100,}")


class Extract(RuleStep):
    """Lines without kana removed, addresses and ASCII of 100 characters and more cut out.

    With `joined` the lines that stay are joined by nothing, as llm-jp v1 does; else by newlines.
    """

    default_name = "extract"
    rewrites = True
    options: ClassVar[dict[str, type]] = {"joined": bool}
    statistics = (flag("empty", "nothing but white space stays"),)

    def __init__(
        self, *, joined: bool = False, rules: Sequence[Rule] = (), name: str | None = None
    ) -> None:
        super().__init__(rules=rules, name=name)
        self.joined = joined
        self.settings = {"joined": joined}

    def score(self, text: pa.Array, columns: Mapping[str, pa.Array]) -> Scored:
        between = "" if self.joined else "\n"
        texts = [
            between.join(
                _ASCII_RUN.sub("", _ADDRESS.sub("", line))
                for line in item.split("\n")
                if _KANA.search(line)
            )
            for item in text.to_pylist()
        ]
        empty = pa.array([not item.strip() for item in texts], pa.bool_())
        return Scored({"empty": empty}, pa.array(texts, pa.large_string()))
