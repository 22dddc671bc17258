"""Routes, one module a noun: parse, call `mixtures` or the engine, answer."""
