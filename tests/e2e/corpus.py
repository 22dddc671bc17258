"""Text that the tests make: Japanese and English that a curation keeps, and some that it drops.

Sentences are drawn from word pools with a seed, so that language identification, tokenizer and
filters meet something like text; nothing here is anybody's writing.
"""

import json
import random
from pathlib import Path


def words(text: str) -> list[str]:
    return text.split()


JA_TOPICS = words(
    "利用者 設定 装置 文書 記録 資料 番組 機能 手順 結果 条件 地図 予定 質問 仕事 道具"
)
JA_PLACES = words("東京 京都 画面 書庫 会議室 研究所 工場 学校 図書館 駅前 山道 海辺")
JA_VERBS = words("確認します 保存します 説明します 比べます 選びます 調べます 書き直します")
JA_HOW = words("ていねいに 必ず あとで 早めに 一つずつ もう一度 静かに 正しく")
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
        a, b = rng.sample(JA_TOPICS, 2)
        lines.append(
            f"{rng.choice(JA_PLACES)}では{a}の{b}を{rng.choice(JA_HOW)}{rng.choice(JA_VERBS)}。"
            f"そのため、{rng.choice(JA_TOPICS)}が{rng.randrange(2, 999)}件になりました。"
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
