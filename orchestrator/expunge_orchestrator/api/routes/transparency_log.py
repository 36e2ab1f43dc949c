"""The transparency log and the trust file: public, so that anyone with a receipt can verify it (C2SP tlog-tiles)."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response

from expunge_orchestrator.api.call_slots import InAddressTurn
from expunge_orchestrator.api.problems import not_there
from expunge_orchestrator.api.state import AppState
from expunge_orchestrator.receipts import receipt_export

router = APIRouter(prefix="/v1", tags=["transparency"], route_class=InAddressTurn)

# tile/<L>/<N>[.p/<W>] and tile/entries/<N>[.p/<W>]; N in groups of three digits, all but the last with an x before it.
_TILE = re.compile(r"tile/(?:[0-9]{1,2}|entries)/(?:x[0-9]{3}/)*[0-9]{3}(?:\.p/[0-9]{1,3})?", re.ASCII)


@router.get("/trust", response_class=Response)
def get_trust_file(request: Request) -> Response:
    """The operator's public keys, which an auditor pins."""
    state: AppState = request.app.state.shared
    return Response(receipt_export.trust_file(state.workspace), media_type="application/json")


@router.get("/log/checkpoint", response_class=Response)
def get_checkpoint(request: Request) -> Response:
    """The signed head of the log."""
    return _file(request, "checkpoint", "text/plain; charset=utf-8")


@router.get("/log/{tile:path}", response_class=Response)
def get_tile(request: Request, tile: Annotated[str, Path(pattern="^tile/", max_length=80)]) -> Response:
    """A tile or an entry bundle."""
    if not _TILE.fullmatch(tile):
        raise not_there()
    return _file(request, tile, "application/octet-stream")


def _file(request: Request, name: str, media_type: str) -> Response:
    state: AppState = request.app.state.shared
    try:
        data = (state.workspace.settings.log / name).read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        raise not_there() from None
    return Response(data, media_type=media_type)
