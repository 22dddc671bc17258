"""What every package shares: errors, names, digests, the store, YAML with positions, predicates.

Open first: `errors` (the tree, drawn), then `store` (the only code that joins names to paths).
"""
