"""Text that the tests make: Japanese and English that a curation keeps, and some that it drops.

Sentences are drawn from word pools with a seed, so that language identification, tokenizer and
filters meet something like text; nothing here is anybody's writing.
"""

import json
import random
from pathlib import Path


def words(text: str) -> list[str]:
    return text.split()


# Two of them make a noun: 12,544 nouns, so that few runs of five characters come twice.
JA_CHARACTERS = (
    "海山川空森林野原道橋家門窓庭池島港駅町村国市場店堂館室机本紙筆絵歌音楽色光影風雨雪雲星月日朝"
    "昼夜春夏秋冬花草木葉根種実米麦豆茶水火石土金銀鉄糸布衣服帽靴傘鏡箱袋皿器鍋刀針車船馬牛羊犬猫鳥"
    "魚虫貝手足目耳口声心力知識記録文書資料"
)
JA_VERBS = words(
    "を確かめる を残しておく について語る と比べてみる を選ぶ を調べあげる を書きあらためる に驚く "
    "を待ちわびる から離れる へ向かう を思い出す"
)
JA_ENDS = words("ことにした。 らしい。 と聞いている。 のである。 だろう。 ようになった。 わけだ。")
JA_JOINTS = words("だから しかし ところが そして たとえば もっとも いわば さて")
EN_NOUNS = words(
    "user setting device document record program feature result question answer tool letter "
    "river bridge lamp window engine garden teacher farmer captain painter neighbour morning "
    "winter road market basket kettle blanket picture journey promise reason weather station"
)
EN_VERBS = words(
    "checks keeps explains compares chooses examines rewrites reviews describes carries mends "
    "paints follows remembers forgets answers opens closes measures borrows"
)
EN_ADJECTIVES = words("old quiet narrow bright heavy small careful broken early distant warm plain")
EN_ADVERBS = words("carefully slowly quietly properly often rarely gladly twice soon once")
EN_FRAMES = (
    "The {a} {n} {v} the {m} {r}.",
    "Nobody in the {n} {v} a {a} {m}, and that is the {o} of it.",
    "When the {n} {v} {r}, one {m} and the {o} have to wait.",
    "Of {k} {n}s, only the {a} one {v} its {m} with a {o}.",
    "A {m} {v} what the {a} {n} left beside the {o}.",
    "{k} times a year somebody {v} the {n}, {r}, to see that the {m} is still {a}.",
    "There was a {a} {m} near the {o}; it {v} each {n} that came by.",
    "Before the {n}, after the {m}, she {v} her {a} {o} {r}.",
)


def japanese(rng: random.Random, sentences: int) -> str:
    lines = []
    for _ in range(sentences):
        a, b, c, d = (rng.choice(JA_CHARACTERS) + rng.choice(JA_CHARACTERS) for _ in range(4))
        lines.append(
            f"{rng.choice(JA_JOINTS)}{a}の{b}は{c}{rng.choice(JA_VERBS)}{rng.choice(JA_ENDS)}"
            f"{d}も{rng.randrange(2, 9999)}ほどあり、{b}とは{rng.choice(JA_ENDS)}"
        )
    return "\n".join(lines)


def english(rng: random.Random, sentences: int) -> str:
    lines = []
    for _ in range(sentences):
        n, m, o = rng.sample(EN_NOUNS, 3)
        pieces = []
        for frame in rng.sample(EN_FRAMES, 2):
            pieces.append(
                frame.format(
                    n=n,
                    m=m,
                    o=o,
                    a=rng.choice(EN_ADJECTIVES),
                    v=rng.choice(EN_VERBS),
                    r=rng.choice(EN_ADVERBS),
                    k=rng.randrange(2, 999),
                )
            )
        lines.append(" ".join(pieces))
    return "\n".join(lines)


def write_corpus(folder: Path, *, documents: int = 150, seed: int = 7) -> tuple[Path, Path]:
    """ja.jsonl and en.jsonl: documents, an exact copy of one, and one that is too short."""
    rng = random.Random(seed)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for language, make in (("ja", japanese), ("en", english)):
        texts = [make(rng, rng.randrange(25, 60)) for _ in range(documents)]
        texts += [texts[0], "短い。" if language == "ja" else "Short."]
        path = folder / f"{language}.jsonl"
        with path.open("w", encoding="utf-8") as file:
            for number, text in enumerate(texts):
                row = {"id": f"{language}-{number}", "text": text, "license": "CC0-1.0"}
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        paths.append(path)
    return paths[0], paths[1]
