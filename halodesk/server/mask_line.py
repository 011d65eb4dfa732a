"""The websocket `/v1/mask`: a seat asks, one line a seat."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec
from litestar import WebSocket, websocket
from litestar.exceptions import WebSocketDisconnect
from litestar.types import ControllerRouterHandler

from halodesk.protocol.mask import MASK_PATH, MaskAnswer, MaskAsk
from halodesk.protocol.sync import RefusedError
from halodesk.server.access import Holder
from halodesk.server.mask_seat import Line
from halodesk.server.masks import Masks


def mask_route(
    masks: Masks, sign_in: Callable[[str], Holder], allowed: Callable[[Holder], None]
) -> ControllerRouterHandler:
    """`sign_in` takes an Authorization header, `allowed` looks at a seat again with each question.

    Both raise `RefusedError`.
    """

    @websocket(MASK_PATH)
    async def mask(socket: WebSocket) -> None:  # type: ignore[type-arg]  # its parameters are not subscriptable at run time
        try:
            holder = sign_in(socket.headers.get("Authorization", ""))
            allowed(holder)
        except RefusedError as refusal:
            await socket.close(4401, refusal.problem.code)
            return
        await socket.accept()
        line = Line(holder, partial(socket.send_data, mode="binary"), partial(socket.close, 4409))
        masks.join(line)
        try:
            while True:
                asked = msgspec.json.decode(await socket.receive_data("binary"), type=MaskAsk)
                try:
                    allowed(holder)
                except RefusedError as refusal:
                    words = refusal.problem
                    await line.say(
                        MaskAnswer(
                            id=asked.id,
                            verdict="failed",
                            detail=words.message,
                            todo=words.todo,
                            code=words.code,
                        )
                    )
                    continue
                masks.hear(line, asked)
        except (WebSocketDisconnect, msgspec.DecodeError, UnicodeError):
            pass  # the seat comes again; what it has masked stays masked
        finally:
            masks.leave(line)

    return mask
