"""Views: which documents of a token set are read, packed how; built once, shared by plans.

    request.py    what decides a view, and so its name
    selection.py  version + where     -> bits      one a row, kept
    holdout.py    version             -> hashes    of each text, kept
    packing.py    documents           -> segments  concat, best_fit, documents
    build.py      all of these        -> View      committed by one rename
    view.py       a committed view, as a plan counts it; finding one

The format on disk and its reader are awase_client.engine.views; docs/tokens.md describes both.
"""

from mixtures.views.build import build_view, build_views
from mixtures.views.request import ViewRequest
from mixtures.views.view import View, load_view, stored_view

__all__ = ["View", "ViewRequest", "build_view", "build_views", "load_view", "stored_view"]
