"""spaCy's English word split (`spacy.blank("en")`, as datatrove 0.10.1 uses it) without spaCy.

spaCy cuts a text at white space into chunks and each chunk by special cases, prefix and suffix
expressions, the URL rule and infix expressions; a phrase matcher then restores special cases that
the expressions had cut. Here a chunk's hash is looked up in a memo; a chunk not met before is split
by the same steps in a kernel. Open first: `splitter` (what rules call), then `chunk` (the
algorithm), `affixes` and `urls` (the expressions), `tables` (what is read from the installed spaCy,
and when it is refused), `memo` (chunks and words of a batch).

The expressions are transcribed, not copied: only digests of spaCy's are kept, and where the
installed spaCy differs, `Unsupported` says so before any document is judged.
"""
