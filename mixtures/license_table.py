"""What licences and terms ask and allow, as far as a table can say it. Not legal advice.

A licence that no line matches is unknown ("?") in every permission: nothing is assumed free.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

PERMISSIONS: Final[Mapping[str, str]] = {
    "commercial": "commercial use",
    "derivatives": "derived works",
    "redistribution": "passing the data on",
    "competing-models": "training models that compete with the generator's",
}
OBLIGATIONS: Final[Mapping[str, str]] = {
    "attribution": "name the authors and the licence",
    "share-alike": "adaptations under the same licence",
    "notice": "keep the licence text with copies",
    "source-code": "offer the source of what is passed on",
    "use-policy": "hold users to an acceptable-use policy",
    "built-with-llama": "show 'Built with Llama' and begin the model's name with 'Llama'",
    "built-with-llama-3": "show 'Built with Meta Llama 3', begin the model's name with 'Llama 3'",
    "model-derivative": "a model trained to be like the generator comes under its terms",
    "built-with-qwen": "show 'Built with Qwen' or 'Improved using Qwen'",
    "no-competing-models": "no models that compete with the generator's",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """Obligations, and permissions that are denied or unknown; what is not named is granted."""

    obligations: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    source: str = ""  # the document that says so, with its date


UNKNOWN: Final = Effect(unknown=tuple(PERMISSIONS))

_LICENSES: Final = tuple(
    (re.compile(pattern, re.ASCII), effect)
    for pattern, effect in (
        (r"CC0-1\.0|PDDL-1\.0|Unlicense|CC-PDDC|CC-PDM-1\.0|0BSD|MIT-0", Effect()),
        (r"CC-BY-\d.*|ODC-By-1\.0", Effect(("attribution",))),
        (r"CC-BY-SA-\d.*|ODbL-1\.0|CDLA-Sharing-1\.0", Effect(("attribution", "share-alike"))),
        (r"CC-BY-NC-\d.*", Effect(("attribution",), ("commercial",))),
        (r"CC-BY-NC-SA-\d.*", Effect(("attribution", "share-alike"), ("commercial",))),
        (r"CC-BY-ND-\d.*", Effect(("attribution",), ("derivatives",))),
        (r"CC-BY-NC-ND-\d.*", Effect(("attribution",), ("commercial", "derivatives"))),
        (
            r"Apache-2\.0|MIT|ISC|Zlib|BSD-[23]-Clause.*|CDLA-Permissive-[12]\.0",
            Effect(("notice",)),
        ),
        (r"PSF-2\.0|Python-2\.0.*|BSL-1\.0|PostgreSQL|X11|HPND", Effect(("notice",))),
        (
            r"(A|L)?GPL-\d.*|MPL-2\.0|EPL-\d.*|CDDL-1\..|EUPL-.*|Artistic-2\.0|OSL-3\.0",
            Effect(("notice", "share-alike", "source-code")),
        ),
        (r"GFDL-.*", Effect(("attribution", "share-alike", "notice"))),
        # the contract of these stands in the terms of the same name
        (
            r"LicenseRef-(llama[234].*|gemma|qwen(-research)?|tongyi-qianwen|.*openrail.*)",
            Effect(("notice",)),
        ),
    )
)

# Looked up on READ, in the documents that `source` names or in stored copies of them.
READ: Final = "2026-11-24"
_NO_COMPETING: Final = ("no-competing-models",)
_COMPETING: Final = ("competing-models",)

TERMS: Final[Mapping[str, Effect]] = {
    "openai-tos": Effect(
        _NO_COMPETING,
        _COMPETING,
        source="OpenAI Terms of Use (31 January 2024): output is not used to develop models that "
        "compete with OpenAI; business terms except classifiers that are not passed on",
    ),
    "anthropic-tos": Effect(
        _NO_COMPETING,
        _COMPETING,
        source="Anthropic Commercial Terms, use restrictions, and Claude Help Center article "
        "12326764: outputs train no competing model without consent; classifiers and tools may be",
    ),
    "gemini-tos": Effect(
        _NO_COMPETING,
        _COMPETING,
        source="Gemini API Additional Terms of Service (20 May 2025), Use Restrictions: no models "
        "that compete with the services",
    ),
    "deepl-tos": Effect(
        unknown=_COMPETING,
        source="not verified: no text of DeepL's terms on training with translations was found",
    ),
    "llama2": Effect(
        ("use-policy", "no-competing-models"),
        _COMPETING,
        source="Llama 2 Community License (18 July 2023), 1.b.v: outputs improve no other large "
        "language model",
    ),
    "llama3": Effect(
        ("use-policy", "built-with-llama-3", "no-competing-models"),
        _COMPETING,
        source="Meta Llama 3 Community License (18 April 2024), 1.b.i and 1.b.v",
    ),
    **{
        f"llama{version}": Effect(
            ("use-policy", "built-with-llama"),
            source=f"Llama {version} Community License ({date}), 1.b.i: a model made or improved "
            "with outputs and passed on has a name that begins with Llama",
        )
        for version, date in (
            ("3.1", "23 July 2024"),
            ("3.2", "25 September 2024"),
            ("3.3", "6 December 2024"),
            ("4", "5 April 2025"),
        )
    },
    "gemma": Effect(
        ("use-policy", "model-derivative"),
        source="Gemma Terms of Use (1 April 2026), 1.1(e): a model trained on outputs to perform "
        "like Gemma is a Model Derivative; Gemma 4 is Apache-2.0 and does not come under them",
    ),
    "qwen": Effect(
        ("built-with-qwen",),
        source="Qwen License Agreement (19 September 2024; Qwen2.5-72B)",
    ),
    "qwen-research": Effect(
        ("built-with-qwen",),
        unknown=("commercial",),
        source="Qwen Research License Agreement (19 September 2024; Qwen2.5-3B): the model is for "
        "non-commercial purposes; whether that follows its outputs it does not say",
    ),
    "tongyi-qianwen": Effect(
        _NO_COMPETING,
        _COMPETING,
        source="Tongyi Qianwen License Agreement (Qwen, Qwen1.5, Qwen2-72B), 5.b: outputs improve "
        "no other large language model",
    ),
    **{
        name: Effect(("use-policy",), source="use-based restrictions, attachment A of the licence")
        for name in (
            "openrail",
            "bigscience-openrail-m",
            "creativeml-openrail-m",
            "bigcode-openrail-m",
        )
    },
}
OWN_TERMS: Final = "x-"  # prefix of terms that only one's own organisation knows


@lru_cache(maxsize=4096)
def effect_of_license(license_id: str) -> Effect:
    """What one licence id asks and allows; everything unknown where the table is silent."""
    for pattern, effect in _LICENSES:
        if pattern.fullmatch(license_id):
            return effect
    return UNKNOWN


def effect_of_terms(name: str) -> Effect:
    return TERMS.get(name, UNKNOWN)
