"""A registrar over TLS that lets everybody in, for what a phone thinks of its certificate."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
from pathlib import Path
from types import TracebackType

HOST = "127.0.0.1"
_COPIED = re.compile(r"^(?:Via|From|To|Call-ID|CSeq|Contact):.*$", re.MULTILINE)


class SipRegistrar:
    """Listens on a free port while the `with` block lasts; `received` are the requests it could read."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate, key)
        self._listener = socket.create_server((HOST, 0))
        self.port = int(self._listener.getsockname()[1])
        self.received: list[str] = []
        self._heard = threading.Condition()
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, name="registrar")]

    def __enter__(self) -> SipRegistrar:
        self._threads[0].start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        for each in (self._listener, *self._open):
            with contextlib.suppress(OSError):  # the other side was first
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        for thread in self._threads:
            thread.join()

    @property
    def connections(self) -> int:
        """How many phones, or how often one, got through the handshake."""
        return len(self._open)

    def wait_for(self, count: int) -> None:
        """Until so many REGISTERs have come; raises `TimeoutError` after 20 s."""

        def come() -> bool:
            return sum(request.startswith("REGISTER ") for request in self.received) >= count

        with self._heard:
            if not self._heard.wait_for(come, 20):
                raise TimeoutError(f"{len(self.received)} requests instead of {count}")

    def _accept(self) -> None:
        while True:
            try:
                raw, _ = self._listener.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._serve, args=(raw,), name="registrar-client")
            self._threads.append(thread)
            thread.start()

    def _serve(self, raw: socket.socket) -> None:
        # A phone that does not believe us leaves.
        with contextlib.suppress(OSError), self._context.wrap_socket(raw, server_side=True) as line:
            self._open.append(line)
            while data := line.recv(65_535):
                request = data.decode(errors="replace").replace("\r\n", "\n")
                with self._heard:
                    self.received.append(request)
                    self._heard.notify_all()
                if request.startswith("REGISTER "):
                    answer = ["SIP/2.0 200 OK", *_COPIED.findall(request), "Expires: 300"]
                    line.sendall("\r\n".join([*answer, "Content-Length: 0", "", ""]).encode())
