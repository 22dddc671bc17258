"""Views: which documents of a token set are read, packed how; built once, shared by plans.

    selection.py  version + where     -> bits      one a row, kept
    holdout.py    version             -> hashes    of each text, kept
    packing.py    documents           -> segments  concat, best_fit, documents
    build.py      all of these        -> View      committed by one rename

The format on disk and its reader are awase_client.engine.views; docs/tokens.md describes both.
"""

from mixtures.views.build import View, build_view, load_view

__all__ = ["View", "build_view", "load_view"]
