"""A scripted Realtime server over a real WebSocket, after OpenAI's reference of its events.

Rules:
- The conversation is kept as the reference describes it: items with ids, in order; what a client does wrong
  (an unknown item, a second response, too little sound, an output without its call) is an `error` event.
- Its turn detection is off unless a session asks for it, and nothing is answered by itself.
- What is said and read is taken from the lists; the last one stays. A fault is what real servers do.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from http import HTTPStatus
from typing import Any, NamedTuple

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

Event = dict[str, Any]
RATE = 24_000
LEAST_BYTES = 2 * RATE // 10
_EVENTS = {
    *("session.update", "input_audio_buffer.append", "input_audio_buffer.commit"),
    *("input_audio_buffer.clear", "conversation.item.create", "conversation.item.delete"),
    *("conversation.item.truncate", "response.create", "response.cancel"),
}


class Said(NamedTuple):
    """One response. `ms`: of sound for each word. `calls`: name and arguments.

    `fault`: `rate_limited`, `failed`, `refused` (an `error` in place of a response), `hang`, `drop`
    (after half of the sound), `nonsense`. `hold`: stops after half of the sound until cancelled.
    """

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    fault: str = ""
    hold: bool = False
    ms: int = 200


class Read(NamedTuple):
    """What the caller is understood to have said. `fault`: `failed` or `hang`."""

    text: str = "Yes please."
    fault: str = ""


class RealtimeServer:
    """The running server; one conversation at a time."""

    def __init__(self) -> None:
        self.key = ""
        """When set, any other is refused."""
        self.responses: list[Said] = [Said("Hello there.")]
        self.texts: list[Read] = [Read()]
        self.refuses_session = False
        self.url = ""
        # what came
        self.seen: list[Event] = []
        self.session: Event = {}
        self.items: list[Event] = []
        self.errors: list[Event] = []
        self.committed: list[bytes] = []
        self.truncated: list[tuple[str, int]] = []
        self.model = ""
        self.came: asyncio.Queue[Event] = asyncio.Queue()
        self._buffer = bytearray()
        self._number = 0
        self._active: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection: ServerConnection | None = None

    @property
    def texts_held(self) -> list[tuple[str, str]]:
        """The conversation: role or type, and words."""
        return [(str(item.get("role") or item["type"]), words_of(item)) for item in self.items]

    async def hang_up(self) -> None:
        """Closes the line in the middle of it."""
        if self._connection is not None:
            await self._connection.close(1011, "going away")

    def check(self, connection: ServerConnection, request: Request) -> Response | None:
        """Whom the server lets in."""
        if not request.path.startswith("/v1/realtime?"):
            return connection.respond(HTTPStatus.NOT_FOUND, "no such path")
        self.model = request.path.partition("model=")[2].partition("&")[0]
        if self.key and request.headers.get("Authorization") != f"Bearer {self.key}":
            return connection.respond(HTTPStatus.UNAUTHORIZED, "no")
        return None

    async def serve(self, connection: ServerConnection) -> None:
        """One conversation."""
        self._connection = connection
        with suppress(ConnectionClosed):
            await self._send("session.created", session={"type": "realtime", "id": "sess_1"})
            async for message in connection:
                await self._take(json.loads(message))
        for task in [*self._tasks]:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _take(self, event: Event) -> None:
        self.seen.append(event)
        match event["type"]:
            case "session.update":
                await self._session(event)
            case "input_audio_buffer.append":
                self._buffer += base64.b64decode(event["audio"], validate=True)
            case "input_audio_buffer.commit":
                await self._commit(event)
            case "input_audio_buffer.clear":
                self._buffer.clear()
                await self._send("input_audio_buffer.cleared")
            case "conversation.item.create":
                await self._create(event)
            case "conversation.item.delete":
                await self._delete(event)
            case "conversation.item.truncate":
                await self._truncate(event)
            case "response.create":
                await self._respond(event)
            case "response.cancel":
                await self._cancel(event)
        if event["type"] not in _EVENTS:
            await self._error(event, "invalid_value")
        self.came.put_nowait(event)

    async def _session(self, event: Event) -> None:
        session = event["session"]
        if self.refuses_session or session.get("type") != "realtime":
            await self._error(event, "missing_required_parameter")
            return
        self.session.update(session)
        await self._send("session.updated", session=self.session)

    # the caller's sound

    async def _commit(self, event: Event) -> None:
        if len(self._buffer) < LEAST_BYTES:
            await self._error(event, "input_audio_buffer_commit_empty")
            return
        self.committed.append(bytes(self._buffer))
        self._buffer.clear()
        item = self._item("message", role="user", content=[{"type": "input_audio", "transcript": None}])
        previous = self.items[-1]["id"] if self.items else None
        await self._send("input_audio_buffer.committed", item_id=item["id"], previous_item_id=previous)
        await self._add(item)
        self._spawn(self._read(item))

    async def _read(self, item: Event) -> None:
        read = self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]
        about = {"item_id": item["id"], "content_index": 0}
        kind = "conversation.item.input_audio_transcription"
        if read.fault == "hang":
            return
        if read.fault:
            await self._send(f"{kind}.failed", **about, error={"type": "server_error", "message": "no"})
            return
        item["content"][0]["transcript"] = read.text
        logprobs = [{"token": "x", "logprob": -0.1, "bytes": [120]}]
        usage = {"type": "duration", "seconds": 1.0}
        await self._send(f"{kind}.completed", **about, transcript=read.text, logprobs=logprobs, usage=usage)

    # the conversation

    async def _create(self, event: Event) -> None:
        item = dict(event["item"])
        wrong = any(one["id"] == item.get("id") for one in self.items)
        if item["type"] == "message":
            kind = {"user": "input_text", "assistant": "output_text", "system": "input_text"}[item["role"]]
            wrong = wrong or any(part["type"] != kind for part in item["content"])
        elif item["type"] == "function_call_output":
            calls = [one["call_id"] for one in self.items if one["type"] == "function_call"]
            wrong = wrong or item["call_id"] not in calls
        if wrong or len(item.get("id", "")) > 32:
            await self._error(event, "invalid_value")
            return
        await self._add({**self._item(item["type"]), **item})

    async def _delete(self, event: Event) -> None:
        kept = [item for item in self.items if item["id"] != event["item_id"]]
        if len(kept) == len(self.items):
            await self._error(event, "item_delete_invalid_item_id")
            return
        self.items = kept
        await self._send("conversation.item.deleted", item_id=event["item_id"])

    async def _truncate(self, event: Event) -> None:
        item = next((one for one in self.items if one["id"] == event["item_id"]), {})
        if item.get("role") != "assistant" or event["audio_end_ms"] > item.get("ms", 0):
            await self._error(event, "invalid_value")
            return
        item["ms"], item["content"] = event["audio_end_ms"], [{"type": "output_audio"}]
        self.truncated.append((item["id"], event["audio_end_ms"]))
        about = {name: event[name] for name in ("item_id", "content_index", "audio_end_ms")}
        await self._send("conversation.item.truncated", **about)

    async def _add(self, item: Event) -> None:
        previous = self.items[-1]["id"] if self.items else None
        self.items.append(item)
        await self._send("conversation.item.added", item=item, previous_item_id=previous)
        await self._send("conversation.item.done", item=item, previous_item_id=previous)

    # responses

    async def _respond(self, event: Event) -> None:
        if self._active is not None and not self._active.done():
            await self._error(event, "conversation_already_has_active_response")
            return
        said = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
        if said.fault == "refused":
            await self._error(event, "invalid_api_key")
            return
        self._active = self._spawn(self._response(said))

    async def _cancel(self, event: Event) -> None:
        if self._active is None or self._active.done():
            await self._error(event, "response_cancel_not_active")
            return
        self._active.cancel()
        await asyncio.gather(self._active, return_exceptions=True)

    async def _response(self, said: Said) -> None:
        self._number += 1
        response: Event = {"id": f"resp_{self._number}", "object": "realtime.response", "output": []}
        await self._send("response.created", response={**response, "status": "in_progress"})
        try:
            if said.fault in ("rate_limited", "failed"):
                code = "rate_limit_exceeded" if said.fault == "rate_limited" else "server_error"
                details = {"type": "failed", "error": {"type": code, "code": code}}
                await self._done(response, "failed", status_details=details)
                return
            if said.fault == "hang":
                await asyncio.Event().wait()
            if said.text:
                await self._speak(response["id"], said)
            for name, arguments in said.calls:
                await self._call(response["id"], name, arguments)
            usage = {
                "input_tokens": 1000,
                "output_tokens": 200,
                "input_token_details": {"text_tokens": 400, "audio_tokens": 600},
                "output_token_details": {"text_tokens": 50, "audio_tokens": 150},
            }
            await self._done(response, "completed", usage=usage)
        except asyncio.CancelledError:
            with suppress(ConnectionClosed):
                details = {"type": "cancelled", "reason": "client_cancelled"}
                await self._done(response, "cancelled", status_details=details)

    async def _done(self, response: Event, status: str, **fields: Any) -> None:
        await self._send("response.done", response={**response, "status": status, **fields})
        await self._send("rate_limits.updated", rate_limits=[])

    async def _speak(self, response: str, said: Said) -> None:
        item = self._item("message", role="assistant", content=[{"type": "output_audio", "transcript": ""}])
        item["ms"] = 0
        at = {"response_id": response, "output_index": 0}
        part = {**at, "item_id": item["id"], "content_index": 0}
        await self._send("response.output_item.added", **at, item=item)
        await self._add(item)
        await self._send("response.content_part.added", **part, part={"type": "audio", "transcript": ""})
        words = said.text.split(" ")
        for number, word in enumerate(words):
            delta = word if number == 0 else f" {word}"
            item["content"][0]["transcript"] += delta
            await self._send("response.output_audio_transcript.delta", **part, delta=delta)
            if number == len(words) // 2:
                await self._break(said)
            sound = base64.b64encode(tone(said.ms)).decode()
            item["ms"] += said.ms
            await self._send("response.output_audio.delta", **part, delta=sound)
        await self._send("response.output_audio.done", **part)
        await self._send("response.output_audio_transcript.done", **part, transcript=said.text)
        await self._send("response.content_part.done", **part, part={"type": "audio"})
        await self._send("response.output_item.done", **at, item=item)

    async def _break(self, said: Said) -> None:
        if said.fault == "nonsense" and self._connection is not None:
            await self._connection.send("<html>")
        if said.fault == "drop":
            await self.hang_up()
        if said.hold:
            await asyncio.Event().wait()

    async def _call(self, response: str, name: str, arguments: str) -> None:
        item = self._item("function_call", name=name, arguments="", call_id=f"call_{self._number}{name[:8]}")
        at = {"response_id": response, "output_index": 1}
        await self._send("response.output_item.added", **at, item=item)
        await self._add(item)
        part = {**at, "item_id": item["id"], "call_id": item["call_id"]}
        await self._send("response.function_call_arguments.delta", **part, delta=arguments)
        item["arguments"] = arguments
        await self._send("response.function_call_arguments.done", **part, name=name, arguments=arguments)
        await self._send("response.output_item.done", **at, item=item)

    # wire

    def _item(self, kind: str, **fields: Any) -> Event:
        self._number += 1
        return {"id": f"item_{self._number}", "object": "realtime.item", "type": kind, **fields}

    async def _error(self, event: Event, code: str) -> None:
        error = {
            "type": "invalid_request_error",
            "code": code,
            "message": "no",
            "event_id": event["event_id"],
        }
        self.errors.append({**error, "about": event["type"]})
        await self._send("error", error=error)

    async def _send(self, kind: str, **fields: Any) -> None:
        self._number += 1
        if self._connection is not None:
            await self._connection.send(
                json.dumps({"type": kind, "event_id": f"event_{self._number}", **fields})
            )

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def words_of(item: Event) -> str:
    """What stands in an item."""
    if item["type"] == "function_call":
        return f"{item['name']}({item['arguments']})"
    if item["type"] == "function_call_output":
        return str(item["output"])
    return "".join(str(part.get("text") or part.get("transcript") or "") for part in item["content"])


def tone(ms: int) -> bytes:
    """So much sound at 24 kHz."""
    return b"\x00\x10" * (RATE * ms // 1000)


@asynccontextmanager
async def realtime_server() -> AsyncIterator[RealtimeServer]:
    """A server that runs as long as this."""
    server = RealtimeServer()
    async with serve(server.serve, "127.0.0.1", 0, process_request=server.check) as running:
        port = next(iter(running.sockets)).getsockname()[1]
        server.url = f"http://127.0.0.1:{port}/v1"
        yield server
