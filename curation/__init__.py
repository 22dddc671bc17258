"""What happens to a document: raw text in, an immutable dataset version out.

Open first: `curation.run` (one task from input range to committed rows), then `curation.steps`
(the contract of a step), then whichever folder holds the step you came for.

    readers -> normalise -> language -> rules, pii, decontaminate -> dedup -> shards

`curation.base` and `curation.shards` are what the other packages may import: the store's layout,
digests, YAML with positions, the predicate language, and the formats of versions and token sets.
"""
