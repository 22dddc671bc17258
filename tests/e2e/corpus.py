"""Text that the tests make: Japanese and English that a curation keeps, and some that it drops.

Sentences are drawn from word pools with a seed, so that language identification, tokenizer and
filters meet something like text; nothing here is anybody's writing.
"""

import json
import random
from pathlib import Path

JA_TOPICS = [
    "利用者",
    "設定",
    "装置",
    "文書",
    "記録",
    "資料",
    "番組",
    "機能",
    "手順",
    "結果",
    "条件",
    "地図",
    "予定",
    "質問",
    "回答",
    "仕事",
    "道具",
]
JA_PLACES = [
    "東京",
    "京都",
    "画面",
    "書庫",
    "会議室",
    "研究所",
    "工場",
    "学校",
    "図書館",
    "駅前",
    "山道",
    "海辺",
]
JA_VERBS = [
    "確認します",
    "保存します",
    "説明します",
    "比べます",
    "選びます",
    "調べます",
    "書き直します",
    "見直します",
]
JA_HOW = ["ていねいに", "必ず", "あとで", "早めに", "一つずつ", "もう一度", "静かに", "正しく"]
EN_TOPICS = [
    "user",
    "setting",
    "device",
    "document",
    "record",
    "program",
    "feature",
    "result",
    "question",
    "answer",
    "tool",
]
EN_PLACES = [
    "office",
    "library",
    "workshop",
    "station",
    "garden",
    "village",
    "harbour",
    "laboratory",
    "museum",
]
EN_VERBS = [
    "checks",
    "keeps",
    "explains",
    "compares",
    "chooses",
    "examines",
    "rewrites",
    "reviews",
    "describes",
]
EN_HOW = [
    "carefully",
    "later",
    "slowly",
    "again",
    "together",
    "quietly",
    "properly",
    "every",
    "morning",
]


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
        a, b = rng.sample(EN_TOPICS, 2)
        lines.append(
            f"In the {rng.choice(EN_PLACES)}, the {a} that you have with the {b} is what somebody "
            f"{rng.choice(EN_VERBS)} {rng.choice(EN_HOW)} of {rng.randrange(2, 999)} times."
        )
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
