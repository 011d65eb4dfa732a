"""The door of a running seat: a second start hands over what it was given, and ends.

Rules:
- `door.json` in the data folder (0600) names the socket and a key that is made anew at each start.
  The socket lies in a folder of mode 0700 and takes its owner only; without the key nothing is heard.
- `runtime.door` is the other side. One line of JSON in, one line out, then the line is cut. What is
  longer than `MOST` bytes, comes slower than `PATIENCE_MS` or is anything else is cut without a word.
- What is handed over is a stranger's text (a web page's link): the seat reads it anew, whatever the one
  who brought it says.
"""

from __future__ import annotations

import hmac
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog
from PySide6.QtCore import QObject, QTimer
from PySide6.QtNetwork import QLocalServer, QLocalSocket

from halodesk.engine.errors import HaloDeskError
from halodesk.runtime.door import MOST, Knock, Reply, Sign, sign_file, write_sign

PATIENCE_MS = 5_000
_MOST_VISITORS = 8
_LONGEST_PATH = 85
"""Bytes of a socket's path: `sun_path` holds 107, and Qt makes it in a folder beside it first."""

_log = structlog.get_logger("door")


class Door(QObject):
    """Main thread only. `on_knock` may raise a `HaloDeskError`: the visitor is told."""

    def __init__(self, folder: Path, on_knock: Callable[[Knock], None]) -> None:
        super().__init__()
        self._folder, self._on_knock = folder, on_knock
        self._key = secrets.token_hex(32)
        self._server = QLocalServer(self)
        self._server.setSocketOptions(QLocalServer.SocketOption.UserAccessOption)
        self._server.newConnection.connect(self._come_in)
        self._visitors: list[_Visitor] = []
        self._place: Path | None = None

    def open(self) -> bool:
        """Listen. False, and the log says why, where that cannot be: then a second start is refused."""
        try:
            address = self._address()
            if not self._server.listen(address):
                _log.error("door_shut", reason=self._server.errorString())
                return False
            write_sign(self._folder, Sign(address=self._server.fullServerName(), key=self._key))
        except OSError as error:
            _log.error("door_shut", reason=error.strerror or type(error).__name__)
            self._server.close()
            return False
        return True

    def close(self) -> None:
        """Take nobody in any more."""
        self._server.close()
        for visitor in list(self._visitors):
            visitor.cut()
        sign_file(self._folder).unlink(missing_ok=True)
        if self._place is not None:
            shutil.rmtree(self._place, ignore_errors=True)

    def _address(self) -> str:
        name = secrets.token_hex(6)
        if sys.platform == "win32":
            return f"halodesk-door-{name}"
        folder = self._folder / "run"
        if len(os.fsencode(folder / name)) > _LONGEST_PATH:
            folder = self._place = Path(
                tempfile.mkdtemp(prefix="halodesk-", dir="/tmp")
            )  # private, and short
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        for stale in folder.glob("door-*"):
            stale.unlink(missing_ok=True)  # of a seat that was killed: we hold its lock now
        return str(folder / f"door-{name}")

    def _come_in(self) -> None:
        while (socket := self._server.nextPendingConnection()) is not None:
            if len(self._visitors) >= _MOST_VISITORS:
                socket.abort()
                socket.deleteLater()
                continue
            visitor = _Visitor(socket, self._answer, self._visitors.remove)
            self._visitors.append(visitor)
            visitor.hear()

    def _answer(self, line: bytes) -> Reply | None:
        try:
            knock = msgspec.json.decode(line, type=Knock)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        if not hmac.compare_digest(knock.key.encode(), self._key.encode()):
            _log.warning("door_wrong_key")
            return None
        try:
            self._on_knock(knock)
        except HaloDeskError as error:
            return Reply(refused=error.message, todo=error.todo)
        return Reply(order=knock.order)


class _Visitor(QObject):
    """One connection, from its first byte to its end."""

    def __init__(
        self,
        socket: QLocalSocket,
        answer: Callable[[bytes], Reply | None],
        gone: Callable[[_Visitor], None],
    ) -> None:
        super().__init__()
        self._socket, self._answer, self._gone = socket, answer, gone
        socket.setParent(self)
        socket.readyRead.connect(self.hear)
        socket.disconnected.connect(self._left)
        self._patience = QTimer(self, singleShot=True, interval=PATIENCE_MS)
        self._patience.timeout.connect(self.cut)
        self._patience.start()

    def hear(self) -> None:
        """Answer as soon as a whole line is there."""
        if self._socket.bytesAvailable() > MOST:
            self.cut()
        elif self._socket.canReadLine():
            reply = self._answer(bytes(self._socket.readLine(MOST).data()))
            if reply is None:
                self.cut()
                return
            self._socket.write(msgspec.json.encode(reply) + b"\n")
            self._socket.flush()
            self._socket.disconnectFromServer()

    def cut(self) -> None:
        """End the line, whatever is on it."""
        self._socket.abort()

    def _left(self) -> None:
        self._patience.stop()
        self._gone(self)
        self.deleteLater()
