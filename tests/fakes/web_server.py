"""A web server on loopback that answers as it is told, in a thread of its own.

Rules: each answer is taken from the queue, the last one stays; every request is kept.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Seen(NamedTuple):
    """One request that came in; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Told(NamedTuple):
    """One answer. `hang`: none until the server stops. `drop`: the connection is cut instead."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = {}
    hang: bool = False
    drop: bool = False


class WebServer:
    """The running server."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self.answers: list[Told] = [Told()]
        self.came = threading.Event()
        self._over = threading.Event()
        told = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
                headers = {name.lower(): value for name, value in self.headers.items()}
                told.seen.append(Seen(self.command, self.path, headers, body))
                told.came.set()
                answer = told.answers.pop(0) if len(told.answers) > 1 else told.answers[0]
                self.close_connection = True
                if answer.hang:
                    told._over.wait(30)
                    return
                if answer.drop:
                    return
                self.send_response(answer.status)
                for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(answer.body)
                except ConnectionError:
                    return  # the other side has heard enough

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = do_PATCH = _any  # named by http.server

            def log_message(self, format: str, *args: object) -> None:
                """Tests print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """End it and whoever still waits for an answer."""
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)


@contextmanager
def web_server(*answers: Told) -> Iterator[WebServer]:
    """A server with these answers."""
    server = WebServer()
    if answers:
        server.answers = list(answers)
    try:
        yield server
    finally:
        server.stop()
