"""Tokenizers by digest: what ids of a stream mean, for whoever only has a server."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import JSONResponse, Response

from api.caching import IMMUTABLE, etag_of, matches
from api.deps import StoreDep, plan_digest, require
from curation.base.digest import digest_bytes
from curation.base.errors import IntegrityError, NotFound
from curation.base.store import Store, read_json

router = APIRouter(prefix="/v1/tokenizers", tags=["plans"])
READ = Depends(require("read", "stream"))


@router.get("/{digest}", dependencies=[READ])
def get_tokenizer(request: Request, store: StoreDep, digest: str) -> Response:
    """What a tokenizer is: kind, vocabulary, separators, the name and SHA-256 of its file."""
    wanted, document = _document(store, digest)
    headers = {"ETag": etag_of(wanted), "Cache-Control": IMMUTABLE}
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return JSONResponse(document, headers=headers)


@router.get("/{digest}/file", dependencies=[READ], response_class=Response)
def get_tokenizer_file(request: Request, store: StoreDep, digest: str) -> Response:
    """The library's own file, byte for byte: a SentencePiece model or a tokenizer.json."""
    wanted, document = _document(store, digest)
    named: str = document["file_sha256"]
    headers = {"ETag": etag_of(named), "Cache-Control": IMMUTABLE}
    if matches(request.headers.get("if-none-match"), headers["ETag"]):
        return Response(status_code=304, headers=headers)
    path = store.tokenizer_dir(wanted) / document["file"]
    if not path.is_file():
        raise IntegrityError(f"tokenizer {wanted}: {path} is missing: restore the file")
    data = path.read_bytes()
    if digest_bytes(data) != named:
        raise IntegrityError(
            f"tokenizer {wanted}: {document['file']} is {digest_bytes(data)}, expected {named}"
        )
    return Response(data, headers=headers, media_type="application/octet-stream")


def _document(store: Store, digest: str) -> tuple[str, dict[str, Any]]:
    wanted = plan_digest(digest, what="tokenizer")
    path = store.tokenizer_dir(wanted) / "manifest.json"
    if not path.exists():
        raise NotFound(f"tokenizer {wanted} is not in this store: `awase tokenizer ls` lists them")
    return wanted, read_json(path, what=f"tokenizer {wanted}")
