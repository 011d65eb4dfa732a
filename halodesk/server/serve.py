"""Runs the server until it is told to stop."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable
from pathlib import Path

import msgspec
import uvicorn

from halodesk.engine.errors import SettingsError
from halodesk.protocol.sync import Policy
from halodesk.server.app import create_app
from halodesk.server.database import open_database
from halodesk.server.keys import ServerKeys
from halodesk.server.recorders import load

GRACE_S = 3
_BIND_TODO = "Choose another port, or 0 for any free one."


class Tls(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate chain and its private key, both PEM files."""

    certificate: Path
    key: Path


class _AnnouncedServer(uvicorn.Server):
    """Says when it takes requests."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._announce()


def serve(
    folder: Path,
    *,
    bind: str,
    port: int,
    ready: Callable[[int], None],
    database_url: str = "",
    tls: Tls | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; blocks, in the main thread of its own process.

    `ready` is called once with the real port when requests are taken. Without a certificate only
    a loopback address is served: seats send tokens and sessions. Raises `SettingsError`,
    `StoreError`, `StoreKeyError` in words.
    """
    _check_bind(bind, tls)
    keys = ServerKeys(folder)
    policy = _policy(folder / "policy.json")
    recorders = load(folder)
    listener = _listen(bind, port)
    with listener:
        app = create_app(open_database(folder, database_url), keys, policy, recorders)
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)  # its lines carry addresses and tracebacks
        config = uvicorn.Config(
            app,
            http="h11",
            ws="websockets-sansio",
            ws_max_size=4096,
            ws_per_message_deflate=False,  # 3.6 times the memory of a connection
            loop="asyncio",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            ssl_certfile=tls.certificate if tls else None,
            ssl_keyfile=tls.key if tls else None,
            timeout_graceful_shutdown=GRACE_S,
        )
        real_port: int = listener.getsockname()[1]
        try:
            config.load()
        except OSError as error:
            raise SettingsError(
                f"The certificate or its key cannot be used: {error.strerror or error}.",
                "Name PEM files that belong together.",
            ) from None
        _AnnouncedServer(config, lambda: ready(real_port)).run(sockets=[listener])


def _check_bind(bind: str, tls: Tls | None) -> None:
    try:
        loopback = bind == "localhost" or ipaddress.ip_address(bind).is_loopback
    except ValueError:
        raise SettingsError(f"{bind} is no address of this machine.", "Name an IP address.") from None
    if tls is None and not loopback:
        raise SettingsError(
            "Seats of other machines are served over TLS only.",
            "Name --certificate and --key, or bind 127.0.0.1 behind a proxy that speaks TLS.",
        )


def _policy(file: Path) -> Policy:
    if not file.exists():
        return Policy()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Policy)
    except (OSError, msgspec.DecodeError) as error:
        raise SettingsError(f"{file.name}: {error}.", "See docs/server.md for what it may say.") from None


def _listen(bind: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    # The protocol by name: asyncio switches Nagle's algorithm off only on a socket that says it is TCP,
    # and with it on an answer in two parts waits 40 ms for the asker's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((bind, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SettingsError(f"{bind} port {port} cannot be served: {error}.", _BIND_TODO) from None
    return listener
