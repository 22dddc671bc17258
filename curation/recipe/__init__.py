"""A recipe: which documents are read, what is asked of them, and which datasets they become.

    version: 1
    input: {text: text, max_bad_records: 10}
    datasets:
      web-ja:
        languages: [ja]
        profile: ja-default
        dedup: {minhash: {preset: 14x8, unit: characters}}
    output: {shard_bytes: 512MB}

Documents go to the first dataset that names their language; one that fits none is recorded with the
reason `language` in the audit of the first dataset, so that the datasets add up to the input.

    model       what a recipe says
    read        YAML -> Recipe, with line and column of every fault
    read_input  its `input`
    schema      the JSON Schema for editors

Open first: `model`.
"""

from curation.recipe.model import DatasetRecipe, Dedup, InputOptions, OutputOptions, Recipe
from curation.recipe.read import parse_recipe, read_recipe

__all__ = [
    "DatasetRecipe",
    "Dedup",
    "InputOptions",
    "OutputOptions",
    "Recipe",
    "parse_recipe",
    "read_recipe",
]
