"""Routes, one module a noun: parse, call `mixtures` or the engine, answer.

Each module exports `router`; every route declares its scope with `Depends(require(...))`.
"""

ROUTES: tuple[str, ...] = (
    *("health", "datasets", "mixtures", "plans", "tokens", "tokenizers", "runs", "pages"),
)
