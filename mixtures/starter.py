"""The file that `awase mixture init` writes: every key that people need, with what it does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from curation.base.errors import UsageError
from curation.base.names import check_name, parse_reference
from mixtures.blends import instantiate, load_blend, notes_of
from mixtures.json_schema import FILE
from mixtures.quantities import parse_tokens
from mixtures.spec_write import quoted, to_yaml
from mixtures.spec_write import tokens as written

STARTER: Final = """\
version: 1
name: {name}
tokenizer: {tokenizer}          # of this store: awase tokenizer ls
sequence_length: 4096
seed: 1                         # decides the order, and nothing else does
budget: {budget} tokens            # K, M, B = 1e9, T; padding included

sources:
  # Weights are relative to their siblings; groups nest. Datasets: awase dataset ls
  ja:
    weight: 0.5
    sources:
      web:
        dataset: web-ja         # newest version; web-ja@3 or web-ja@prod pins one
        weight: 0.8
        max_epochs: 4           # refuse a plan that reads it more often
        # where: "edu.score >= 2.5 and license != 'NOASSERTION'"
      wiki: {{dataset: wiki-ja, weight: 0.2, max_epochs: 8}}
  en: {{dataset: web-en, weight: 0.4}}
  code: {{dataset: code, weight: 0.1}}
  # In place of weight: repeat: 2 (epochs, taken first), or sampling on a group:
  # sampling: {{unimax: {{max_epochs: 4}}}}

# Other weights towards the end; the last `until` is the budget.
# stages:
#   - {{until: 80%}}
#   - {{until: 100%, weights: {{ja: 0.7, en: 0.2, ja.wiki: 0.4}}, ramp: linear}}

holdout: 0.001                  # kept out of training, read by --split holdout

# A plan is refused where a row breaks these.
# licenses:
#   allow: [CC-BY-4.0, CC-BY-SA-4.0, ODC-By-1.0, Apache-2.0]
#   deny_terms: [openai-tos]
"""


def schema_line(file: Path) -> str:
    """The comment that tells an editor's YAML language server the schema, as a relative path.

    "" where this installation has no schema file.
    """
    if not FILE.exists():
        return ""
    path = os.path.relpath(FILE, file.resolve().parent)
    return f"# yaml-language-server: $schema={path}\n"


def starter(*, name: str, tokenizer: str, budget: str | None) -> str:
    """A valid mixture with comments; UsageError where a name or the budget is none."""
    check_name(name, what="mixture")
    parse_reference(tokenizer, what="tokenizer")
    return STARTER.format(
        name=quoted(name), tokenizer=quoted(tokenizer), budget=written(_budget(budget) or 10**11)
    )


def starter_from_blend(
    blend_name: str,
    datasets: Mapping[str, str],
    *,
    tokenizer: str,
    name: str | None = None,
    budget: str | None = None,
    partial: bool = False,
) -> str:
    """A blend over the user's datasets (`mixtures.blends.instantiate`), with what was published."""
    blend = load_blend(blend_name)
    mixture = instantiate(
        blend,
        datasets,
        tokenizer=tokenizer,
        name=name,
        budget_tokens=_budget(budget),
        partial=partial,
    )
    return to_yaml(mixture, notes=notes_of(blend, mixture))


def _budget(text: str | None) -> int | None:
    try:
        return None if text is None else parse_tokens(text)
    except ValueError as error:
        raise UsageError(f"--budget: {error}") from error
