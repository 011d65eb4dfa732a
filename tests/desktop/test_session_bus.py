"""Notifications, media keys and the portal's hotkeys over a real session bus."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import pytest
from dbus_fast.aio import MessageBus

from halodesk.connectors.desktop.hotkeys import open_hotkeys, way
from halodesk.connectors.desktop.hotkeys_portal import PATH, PORTAL, PortalHotkeys, trigger
from halodesk.connectors.desktop.media_keys import MediaKey, MediaKeys
from halodesk.connectors.desktop.notifications import Notifications, plain
from halodesk.connectors.desktop.session_bus import SessionBus, bus_address
from halodesk.engine.errors import DesktopError
from halodesk.runtime.desktop_settings import Action, Hotkeys, combination
from tests.desktop.bus import session_bus
from tests.desktop.services import Portal, notification_server

EVIL = '<b>Robin</b> <a href="https://evil.example">&\u202e\r\n' + "x" * 200


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with session_bus() as found:
        yield found


def ours(address: str) -> SessionBus:
    return SessionBus({"DBUS_SESSION_BUS_ADDRESS": address})


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # what is waited for comes from another process
            await asyncio.sleep(0.005)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_a_callers_name_is_plain_text_and_buttons_come_back(address: str) -> None:
    async def work() -> None:
        peer, server = await notification_server(address, ["actions", "body", "body-markup"])
        bus, acted = ours(address), []
        notes = Notifications(bus, lambda key, action: acted.append((key, action)))
        await notes.start()
        await notes.show("ring:1", "Incoming\ncall", EVIL, [("answer", "Answer")], urgent=True)
        (number, shown), *_ = server.shown.items()
        assert shown["summary"] == "Incoming call"
        assert shown["body"].startswith('&lt;b&gt;Robin&lt;/b&gt; &lt;a href="https://evil.example"&gt;&amp;')
        assert "<" not in shown["body"]
        assert "\u202e" not in shown["body"]
        assert "\n" not in shown["body"]
        assert shown["actions"] == ["answer", "Answer"]
        assert (shown["urgency"], shown["timeout"]) == (2, 0)
        await notes.show("ring:1", "Incoming call", "Robin", [], urgent=True)
        assert list(server.shown) == [number], "one with the same key takes its place"
        server.ActionInvoked(99, "answer")
        server.ActionInvoked(number, "answer")
        await until(lambda: bool(acted))
        assert acted == [("ring:1", "answer")]
        await notes.withdraw("ring:1")
        await notes.withdraw("ring:1")
        assert server.closed == [number]
        await bus.close()
        peer.disconnect()

    run(work())


def test_nobody_but_the_server_presses_a_button(address: str) -> None:
    async def work() -> None:
        peer, server = await notification_server(address, ["actions"])
        bus, acted = ours(address), []
        notes = Notifications(bus, lambda key, action: acted.append((key, action)))
        await notes.start()
        await notes.show("ring:1", "Incoming call", "Robin", [("answer", "Answer")], urgent=True)
        number = next(iter(server.shown))
        path, member = "/org/freedesktop/Notifications", "org.freedesktop.Notifications.ActionInvoked"
        told = f"dbus-send --address={address} --type=signal {path} {member}".split()
        process = await asyncio.create_subprocess_exec(*told, f"uint32:{number}", "string:answer")
        assert await process.wait() == 0
        server.NotificationClosed(98, 1)
        server.ActionInvoked(number, "refuse")
        await until(lambda: bool(acted))
        assert acted == [("ring:1", "refuse")]
        await bus.close()
        peer.disconnect()

    run(work())


def test_a_server_without_markup_and_buttons_gets_neither(address: str) -> None:
    async def work() -> None:
        peer, server = await notification_server(address, ["body"])
        bus = ours(address)
        notes = Notifications(bus, lambda key, action: None)
        await notes.start()
        assert not notes.has_actions
        await notes.show("missed:1", "Missed call", "Smith & Sons <x>", [("default", "Show")], urgent=False)
        (shown,) = server.shown.values()
        assert (shown["body"], shown["actions"], shown["timeout"]) == ("Smith & Sons <x>", [], -1)
        await bus.close()
        peer.disconnect()

    run(work())


def test_no_server_and_no_bus_are_said(address: str) -> None:
    async def work() -> None:
        bus = ours(address)
        with pytest.raises(DesktopError, match="refuses"):
            await Notifications(bus, lambda key, action: None).start()
        await bus.close()
        with pytest.raises(DesktopError, match="no session bus"):
            await SessionBus({}).connect()
        with pytest.raises(DesktopError, match="cannot be reached"):
            await SessionBus({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere/bus"}).connect()
        with pytest.raises(DesktopError, match="cannot be reached"):
            await SessionBus({"DBUS_SESSION_BUS_ADDRESS": "nonsense"}).connect()

    run(work())
    assert bus_address({"XDG_RUNTIME_DIR": "/nowhere"}) == ""


def test_texts_are_short_and_seen() -> None:
    assert plain("a\u200bb\x07") == "a b"
    assert len(plain(EVIL)) == 120


def pressed_outside(address: str, *arguments: str) -> str:
    """What another program of the desktop does, by GLib's own client."""
    done = subprocess.run(
        ["gdbus", *arguments],
        env={**os.environ, "DBUS_SESSION_BUS_ADDRESS": address},
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return done.stdout + done.stderr


def test_media_keys_are_ours_during_calls_only(address: str) -> None:
    name, path = f"org.mpris.MediaPlayer2.halodesk.instance{os.getpid()}", "/org/mpris/MediaPlayer2"
    player = "org.mpris.MediaPlayer2.Player"
    call = ["call", "--session", "--dest", name, "--object-path", path, "--method"]

    async def work() -> None:
        bus = ours(address)
        pressed: list[MediaKey] = []
        media = MediaKeys(bus, pressed.append)

        async def outside(*arguments: str) -> str:
            return await asyncio.to_thread(pressed_outside, address, *arguments)

        assert not await bus.has_name(name)
        await media.follow("ringing")
        assert await bus.has_name(name)
        status = [*call, "org.freedesktop.DBus.Properties.Get", player, "PlaybackStatus"]
        assert "Paused" in await outside(*status)
        await media.follow("open")
        assert "Playing" in await outside(*status)
        everything = await outside(*call, "org.freedesktop.DBus.Properties.GetAll", player)
        assert "xesam:title" in everything
        for method in ("PlayPause", "Play", "Pause", "Stop", "Next"):
            assert await outside(*call, f"{player}.{method}") == "()\n"
        assert await outside(*call, "org.mpris.MediaPlayer2.Raise") == "()\n"
        assert pressed == ["play_pause", "play", "pause", "stop", "raise"]
        await media.follow("none")
        assert not await bus.has_name(name)
        await media.follow("muted")
        assert await bus.has_name(name)
        await bus.close()

    run(work())


def test_the_portal_gives_keys_and_tells_of_them(address: str) -> None:
    async def work() -> None:
        peer = await MessageBus(bus_address=address).connect()
        portal = Portal(peer, withhold=("mute",))
        peer.export(PATH, portal)
        await peer.request_name(PORTAL)
        pressed: list[Action] = []
        bus = ours(address)
        keys = PortalHotkeys(bus, pressed.append)
        words = await keys.start(Hotkeys().combinations())
        assert words == ["The desktop did not allow a key to mute the microphone from outside the window."]
        assert portal.bound["answer"]["preferred_trigger"] == "CTRL+SHIFT+F2"
        assert portal.bound["hang_up"]["description"] == "HaloDesk: hang up"
        portal.Activated("/another/session", "answer", 1, {})
        portal.Activated(portal.session, "nonsense", 1, {})
        portal.Activated(portal.session, "hang_up", 1, {})
        await until(lambda: bool(pressed))
        assert pressed == ["hang_up"]
        await keys.close()
        assert portal.closed
        await bus.close()
        peer.disconnect()

    run(work())


def test_a_person_who_says_no_and_a_desktop_without_portal(address: str) -> None:
    async def work() -> None:
        bus = ours(address)
        keys = PortalHotkeys(bus, lambda action: None)
        (words,) = await keys.start(Hotkeys().combinations())
        assert "This desktop gives no keys to programs (Wayland)" in words
        peer = await MessageBus(bus_address=address).connect()
        peer.export(PATH, Portal(peer, refuse=True))
        await peer.request_name(PORTAL)
        (words,) = await PortalHotkeys(bus, lambda action: None).start(Hotkeys().combinations())
        assert "not answered with yes" in words
        await bus.close()
        peer.disconnect()

    run(work())


def test_each_desktop_has_its_way() -> None:
    assert way("linux", {"DISPLAY": ":0", "WAYLAND_DISPLAY": "wayland-0"}) == "portal"
    assert way("linux", {"DISPLAY": ":0"}) == "x11"
    assert way("linux", {}) == way("darwin", {}) == "none"
    assert way("win32", {}) == "windows"
    assert open_hotkeys("darwin", {}, SessionBus({}), lambda action: None) is None
    assert trigger(combination("Meta+a")) == "LOGO+a"
