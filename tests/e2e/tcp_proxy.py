"""Stands between a seat and a server (the PBX's manager port, a gateway) and fails as networks do.

`freeze`: connections stay open, nothing passes, new ones are taken and stay silent.
`cut`: connections are closed, new ones are refused. `deafen`: what is asked arrives, and each connection
ends in place of the answer. `mend` ends all three. Where nobody is behind it, connections end at once.
"""

from __future__ import annotations

import contextlib
import socket
import threading

from tests.lab.pbx import HOST

_CHUNK = 65_536


class TcpProxy:
    """Threads: one that accepts, two for each connection. All end with `close`."""

    def __init__(self, port: int, *, watch: bytes = b"") -> None:
        """To `port` of this machine. `passed` is set when a piece that holds `watch` has been sent on."""
        self._target = port
        self._watch = watch
        self.passed = threading.Event()
        self._passes = threading.Event()
        self._passes.set()
        self._deaf = False
        self._closing = False
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = self._listen(0)
        self.port = int(self._listener.getsockname()[1])
        self._begin(self._accept, self._listener)

    def freeze(self) -> None:
        """From now on nothing passes, in either direction."""
        self._passes.clear()

    def cut(self) -> None:
        """Close everything and refuse new connections."""
        _shut(self._listener)
        self._drop()

    def deafen(self) -> None:
        """From now on no answer comes back: who asked cannot know whether it was done."""
        self._deaf = True

    def mend(self) -> None:
        """Let everything pass again: what a frozen connection held back, too."""
        self._deaf = False
        self._passes.set()
        if self._listener.fileno() < 0:
            self._listener = self._listen(self.port)
            self._begin(self._accept, self._listener)

    def close(self) -> None:
        """End all connections and threads."""
        self._closing = True
        self._passes.set()
        _shut(self._listener)
        self._drop()
        for thread in self._threads:
            thread.join(5)

    def _listen(self, port: int) -> socket.socket:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
        return listener

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, name="tcp-proxy", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                try:
                    far = socket.create_connection((HOST, self._target))
                except OSError:
                    _shut(near)
                    continue
                with self._lock:
                    self._sockets += [near, far]
                self._begin(self._pump, near, far, False)
                self._begin(self._pump, far, near, True)

    def _pump(self, source: socket.socket, sink: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_CHUNK):
                self._passes.wait()
                if answers and self._deaf:
                    break
                sink.sendall(data)
                if self._watch and self._watch in data:
                    self.passed.set()
        _shut(source)
        _shut(sink)

    def _drop(self) -> None:
        with self._lock:
            dropped, self._sockets = self._sockets, []
        for each in dropped:
            _shut(each)


def _shut(each: socket.socket) -> None:
    """Wakes whoever waits in it, then closes."""
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
