"""A network that loses packets: a relay between one phone and the PBX, in plain sight of both.

The phone takes the relay for its registrar. Signalling passes whole, with the ports of the sound
rewritten to the relay's own (SDP, RFC 8866), so that RTP and RTCP pass through it too; of RTP every nth
packet is dropped, on either way.
"""

from __future__ import annotations

import re
import selectors
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

HOST = "127.0.0.1"
Take = Callable[[bytes, tuple[str, int]], None]
_MEDIA = re.compile(rb"(?m)^(m=audio )(\d+)( )")
_RTCP = re.compile(rb"(?m)^(a=rtcp:)(\d+)")
_CALL_ID = re.compile(rb"(?mi)^(?:Call-ID|i) *: *(\S+)")
_CONTACT = re.compile(rb"(?mi)^((?:Contact|m) *: *<sip:(?:[^@>]*@)?)[0-9.]+:\d+")
_LENGTH = re.compile(rb"(?mi)^(Content-Length|l)( *: *)\d+")


@dataclass
class _Bridge:
    """One call's sound: `front` is what the phone speaks to, `back` what the PBX does."""

    front: tuple[socket.socket, socket.socket]
    back: tuple[socket.socket, socket.socket]
    phone: int = 0
    pbx: int = 0


class LossyRelay:
    """`lost_up`: share lost on the way to the PBX, `lost_down`: to the phone; changed at any time."""

    def __init__(self, pbx: tuple[str, int]) -> None:
        self.lost_up = self.lost_down = 0.0
        self.dropped = 0
        self._pbx = pbx
        self._phone: tuple[str, int] | None = None
        self._selector = selectors.DefaultSelector()
        self._sockets: list[socket.socket] = []
        self._bridges: dict[bytes, _Bridge] = {}
        self._owed = {"up": 0.0, "down": 0.0}
        self._front, self._back = self._socket(), self._socket()
        self._serve(self._front, self._from_phone)
        self._serve(self._back, self._from_pbx)
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lossy-relay", daemon=True)
        self._thread.start()

    @property
    def address(self) -> str:
        """What the phone registers at."""
        return f"{HOST}:{self._front.getsockname()[1]}"

    def close(self) -> None:
        """Ends it."""
        self._leaving.set()
        self._thread.join(5)
        for one in self._sockets:
            one.close()
        self._selector.close()

    def _run(self) -> None:
        while not self._leaving.is_set():
            for key, _ in self._selector.select(0.05):
                take: Take = key.data
                assert isinstance(key.fileobj, socket.socket)
                try:
                    data, sender = key.fileobj.recvfrom(65_535)
                except ConnectionRefusedError:  # an ICMP answer to something sent before
                    continue
                take(data, sender)

    def _from_phone(self, data: bytes, sender: tuple[str, int]) -> None:
        self._phone = sender
        self._back.sendto(self._through(data, to_pbx=True), self._pbx)

    def _from_pbx(self, data: bytes, _sender: tuple[str, int]) -> None:
        if self._phone is not None:
            here = b"%s:%d" % (HOST.encode(), self._front.getsockname()[1])
            data = _CONTACT.sub(rb"\g<1>%s" % here, data, count=1)  # we stay on the way of all that follows
            self._front.sendto(self._through(data, to_pbx=False), self._phone)

    def _through(self, data: bytes, *, to_pbx: bool) -> bytes:
        head, gap, body = data.partition(b"\r\n\r\n")
        found, call = _MEDIA.search(body), _CALL_ID.search(head)
        if found is None or call is None or found[2] == b"0":
            return data
        bridge = self._bridges.get(call[1])
        if bridge is None:
            bridge = self._bridges[call[1]] = self._bridge()
        bridge.phone, bridge.pbx = (int(found[2]), bridge.pbx) if to_pbx else (bridge.phone, int(found[2]))
        port = bridge.back[0].getsockname()[1] if to_pbx else bridge.front[0].getsockname()[1]
        body = _MEDIA.sub(rb"\g<1>%d\g<3>" % port, body)
        body = _RTCP.sub(rb"\g<1>%d" % (port + 1), body)
        return _LENGTH.sub(rb"\g<1>\g<2>%d" % len(body), head) + gap + body

    def _bridge(self) -> _Bridge:
        made = _Bridge(self._pair(), self._pair())
        for number in (0, 1):  # RTP, then RTCP
            self._serve(made.front[number], self._passer(made, number, up=True))
            self._serve(made.back[number], self._passer(made, number, up=False))
        return made

    def _passer(self, bridge: _Bridge, number: int, *, up: bool) -> Take:
        return lambda data, _sender: self._pass(bridge, number, data, up=up)

    def _pass(self, bridge: _Bridge, number: int, data: bytes, *, up: bool) -> None:
        if number == 0:
            way = "up" if up else "down"
            self._owed[way] += self.lost_up if up else self.lost_down
            if self._owed[way] >= 1:
                self._owed[way] -= 1
                self.dropped += 1
                return
        port = bridge.pbx if up else bridge.phone
        if port:
            (bridge.back if up else bridge.front)[number].sendto(data, (HOST, port + number))

    def _pair(self) -> tuple[socket.socket, socket.socket]:
        """Two neighbouring ports, the first one even (RFC 3550, 11)."""
        while True:
            rtp = self._socket()
            port = rtp.getsockname()[1]
            try:
                if port % 2 == 0:
                    return rtp, self._socket(port + 1)
            except OSError:
                continue

    def _socket(self, port: int = 0) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sockets.append(made)
        made.bind((HOST, port))
        return made

    def _serve(self, one: socket.socket, take: Take) -> None:
        self._selector.register(one, selectors.EVENT_READ, take)
