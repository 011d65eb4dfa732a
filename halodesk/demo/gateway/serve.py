"""Runs the sandbox gateway until it is told to stop."""

from __future__ import annotations

import ipaddress
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path

import uvicorn

from halodesk.demo.gateway.app import SANDBOX_API_KEY, GatewaySettings, create_app
from halodesk.engine.errors import DemoError


class _AnnouncedServer(uvicorn.Server):
    """Says when it takes requests; may end with its standard input."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()

    def stop_with_stdin(self) -> None:
        """Stop when the process that started this one closes its end, or is gone."""
        while sys.stdin.buffer.read(4096):
            pass
        self.should_exit = True


def serve(
    host: str,
    port: int,
    *,
    ready: Callable[[int], None],
    script: Iterable[str] = (),
    state_file: Path | None = None,
    api_key: str = SANDBOX_API_KEY,
    today: date | None = None,
    stop_with_stdin: bool = False,
) -> None:
    """Serve until SIGINT or SIGTERM; blocks, and belongs in the main thread of its own process.

    `port` 0 takes a free port; `ready` is called once with the real one as soon as requests are
    taken. The server speaks plain HTTP, so it refuses a `host` that is not loopback (PCI DSS
    4.0.1, 4.2.1). Raises `DemoError` for that, for a busy port and for a bad script or state file.
    """
    settings = GatewaySettings(api_key=api_key, script=tuple(script), state_file=state_file, today=today)
    application = create_app(settings)
    listener = _listen(host, port)
    real_port: int = listener.getsockname()[1]
    # uvicorn's own messages carry addresses and tracebacks; the journal says what matters.
    logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        application,
        http="h11",
        ws="none",
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_config=None,
        server_header=False,
        # A scripted hang never ends by itself.
        timeout_graceful_shutdown=1,
    )
    with listener:
        server = _AnnouncedServer(config, lambda: ready(real_port))
        if stop_with_stdin:
            threading.Thread(target=server.stop_with_stdin, name="stdin-watch", daemon=True).start()
        server.run(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise DemoError(
            f"The sandbox gateway does not listen on {host}: it speaks plain HTTP.",
            "Use a loopback address such as 127.0.0.1.",
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named, or asyncio does not take it for TCP and leaves Nagle's delay on.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform != "win32":
            # Windows lets two servers share a port with this option.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise DemoError(
            f"The sandbox gateway cannot listen on {host} port {port}: {error.strerror or error}.",
            "Stop the program that holds the port, or use port 0 for a free one.",
        ) from error
    return listener
