"""The shipped program on a desktop: one window, links, keys from outside, leaving."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from halodesk.demo.lab import free_port
from halodesk.protocol.phone_link import Account, Dial, HangUp, Register
from halodesk.runtime import settings as s
from halodesk.runtime.paths import resources_dir
from halodesk.sip.link import read_endpoint
from tests.desktop.bus import session_bus
from tests.desktop.services import NotificationServer, notification_server
from tests.desktop.x_window import OtherProgram, close_window
from tests.e2e.records import gone, log_lines, until
from tests.e2e.xseat import XSeat, x_server
from tests.lab.pbx import HOST
from tests.lab.phones import Seat as Phone

pytestmark = pytest.mark.e2e

FLOW = resources_dir() / "flows" / "supplement-order.flow.json"


@contextmanager
def notifications(address: str) -> Iterator[tuple[NotificationServer, Callable[..., Any]]]:
    """A server of notifications in a thread; what is done with it is done on its loop."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    def do(work: Any, *arguments: Any) -> Any:
        done: Future[Any] = Future()
        loop.call_soon_threadsafe(lambda: done.set_result(work(*arguments)))
        return done.result(10)

    opening = notification_server(address, ["actions", "body", "body-markup"])
    peer, server = asyncio.run_coroutine_threadsafe(opening, loop).result(10)
    try:
        yield server, do
    finally:
        do(peer.disconnect)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def halodesk(seat: XSeat, display: str, link: str = "") -> subprocess.CompletedProcess[str]:
    """The program once more, as a desktop starts it for a link."""
    given = ["open", "--data", str(seat.folder), "--", link] if link else ["--data", str(seat.folder)]
    return subprocess.run(
        [sys.executable, "-m", "halodesk", *given],
        env={**os.environ, "QT_QPA_PLATFORM": "xcb", "DISPLAY": display},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_day_on_the_desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    settings = s.Settings(
        agent="Kim Larsen",
        account=s.SipAccount(uri=f"sip:agent@{HOST}", allowed_peers=(HOST,)),
        flows=(str(FLOW),),
        sip_bind=HOST,
        sip_port=port,
        sound=s.Sound(devices="none"),
    )
    with x_server() as display, session_bus() as address, notifications(address) as (server, do):
        monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", address)
        seat = XSeat(tmp_path / "seat", settings, display)
        caller = Phone(tmp_path / "caller")
        try:
            seat.start()
            jordan = Account(key="caller", uri=f"sip:jordan@{HOST}", allowed_peers=(HOST,))
            caller.ask(Register(account=jordan))
            one_window_takes_links(seat, caller, display)
            keys_from_outside(seat, caller, display, port, server, do)
            leaving_is_asked(seat, caller, display)
        finally:
            caller.quit()
            gone(seat.close())


def one_window_takes_links(seat: XSeat, caller: Phone, display: str) -> None:
    again = halodesk(seat, display)
    assert (again.returncode, again.stderr) == (0, "")
    evil = halodesk(seat, display, "sip:agent@127.0.0.1?Replaces=x")
    assert evil.returncode == 1
    assert "headers of the call" in evil.stderr
    endpoint = read_endpoint(caller.data_dir)
    assert endpoint is not None
    for link in ("tel:+1-202-555-0143", f"sip:jordan@{HOST}:{endpoint.sip_port}"):
        done = halodesk(seat, display, link)
        assert (done.returncode, done.stderr) == (0, "")
    assert [line["outcome"] for line in seat.log() if line["event"] == "link"] == ["fill", "fill"]
    assert calls(seat) == [], "a link dials nothing"
    seat.key("Return")
    rings = caller.call("incoming")
    caller.ask(HangUp(call=rings.key))
    until("the end of the call", lambda: "ended" in calls(seat) or None)


def calls(seat: XSeat) -> list[str]:
    """States of the calls the phone logged."""
    lines = log_lines(seat.folder / "logs" / "phone.log")
    return [str(line["state"]) for line in lines if line["event"] == "call"]


def keys_from_outside(
    seat: XSeat, caller: Phone, display: str, port: int, server: NotificationServer, do: Callable[..., Any]
) -> None:
    other = OtherProgram(display)
    ring(caller, "first", port)
    number = until("a notification", lambda: next(iter(do(dict, server.shown)), None))
    shown = do(dict, server.shown)[number]
    assert (shown["summary"], shown["body"]) == ("Incoming call", "jordan")
    caller.ask(HangUp(call="first"))
    until("the missed call", lambda: "Missed call" in titles(server, do) or None)
    assert "Incoming call" not in titles(server, do)
    ring(caller, "second", port)
    until("the notification", lambda: "Incoming call" in titles(server, do) or None)
    seat.key("ctrl+shift+F2")  # xdotool presses it at the server: it goes to whoever has the keyboard
    caller.call("active", "second")
    until("its end", lambda: "Incoming call" not in titles(server, do) or None)
    seat.key("ctrl+shift+F7")
    keys = until("the keys", lambda: hotkeys(seat) if len(hotkeys(seat)) == 2 else None)
    assert keys == ["answer", "mute"]
    until("the player", lambda: pressed_outside(player_name(seat), "PlayPause").returncode == 0 or None)
    other.close()


def hotkeys(seat: XSeat) -> list[object]:
    return [line["kind"] for line in seat.log() if line["event"] == "hotkey"]


def titles(server: NotificationServer, do: Callable[..., Any]) -> list[str]:
    return [note["summary"] for note in do(dict, server.shown).values()]


def ring(caller: Phone, key: str, port: int) -> None:
    caller.ask(Dial(call=key, account="caller", to=f"sip:agent@{HOST}:{port}"))


def player_name(seat: XSeat) -> str:
    return f"org.mpris.MediaPlayer2.halodesk.instance{seat.pid}"


def pressed_outside(name: str, key: str) -> subprocess.CompletedProcess[str]:
    """A media key, as a desktop hands it over."""
    method = f"org.mpris.MediaPlayer2.Player.{key}"
    call = ["gdbus", "call", "--session", "--dest", name, "--object-path", "/org/mpris/MediaPlayer2"]
    return subprocess.run(
        [*call, "--method", method],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


def leaving_is_asked(seat: XSeat, caller: Phone, display: str) -> None:
    close_window(display, seat.pid)
    until("the question", lambda: seat.has_window("A call is up") or None)
    assert caller.client.snapshot.calls[-1].state == "active"
    os.kill(seat.pid, signal.SIGTERM)  # the system's own end is not asked
    assert seat.ended() == 0
    caller.call("ended", "second")
    assert not (seat.folder / "door.json").exists()
