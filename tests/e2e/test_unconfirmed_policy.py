"""Whether a recorder that proves nothing unlocks: a seat as settings and policy build it."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from halodesk.app import Seat
from halodesk.runtime.lease import LeaseState
from halodesk.runtime.settings import Settings
from halodesk.store.sync_store import Link
from tests.fakes.leases import FakeRecorder
from tests.sync.world import recorder


def link(policy: bytes) -> Link:
    """A server that was asked to take this seat in, and its policy."""
    key = bytes(32)
    return Link(
        url="http://127.0.0.1:9",
        server_key=key,
        root=key,
        trust=b"{}",
        sign_seed=key,
        seal_seed=key,
        policy=policy,
    )


def last_word(settings: Settings, folder: Path) -> LeaseState:
    """What a lease of this seat says of a recorder that proves nothing."""
    seat = Seat(settings, folder)
    seat.start()
    said: list[LeaseState] = []
    there = threading.Event()

    def heard(state: LeaseState) -> None:
        said.append(state)
        if state.state != "wanted":
            there.set()

    hosted = [FakeRecorder("hosted", "unconfirmed")]
    try:
        seat.io.call(seat._leases.hold, "pay.1", "call@seat", hosted, heard)
        assert there.wait(10)
    finally:
        seat.close()
    return said[-1]


@pytest.mark.parametrize(
    ("own", "policy", "held"),
    [
        (False, None, False),
        (True, None, True),
        (True, b"{}", False),
        (True, b'{"unconfirmed_unlocks": true}', True),
        (False, b'{"unconfirmed_unlocks": true}', False),
    ],
)
def test_unconfirmed_unlocks_only_where_the_settings_and_the_server_say_so(
    own: bool, policy: bytes | None, held: bool, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "seat"
    folder.mkdir(mode=0o700)
    if policy is not None:
        with recorder(folder) as one:
            one.store.sync.save_link(link(policy)).result(10)
    word = last_word(Settings(unconfirmed_unlocks=own), folder)
    assert word.state == ("held" if held else "lost")
    assert ("Without proof: hosted." in word.message) is held
