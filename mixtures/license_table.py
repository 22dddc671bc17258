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
    "built-with-qwen": "show 'Built with Qwen' or 'Improved using Qwen'",
    "no-competing-models": "no models that compete with the generator's",
}


@dataclass(frozen=True, slots=True)
class Effect:
    """Obligations, and permissions that are denied or unknown; what is not named is granted."""

    obligations: tuple[str, ...] = ()
    denied: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


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
        (r"LicenseRef-(llama[234].*|gemma|qwen|.*openrail.*)", Effect(("notice",))),
    )
)

TERMS: Final[Mapping[str, Effect]] = {
    # "may not use Output to develop models that compete with OpenAI" (OpenAI terms of use)
    "openai-tos": Effect(("no-competing-models",), ("competing-models",)),
    "anthropic-tos": Effect(("no-competing-models",), ("competing-models",)),
    "gemini-tos": Effect(("no-competing-models",), ("competing-models",)),
    "deepl-tos": Effect(("no-competing-models",), ("competing-models",)),
    # Llama 2 and 3: not to improve other large language models (section 1.b.v)
    "llama2": Effect(("use-policy", "no-competing-models"), ("competing-models",)),
    "llama3": Effect(
        ("use-policy", "built-with-llama", "no-competing-models"), ("competing-models",)
    ),
    # Llama 3.1 and later: outputs may improve other models, under the Llama name (section 1.b.i)
    "llama3.1": Effect(("use-policy", "built-with-llama")),
    "llama3.2": Effect(("use-policy", "built-with-llama")),
    "llama3.3": Effect(("use-policy", "built-with-llama")),
    "llama4": Effect(("use-policy", "built-with-llama")),
    "gemma": Effect(("use-policy",)),
    "qwen": Effect(("built-with-qwen",)),
    "openrail": Effect(("use-policy",)),
    "bigscience-openrail-m": Effect(("use-policy",)),
    "creativeml-openrail-m": Effect(("use-policy",)),
    "bigcode-openrail-m": Effect(("use-policy",)),
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
