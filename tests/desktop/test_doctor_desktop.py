"""The doctor's lines about the desktop, before real screens and buses."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest
from Xlib.display import Display

from halodesk.connectors.desktop.hotkeys_x11 import X11Hotkeys
from halodesk.runtime.desktop_settings import Desktop, Hotkeys
from halodesk.runtime.settings import Settings
from halodesk.selftest import desktop
from tests.desktop.bus import session_bus
from tests.desktop.services import notification_server
from tests.e2e.xseat import x_server

FRESH = Settings()


def test_without_a_desktop_there_is_nothing_to_look_at(tmp_path: Path) -> None:
    assert desktop.tray(FRESH, {}).state == "not_checked"
    assert desktop.hotkeys(tmp_path, FRESH, {}).state == "not_checked"
    assert desktop.links({}).state == "not_checked"
    assert desktop.bus({}).state == "not_checked"
    found = desktop.bus({"DISPLAY": ":0"})
    assert (found.state, "no session bus" in found.message) == ("warning", True)
    none = Settings(desktop=Desktop(tray=False, hotkeys=Hotkeys(answer="", hang_up="", mute="")))
    assert "Switched off" in desktop.tray(none, {"DISPLAY": ":0"}).message
    assert "None are set" in desktop.hotkeys(tmp_path, none, {"DISPLAY": ":0"}).message


def test_keys_are_tried_for_a_moment(tmp_path: Path) -> None:
    with x_server() as display:
        around = {"DISPLAY": display}
        assert desktop.hotkeys(tmp_path, FRESH, around).state == "ok"
        assert desktop.hotkeys(tmp_path, FRESH, around).state == "ok", "they were given back"
        taken = X11Hotkeys(display, lambda action: None)

        async def both() -> None:
            await taken.start(FRESH.desktop.hotkeys.combinations())
            found = await asyncio.to_thread(desktop.hotkeys, tmp_path, FRESH, around)
            assert found.state == "warning"
            assert "Ctrl+Shift+F2 is taken by another program" in found.message
            await taken.close()

        asyncio.run(both())
        (tmp_path / "door.json").touch()
        assert "the window that is open" in desktop.hotkeys(tmp_path, FRESH, around).message


def test_a_tray_is_seen(tmp_path: Path) -> None:
    with x_server() as name:
        assert desktop.tray(FRESH, {"DISPLAY": name}).state == "warning"
        owner = Display(name)
        window = owner.screen().root.create_window(0, 0, 1, 1, 0, owner.screen().root_depth)
        window.set_selection_owner(owner.intern_atom("_NET_SYSTEM_TRAY_S0"), 0)
        owner.sync()
        assert desktop.tray(FRESH, {"DISPLAY": name}).state == "ok"
        owner.close()


def test_the_bus_and_who_is_on_it(tmp_path: Path) -> None:
    with session_bus() as address:
        around = {"DBUS_SESSION_BUS_ADDRESS": address, "WAYLAND_DISPLAY": "wayland-0"}
        assert "shows no notifications" in desktop.bus(around).message
        assert "has no portal" in desktop.hotkeys(tmp_path, FRESH, around).message

        async def with_server() -> None:
            peer, _ = await notification_server(address, [])
            found = await asyncio.to_thread(desktop.bus, around)
            assert found.state == "ok"
            peer.disconnect()

        asyncio.run(with_server())


@pytest.mark.skipif(sys.platform != "linux", reason="xdg-mime is of Linux desktops")
def test_links_say_what_opens_them(tmp_path: Path) -> None:
    around = {"DISPLAY": ":0", "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    around |= {f"XDG_{name}_HOME": str(tmp_path / name) for name in ("DATA", "CONFIG")}
    assert subprocess.run(["xdg-mime", "--version"], capture_output=True, check=False).returncode == 0
    found = desktop.links(around)
    assert (found.state, found.todo) == ("not_checked", "Run: halodesk links install")
