"""Accounts of seats, and the file that names the recorders a server masks."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from halodesk.engine.errors import SettingsError
from halodesk.protocol.sync import SyncError
from halodesk.server import accounts, recorders, tenants
from halodesk.server.database import Database
from tests.server.mask_site import cloud, seats


def test_accounts_are_bound_by_it_alone_and_to_one_seat(database: Database) -> None:
    async def run() -> None:
        await database.write(seats)
        await database.write(lambda c: accounts.bind(c, "main", seat="two", account="1001"))
        found = await database.read(lambda c: accounts.of_seat(c, "main", "two"))
        assert found == {"main": frozenset({"1001", "1002"})}
        assert await database.read(lambda c: accounts.of_seat(c, "main", "one")) == {}
        await database.write(lambda c: accounts.bind(c, "main", seat="two", account="1001", pbx="far"))
        listed = await database.read(lambda c: accounts.listed(c, "main"))
        assert [(x.pbx, x.account, x.seat) for x in listed] == [
            ("far", "1001", "two"),
            ("main", "1001", "two"),
            ("main", "1002", "two"),
        ]
        for wrong in ("", "x" * 81, "a\nb", " 1"):
            with pytest.raises(SyncError):
                await database.write(partial(accounts.bind, tenant="main", seat="one", account=wrong))
        with pytest.raises(SyncError, match="no seat"):
            await database.write(lambda c: accounts.bind(c, "main", seat="none", account="1009"))
        with pytest.raises(SyncError, match="no seat"):
            await database.write(lambda c: accounts.unbind(c, "main", account="1009"))
        await database.write(lambda c: tenants.revoke(c, "main", "two"))
        assert await database.read(lambda c: accounts.of_seat(c, "main", "two")) == {}

    asyncio.run(run())


def _write(folder: Path, text: str, mode: int = 0o600) -> None:
    file = folder / recorders.FILE
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)


def test_no_file_is_no_recorder(tmp_path: Path) -> None:
    assert recorders.load(tmp_path) == ()
    _write(tmp_path, "{}")
    assert recorders.load(tmp_path) == ()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX modes")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    _write(tmp_path, "{}", mode)
    assert os.stat(tmp_path / recorders.FILE).st_mode & 0o077
    with pytest.raises(SettingsError, match="can be read by others"):
        recorders.load(tmp_path)


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        ([{"control": "amy"}], "no recorder control"),
        ([{"control": "central"}], "no server"),
        ([{"control": "ami"}], "host"),
        ([{"control": "ami", "host": "x", "tenant": 7}], "are names"),
        ([{"control": "ami", "host": "x"}, {"control": "ami", "host": "x"}], "same name"),
    ],
)
def test_recorders_that_cannot_be_used_stop_the_start(entries: list[Any], said: str, tmp_path: Path) -> None:
    _write(tmp_path, json.dumps({"recorders": entries}))
    with pytest.raises(SettingsError, match=said):
        recorders.build(recorders.load(tmp_path), lambda pbx, call, answer: None)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"recorder": []}', '{"recorders": [1]}', "\xff"])
def test_a_broken_file_is_named(tmp_path: Path, text: str) -> None:
    _write(tmp_path, text)
    with pytest.raises(SettingsError, match=recorders.FILE):
        recorders.load(tmp_path)


def test_a_pbx_of_which_nobody_can_tell_whose_call_it_is_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALODESK_TEST_TOKEN", "secret-word")
    blind = cloud("https://pbx.example.com") | {"account": ""}
    with pytest.raises(SettingsError, match="whose call is whose"):
        recorders.build((blind,), lambda pbx, call, answer: None)
