"""Between HTTP and the server's own words: bodies in, answers and refusals out."""

from __future__ import annotations

import math
from typing import Any, TypeVar

import msgspec
import structlog
from litestar import MediaType, Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException

from halodesk.crypto.metadata import MetadataError
from halodesk.engine.errors import HaloDeskError
from halodesk.protocol.sync import Problem, RefusedError, ServerAwayError
from halodesk.server.access import refused
from halodesk.server.unpack import unpack

WebRequest = Request[Any, Any, State]
Body = TypeVar("Body")

_log = structlog.get_logger("server")


async def body(request: WebRequest, kind: type[Body]) -> Body:
    """The request's JSON body. Raises `RefusedError` 400, 411, 413 or 415."""
    data = unpack(await request.body(), request.headers.get("Content-Encoding", ""))
    return decode(data, kind)


def decode(data: bytes, kind: type[Body]) -> Body:
    """JSON of that kind. Raises `RefusedError` (400)."""
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise refused(400, "malformed", f"This is not what this address takes: {error}.") from None


def answer(value: object) -> Response[bytes]:
    """200 with JSON."""
    return Response(msgspec.json.encode(value), media_type=MediaType.JSON, status_code=200)


def failed(_request: WebRequest, error: Exception) -> Response[bytes]:
    """Any error as a `Problem` with its status; one that was not foreseen tells nothing of itself."""
    match error:
        case RefusedError():
            return _problem(error.status, error.problem)
        case ServerAwayError():
            problem = Problem(
                code="away", message=error.message, todo=error.todo, retry_after=error.retry_after
            )
            return _problem(503, problem)
        case MetadataError():
            return _problem(422, Problem(code="signature", message=error.message, todo=error.todo))
        case HaloDeskError():
            return _problem(409, Problem(code="refused", message=error.message, todo=error.todo))
        case HTTPException():
            code = {413: "too_large", 404: "not_found", 405: "method"}.get(error.status_code, "http")
            return _problem(error.status_code, Problem(code=code, message=error.detail))
        case _:
            _log.error("request_failed", error=type(error).__name__, message=str(error)[:200])
            return _problem(
                500, Problem(code="failed", message="The server failed.", todo="Try again later.")
            )


def _problem(status: int, problem: Problem) -> Response[bytes]:
    headers = {"Retry-After": str(math.ceil(problem.retry_after))} if problem.retry_after else {}
    return Response(
        msgspec.json.encode(problem), media_type=MediaType.JSON, status_code=status, headers=headers
    )
