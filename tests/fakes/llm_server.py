"""A scripted model behind HTTP: OpenAI's chat completions and Anthropic's messages, streamed.

Rules: each reply is taken from the list, the last one stays (or `answer` gives it); every request is
kept. A fault is what real servers do: cut the stream, 429, hang before or in the middle, nonsense.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Reply(NamedTuple):
    """One completion. `calls`: name and arguments as the model writes them.

    `fault`: `cut` (after the text), `hang` (before the first piece), `stall` (after the text), `429`,
    `500`, `401`, `nonsense`, `drop`.
    """

    text: str = ""
    calls: tuple[tuple[str, str], ...] = ()
    fault: str = ""
    usage: tuple[int, int] = (100, 10)


class LlmServer:
    """The running server."""

    def __init__(self, answer: Callable[[dict[str, Any]], Reply] | None = None) -> None:
        self.seen: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.replies: list[Reply] = [Reply(text="Hello.")]
        self.answer = answer
        self.over = threading.Event()
        self._lock = threading.Lock()
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # named by http.server
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                reply = server.next(body, {name.lower(): value for name, value in self.headers.items()})
                self.close_connection = True
                try:
                    self._reply(reply)
                except ConnectionError:
                    return  # the client has heard enough

            def _reply(self, reply: Reply) -> None:
                if reply.fault == "hang":
                    server.over.wait(20)
                    return
                if reply.fault == "drop":
                    return
                if reply.fault.isdigit():
                    self._plain(int(reply.fault), b'{"error": {"message": "no", "type": "x"}}')
                    return
                if reply.fault == "nonsense":
                    self._plain(200, b"data: <html>\n\n")
                    return
                self.send_response(200)
                self.send_header("Content-Type", "text/event-stream")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                stream = anthropic_stream if self.path.endswith("/messages") else openai_stream
                for piece in stream(reply):
                    self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                    self.wfile.flush()
                if reply.fault == "stall":
                    server.over.wait(20)
                if not reply.fault:
                    self.wfile.write(b"0\r\n\r\n")

            def _plain(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "text/event-stream" if status == 200 else "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Tests print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self.bare_url = self.url.removesuffix("/v1")

    def next(self, body: dict[str, Any], headers: dict[str, str]) -> Reply:
        """The reply to a request, which is kept."""
        with self._lock:
            self.seen.append(body)
            self.headers.append(headers)
            if self.answer is not None:
                return self.answer(body)
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]

    def stop(self) -> None:
        """End it and whoever still waits for an answer."""
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def openai_stream(reply: Reply) -> Iterator[bytes]:
    """Chunks of a chat completion, as server-sent events."""

    def chunk(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return event({**base, "choices": [choice]})

    def event(value: dict[str, Any]) -> bytes:
        return b"data: " + json.dumps(value).encode() + b"\n\n"

    base: dict[str, Any] = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    yield chunk({"role": "assistant", "content": ""})
    for start in range(0, len(reply.text), 7):
        yield chunk({"content": reply.text[start : start + 7]})
    if reply.fault:
        return
    for index, (name, arguments) in enumerate(reply.calls):
        function = {"name": name, "arguments": ""}
        call = {"index": index, "id": f"call_{index}", "type": "function", "function": function}
        yield chunk({"tool_calls": [call]})
        for start in range(0, len(arguments), 9):
            part = {"arguments": arguments[start : start + 9]}
            yield chunk({"tool_calls": [{"index": index, "function": part}]})
    yield chunk({}, "tool_calls" if reply.calls else "stop")
    prompt, completion = reply.usage
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    yield event({**base, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def anthropic_stream(reply: Reply) -> Iterator[bytes]:
    """Events of a message."""

    def event(kind: str, **fields: Any) -> bytes:
        return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()

    prompt, completion = reply.usage
    yield event(
        "message_start",
        message={
            "id": "m",
            "type": "message",
            "role": "assistant",
            "content": [],
            "model": "scripted",
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": prompt, "output_tokens": 1},
        },
    )
    index = 0
    if reply.text:
        yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        for start in range(0, len(reply.text), 7):
            text = reply.text[start : start + 7]
            yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})
        yield event("content_block_stop", index=0)
        index = 1
    if reply.fault:
        return
    for name, arguments in reply.calls:
        block = {"type": "tool_use", "id": f"toolu_{index}", "name": name, "input": {}}
        yield event("content_block_start", index=index, content_block=block)
        yield event(
            "content_block_delta",
            index=index,
            delta={"type": "input_json_delta", "partial_json": arguments},
        )
        yield event("content_block_stop", index=index)
        index += 1
    stop = "tool_use" if reply.calls else "end_turn"
    yield event(
        "message_delta",
        delta={"stop_reason": stop, "stop_sequence": None},
        usage={"output_tokens": completion},
    )
    yield event("message_stop")


@contextmanager
def llm_server(
    *replies: Reply, answer: Callable[[dict[str, Any]], Reply] | None = None
) -> Iterator[LlmServer]:
    """A server with these replies."""
    server = LlmServer(answer)
    if replies:
        server.replies = list(replies)
    try:
        yield server
    finally:
        server.stop()
