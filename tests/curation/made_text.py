"""Text made from seeds for differential tests: all that rules look at, in odd combinations."""

from __future__ import annotations

import random

_WORDS = tuple(
    word
    for line in (
        "the of and to a in is that it was for on are with as his they be at one have this from",
        "by hot word but what some we can out other were all there when up use your how said an",
        "each she which do their time if will way about many then them write would like so these",
        "her long make thing see him two has look more day could go come did number sound no most",
        "people my over know water than call first who may down side been now find any new work",
        "part take get place made live where after back little only round man year came show every",
    )
    for word in line.split()
)
_ODD = tuple(
    word
    for line in (
        "don't can't I'll we've he'd U.S. U.K. e.g. i.e. etc. Mr. Dr. a.m. p.m. 3.14 1,000 10km",
        "5'9\" 20°C 20°F. $5 US$40 €9.99 50% #tag @name foo@example.com http://a.example/x?y=1",
        "www.b.example 192.168.0.1 8.8.8.8:80 a-b-c x--y and/or C++ C# .NET :-) :( (sic) [1] [12]",
        "[edit] [citation needed] … ... .. -- — – “quoted” ‘single’ «guillemets» café naïve Zürich",
        "Ελλάδα Москва 日本語 漢字。 한국어 العربية हिन्दी ① ½ x² 🙂 👍🏽 gonna cannot y'all 'tis",
        "o'clock rock'n'roll end.Next Hello,world foo_bar a.b.c A.B.C. 1st 2nd 10:30 2024-01-31",
        "1/2 5x6 3+4 a*b ^^ *** === lorem ipsum javascript JavaScript cookie policy { } terms of",
        "coo\u212aie policy terms of use } {x: IS_ALPHB \u200b \ufeff \u00ad x\u00a0y x\u3000y",
        "x-a. a. m. U. S. a. m.",
    )
    for word in line.split(" ")
)
_ENDS = (
    ".",
    ".",
    ".",
    "!",
    "?",
    '."',
    "...",
    "…",
    "",
    "",
    ";",
    ":",
    ".)",
    "。",
    ".'",
    ".[1]",
    ". [2]",
)
_BREAKS = ("\n",) * 14 + ("\n\n", "\n\n\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028")
_STARTS = ("",) * 12 + ("- ", "• ", "  ", "\t", "* ", "# ", "## ", "> ", "\u3000")


def english_line(draw: random.Random) -> str:
    """One line of some sentences, words and marks."""
    sentences = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        words = [
            draw.choice(_ODD) if draw.random() < 0.08 else draw.choice(_WORDS)
            for _ in range(draw.choice((1, 2, 4, 8, 12, 20)))
        ]
        words[0] = words[0].capitalize()
        text = "".join(
            word + draw.choice((" ",) * 40 + ("  ", "\t", ", ", ",", "\u00a0", "-"))
            for word in words
        )
        sentences.append(text.rstrip(" ,") + draw.choice(_ENDS))
    return draw.choice(_STARTS) + draw.choice((" ", " ", "  ", "\t")).join(sentences)


def english_documents(*, count: int, seed: int) -> list[str]:
    """Documents of few to many lines; some repeat lines, words or phrases, some are empty."""
    draw = random.Random(seed)
    documents = ["", " ", "\n", "\n\n\n", "...", "-", "•", "a", "[1]", "{", "\u2028", "x" * 1200]
    while len(documents) < count:
        size = draw.choice((1, 2, 3, 6, 10, 20, 40))
        lines = [english_line(draw) for _ in range(size)]
        kind = draw.random()
        if kind < 0.15:
            lines += [draw.choice(lines)] * draw.randint(1, size + 1)
        elif kind < 0.25:
            lines = lines[: size // 2 + 1] * 2
        elif kind < 0.32:
            lines.append(" ".join([draw.choice(_WORDS)] * 30))
        elif kind < 0.40:
            lines.append((english_line(draw) + " ") * draw.randint(2, 12))
        elif kind < 0.44:
            lines.append("a" * draw.randint(990, 1010) + " b c.")
        draw.shuffle(lines)
        documents.append("".join(line + draw.choice(_BREAKS) for line in lines))
    return documents


_JAPANESE = tuple(
    word
    for line in (
        "これ は テスト です が 日本語 の 文章 を 分割 して 評価 する ため に 作り ました と",
        "言った 私 たち 東京 大阪 京都 へ 行く 時間 年 月 日 新しい 古い 大きな 小さな 本 手 山",
        "川 海 空 人 犬 猫 「はい。」 コンピューター コンピューター・ソフト データ プログラム",
        "アスパラガス リュックサック １２３ 2024年1月31日 ２０２４/1/2 (月) (金)",
        "12話 ３話 コメント 投稿 質問 レビュー SOLD OUT ページ 楽天市場 送料 営業時間 English",
        "words ｶﾀｶﾅ 𠮟る ①②③ ■ ○ ー 々 〆 http://example.jp/ ㈱ ヴ ゎ ゟ ヿ か゛ １－２ ー",
    )
    for word in line.split(" ")
)
_JAPANESE_ENDS = ("。",) * 8 + (
    "！",
    "？",
    "!?",
    "…",
    "・・・",
    "...",
    "．",
    "」",
    "。」",
    "",
    "、",
)


def japanese_line(draw: random.Random) -> str:
    """One line of some sentences."""
    sentences = []
    for _ in range(draw.choice((1, 1, 2, 3, 5))):
        words = [draw.choice(_JAPANESE) for _ in range(draw.choice((1, 3, 6, 10, 20)))]
        if draw.random() < 0.4:
            words.insert(draw.randrange(len(words)), draw.choice("、，"))
        sentences.append("".join(words) + draw.choice(_JAPANESE_ENDS))
    return draw.choice(("", "", "", "", "　", "・", "- ", "■")) + "".join(sentences)


def japanese_documents(*, count: int, seed: int) -> list[str]:
    """As `english_documents`, in Japanese."""
    draw = random.Random(seed)
    documents = ["", " ", "\n", "。", "！？", "あ", "…\n…\n", "-" * 20, "あ" * 250, "a" * 60 + "あ"]
    while len(documents) < count:
        size = draw.choice((1, 2, 3, 6, 10, 20, 40))
        lines = [japanese_line(draw) for _ in range(size)]
        kind = draw.random()
        if kind < 0.15:
            lines += [draw.choice(lines)] * draw.randint(1, size + 1)
        elif kind < 0.25:
            lines = lines[: size // 2 + 1] * 2
        elif kind < 0.33:
            lines.append(draw.choice(_JAPANESE) * draw.randint(5, 80))
        elif kind < 0.4:
            lines += [""] * size
        draw.shuffle(lines)
        documents.append("".join(line + draw.choice(("\n",) * 8 + ("\n\n",)) for line in lines))
    return documents
