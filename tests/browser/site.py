"""A web site of the tests' own: pages by path, every request and every connection counted."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, dict[str, str], str]
Route = Callable[["Request"], Answer]


class Request:
    """One request as it arrived."""

    def __init__(self, method: str, target: str, body: str) -> None:
        parts = urlsplit(target)
        self.method, self.path = method, parts.path
        self.query, self.form = parse_qs(parts.query), parse_qs(body)
        self.body = body


def html(body: str, *, head: str = "", headers: dict[str, str] | None = None) -> Route:
    """A page that is always the same."""
    page = f"<!doctype html><html lang=en><head><meta charset=utf-8>{head}</head><body>{body}</body></html>"
    return lambda request: (200, {"Content-Type": "text/html; charset=utf-8", **(headers or {})}, page)


class Site:
    """Serves on a free loopback port until `close`."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.requests: list[Request] = []
        self.connections = 0
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self) -> None:
                site.connections += 1
                super().setup()

            def do_GET(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                request = Request(self.command, self.path, body)
                site.requests.append(request)
                route = site.routes.get(request.path)
                status, headers, text = route(request) if route else (404, {}, "")
                data = text.encode()
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def page(self, path: str, body: str, *, head: str = "", headers: dict[str, str] | None = None) -> str:
        """Adds a page; its address."""
        self.routes[path] = html(body, head=head, headers=headers)
        return self.origin + path

    def seen(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.path == path]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)
