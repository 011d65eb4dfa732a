"""A second start hands over to the first; nobody without the key is heard."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from halodesk.app import door as doors
from halodesk.engine.errors import HaloDeskError, LinkError, SettingsError
from halodesk.runtime.door import MOST, Knock, hand_over


@pytest.fixture
def heard() -> list[Knock]:
    return []


@pytest.fixture
def door(qapp: QApplication, tmp_path: Path, heard: list[Knock]) -> Iterator[doors.Door]:
    def on_knock(knock: Knock) -> None:
        heard.append(knock)
        if knock.link == "bad":
            raise LinkError("Not a link.", "Leave it.")

    made = doors.Door(tmp_path, on_knock)
    assert made.open()
    yield made
    made.close()


def beside(bot: QtBot, work: Callable[[], object]) -> list[object]:
    """What another process would do, in a thread; the door lives meanwhile."""
    found: list[object] = []

    def run() -> None:
        try:
            found.append(work())
        except HaloDeskError as error:
            found.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    bot.waitUntil(lambda: not thread.is_alive(), timeout=20_000)
    return found


@pytest.mark.usefixtures("door")
def test_a_second_start_hands_its_link_over(
    qtbot: QtBot, tmp_path: Path, heard: list[Knock], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_ACTIVATION_TOKEN", "token-1")
    assert beside(qtbot, lambda: hand_over(tmp_path, "tel:+1202")) == [True]
    assert [(knock.link, knock.activation) for knock in heard] == [("tel:+1202", "token-1")]


@pytest.mark.usefixtures("door")
def test_a_refusal_reaches_whoever_brought_the_link(qtbot: QtBot, tmp_path: Path) -> None:
    (error,) = beside(qtbot, lambda: hand_over(tmp_path, "bad"))
    assert isinstance(error, SettingsError)
    assert (error.message, error.todo) == ("Not a link.", "Leave it.")


@pytest.mark.usefixtures("door")
def test_only_the_owner_can_read_the_key_and_reach_the_socket(tmp_path: Path) -> None:
    sign = tmp_path / "door.json"
    assert stat.S_IMODE(sign.stat().st_mode) == 0o600
    socket = Path(json.loads(sign.read_bytes())["address"])
    assert stat.S_IMODE(socket.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(socket.stat().st_mode) & 0o077 == 0


def said(address: str, data: bytes) -> bytes:
    """What the door answers to these bytes until it cuts the line."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        line.settimeout(20)
        line.connect(address)
        line.sendall(data)
        try:
            return line.recv(4096)
        except ConnectionResetError:
            return b""


@pytest.mark.usefixtures("door")
@pytest.mark.parametrize(
    "data",
    [
        b"\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b'{"key": "", "link": "tel:1"}\n',
        b'{"key": 7}\n',
        b'{"key": "\xff"}\n',
        b'{"key": "' + b"0" * 64 + b'", "link": "tel:1"}\n',
        b"x" * (MOST + 1),
    ],
)
def test_without_the_key_nothing_is_heard(
    qtbot: QtBot, tmp_path: Path, heard: list[Knock], data: bytes
) -> None:
    address = json.loads((tmp_path / "door.json").read_bytes())["address"]
    assert beside(qtbot, lambda: said(address, data)) == [b""]
    assert heard == []


def test_who_says_nothing_is_cut_off(
    qtbot: QtBot, tmp_path: Path, door: doors.Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doors, "PATIENCE_MS", 50)
    address = json.loads((tmp_path / "door.json").read_bytes())["address"]
    assert beside(qtbot, lambda: said(address, b'{"key"')) == [b""]


def test_where_nobody_is_at_home_nobody_takes_it(tmp_path: Path) -> None:
    assert not hand_over(tmp_path, "")
    (tmp_path / "door.json").write_text("{")
    assert not hand_over(tmp_path, "")
    gone = {"address": str(tmp_path / "nothing"), "key": "", "pid": 1}
    (tmp_path / "door.json").write_text(json.dumps(gone))
    assert not hand_over(tmp_path, "")


def test_a_long_data_folder_is_no_hindrance(qapp: QApplication, qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 100)
    folder.mkdir()
    made = doors.Door(folder, lambda knock: None)
    assert made.open()
    place = Path(json.loads((folder / "door.json").read_bytes())["address"]).parent
    try:
        assert beside(qtbot, lambda: hand_over(folder, "")) == [True]
    finally:
        made.close()
    assert not place.exists()
    assert os.listdir(folder) == []
