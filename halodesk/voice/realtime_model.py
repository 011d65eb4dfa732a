"""The model behind a Realtime server: one completion of our conversation over its socket.

Rules:
- Our transcript is the truth. Before each response the server's conversation is made equal to it: what
  fits stays, so that the model goes on hearing the caller's own voice; the rest is deleted and written anew.
- Prompt and functions of the node in force go out by `session.update`, when they have changed.
- A response is asked for, never given by itself, and one at a time. Letting go of it cancels it.
- A function call of the server's is taken out of its conversation: it comes back with the transcript, under
  our id and with its result.
- What was cut is shortened over there to the milliseconds that were heard (`cut`).
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import msgspec

from halodesk.engine.flow_agent.inputs import Failure
from halodesk.engine.flow_agent.prompt import ChatMessage
from halodesk.runtime.flow_agent_ports import CallPiece, ChatError, ChatRequest, EndPiece, Piece, TextPiece
from halodesk.voice.provider import RealtimeAccount
from halodesk.voice.realtime_line import MODEL, Event, RealtimeLine

_QUIET_S = 1.0
"""How long a response that was cancelled may take to end."""


class _Held(msgspec.Struct):
    """An item of the server's conversation. `text` is None as long as nobody knows its words."""

    id: str
    kind: str
    text: str | None = None
    cut: bool = False


class _Wanted(msgspec.Struct, frozen=True):
    """An entry of our transcript as the server takes it."""

    kind: str
    text: str
    item: Event


class _Answer:
    """A response under way."""

    def __init__(self, event_id: str) -> None:
        self.event_id = event_id
        self.id = ""
        self.pieces: asyncio.Queue[Piece | ChatError] = asyncio.Queue()
        self.calls = 0
        self.over = asyncio.Event()


class RealtimeModel:
    """See `runtime.flow_agent_ports.ChatLLM`."""

    def __init__(self, line: RealtimeLine, account: RealtimeAccount) -> None:
        self._line, self._account = line, account
        self._held: list[_Held] = []
        self._numbers = itertools.count(1)
        self._said: tuple[str, list[Event]] | None = None
        self._answer: _Answer | None = None
        line.listen(self._event)
        line.when_lost(self._lost)

    @property
    def name(self) -> str:
        """Provider and model."""
        return f"openai-realtime/{self._account.model or MODEL}"

    async def stream(self, request: ChatRequest) -> AsyncIterator[Piece]:
        """The completion, piece by piece; its sound goes to the mouth."""
        await self._quiet()
        if self._line.lost:
            raise ChatError("away", "The Realtime line is lost.")
        self._prepare(request)
        response = {"max_output_tokens": request.max_tokens}
        answer = _Answer(self._line.post({"type": "response.create", "response": response}))
        self._answer = answer
        try:
            while True:
                piece = await answer.pieces.get()
                if isinstance(piece, ChatError):
                    raise piece
                yield piece
                if isinstance(piece, EndPiece):
                    return
        finally:
            if not answer.over.is_set():
                self._line.post(
                    {"type": "response.cancel"} | ({"response_id": answer.id} if answer.id else {})
                )

    async def close(self) -> None:
        """The line is closed by whoever opened it."""

    def heard(self, item: str, text: str) -> None:
        """The words of an item of the caller's."""
        for held in self._held:
            if held.id == item:
                held.text = text
                return
        self._held.append(_Held(item, "user", text))

    def cut(self, item: str, played_ms: int) -> None:
        """No more than that of our own item was heard."""
        for held in self._held:
            if held.id == item and not held.cut:
                held.cut = True
                self._line.post(
                    {
                        "type": "conversation.item.truncate",
                        "item_id": item,
                        "content_index": 0,
                        "audio_end_ms": played_ms,
                    }
                )

    async def _quiet(self) -> None:
        """One response at a time: the server refuses a second one."""
        if self._answer is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_QUIET_S):
                    await self._answer.over.wait()

    # the conversation over there

    def _prepare(self, request: ChatRequest) -> None:
        instructions = "\n\n".join(one.content for one in request.messages if one.role == "system")
        tools: list[Event] = [
            {
                "type": "function",
                "name": one.name,
                "description": one.description,
                "parameters": one.parameters,
            }
            for one in request.tools
        ]
        if self._said != (instructions, tools):
            self._said = (instructions, tools)
            session = {"type": "realtime", "instructions": instructions, "tools": tools}
            self._line.post({"type": "session.update", "session": session})
        self._agree(list(_wanted([one for one in request.messages if one.role != "system"])))

    def _agree(self, wanted: Sequence[_Wanted]) -> None:
        """Makes the server's conversation equal to ours."""
        same = 0
        known = [held for held in self._held if held.text is not None or held.kind != "user"]
        while same < min(len(known), len(wanted)) and _fits(known[same], wanted[same]):
            same += 1
        for held in known[same:]:
            self._held.remove(held)
            self._line.post({"type": "conversation.item.delete", "item_id": held.id})
        for one in wanted[same:]:
            id = f"ours{next(self._numbers)}"
            self._held.append(_Held(id, one.kind, one.text))
            self._line.post({"type": "conversation.item.create", "item": {**one.item, "id": id}})

    # events in

    def _event(self, event: Event) -> None:
        match event["type"]:
            case "conversation.item.added":
                self._added(event["item"], event.get("previous_item_id"))
            case "conversation.item.deleted":
                self._held = [held for held in self._held if held.id != event["item_id"]]
            case "response.created" if self._answer is not None and not self._answer.id:
                self._answer.id = str(event["response"]["id"])
            case "response.done":
                self._done(event["response"])
            case "error":
                self._error(event["error"])
            case _ if self._answer is not None and event.get("response_id") == self._answer.id:
                self._progress(self._answer, event)

    def _added(self, item: Event, previous: str | None) -> None:
        id = str(item["id"])
        if item["type"] != "message" or any(held.id == id for held in self._held):
            return
        places = [place + 1 for place, held in enumerate(self._held) if held.id == previous]
        place = places[0] if places else len(self._held)
        self._held.insert(place, _Held(id, str(item["role"])))

    def _progress(self, answer: _Answer, event: Event) -> None:
        match event["type"]:
            case "response.output_audio_transcript.delta" | "response.output_text.delta":
                held = next((one for one in self._held if one.id == event["item_id"]), None)
                if held is not None:
                    held.text = (held.text or "") + str(event["delta"])
                answer.pieces.put_nowait(TextPiece(text=str(event["delta"])))
            case "response.output_audio.delta":
                answer.pieces.put_nowait(TextPiece(text=""))  # it is alive
            case "response.output_item.done" if event["item"]["type"] == "function_call":
                item = event["item"]
                answer.pieces.put_nowait(
                    CallPiece(
                        index=answer.calls,
                        id=str(item.get("call_id") or ""),
                        name=str(item["name"]),
                        arguments=str(item.get("arguments") or ""),
                    )
                )
                answer.calls += 1
                self._line.post({"type": "conversation.item.delete", "item_id": str(item["id"])})

    def _done(self, response: Event) -> None:
        answer = self._answer
        if answer is None or response["id"] != answer.id:
            return
        answer.over.set()
        details = response.get("status_details") or {}
        match response["status"]:
            case "completed":
                finish = "tool_calls" if answer.calls else "stop"
                usage = self._account.used(response.get("usage") or {})
                answer.pieces.put_nowait(EndPiece(finish=finish, usage=usage))
            case "failed":
                error = details.get("error") or {}
                answer.pieces.put_nowait(_failed(str(error.get("code") or error.get("type") or "")))
            case _:
                answer.pieces.put_nowait(ChatError("cut", "The answer broke off."))

    def _error(self, error: Event) -> None:
        answer = self._answer
        if answer is not None and error.get("event_id") == answer.event_id:
            answer.over.set()
            answer.pieces.put_nowait(_failed(str(error.get("code") or error.get("type") or "")))

    def _lost(self) -> None:
        if self._answer is not None and not self._answer.over.is_set():
            self._answer.over.set()
            self._answer.pieces.put_nowait(ChatError("cut", "The Realtime line is lost."))


def _failed(code: str) -> ChatError:
    failure: Failure = "refused"
    if "rate_limit" in code or code == "insufficient_quota":
        failure = "rate_limited"
    elif code in ("server_error", "timeout", "conversation_already_has_active_response", ""):
        failure = "away"
    return ChatError(failure, f"The Realtime server gave no answer: {code[:60] or 'it does not say why'}.")


def _wanted(messages: Sequence[ChatMessage]) -> Iterator[_Wanted]:
    for message in messages:
        if message.role == "tool":
            yield _Wanted(
                "output",
                f"{message.call_id} {message.content}",
                {"type": "function_call_output", "call_id": message.call_id[:32], "output": message.content},
            )
            continue
        if message.content.strip():
            kind = "input_text" if message.role == "user" else "output_text"
            content: list[dict[str, Any]] = [{"type": kind, "text": message.content}]
            yield _Wanted(
                message.role,
                message.content,
                {"type": "message", "role": message.role, "content": content},
            )
        for call in message.calls:
            yield _Wanted(
                "call",
                f"{call.id} {call.name} {call.arguments}",
                {
                    "type": "function_call",
                    "call_id": call.id[:32],
                    "name": call.name,
                    "arguments": call.arguments or "{}",
                },
            )


def _fits(held: _Held, wanted: _Wanted) -> bool:
    if held.kind != wanted.kind or held.text is None:
        return False
    theirs, ours = bare(held.text), bare(wanted.text)
    return theirs == ours or (held.cut and bool(ours) and theirs.startswith(ours))


def bare(text: str) -> str:
    """The letters and figures of a text: what is left where blanks and signs are set otherwise."""
    return re.sub(r"[\W_]+", "", text).lower()
