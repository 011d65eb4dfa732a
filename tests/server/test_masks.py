"""Masks for seats: who holds a call, what a foreign seat is told, and that nothing unmasks by itself."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, insert

from halodesk.engine.errors import SettingsError
from halodesk.protocol.mask import FromMaskServer, MaskAnswer, MaskAsk, MaskNews
from halodesk.protocol.sync import SyncError
from halodesk.server import accounts, audit, recorders, tenants
from halodesk.server import tables as t
from halodesk.server.access import Holder
from halodesk.server.database import Database
from halodesk.server.masks import SILENT_S, Line, Masks
from tests.fakes.ami import FakeAmi, fake_ami, until
from tests.fakes.ami_control import AGENT, CALL, CALLER, queue_call
from tests.fakes.hosted import SIP_CALL, hosted

OTHER, OTHER_CALL = "PJSIP/1002-00000009", "call-2@other"


class Site:
    """A PBX, the masks in front of it, and a clock that a test turns."""

    def __init__(self, database: Database, pbx: FakeAmi, *more: dict[str, Any]) -> None:
        self.database, self.pbx, self.more = database, pbx, more
        self.now = 1000.0
        self.masks = self._made()

    def _made(self) -> Masks:
        ami = {"control": "ami", "host": "127.0.0.1", "port": self.pbx.port}
        ami |= {"username": "lab", "secret": "fake-secret"}
        return Masks(self.database, [ami, *self.more], mono=lambda: self.now)

    async def restart(self) -> None:
        """Another process of the server."""
        await self.masks.close()
        self.masks = self._made()
        await self.up()

    async def up(self) -> None:
        logins = self.pbx.logins
        self.masks.start()
        await until(lambda: self.pbx.logins > logins)

    def line(self, seat: str = "one", tenant: str = "main") -> Desk:
        return Desk(self, Holder(tenant=tenant, role="seat", subject=seat))

    async def audit(self) -> list[tuple[str, str, str]]:
        """Actor, action and subject of what is in the audit; what is on its way there comes first."""
        await self.masks.written()
        rows = await self.database.read(lambda c: audit.entries(c, "main"))
        return [(row.actor, row.action, row.subject) for row in rows if row.actor != "console"]


class Desk:
    """A seat's line."""

    def __init__(self, site: Site, holder: Holder) -> None:
        self.site, self.said, self.closed = site, list[FromMaskServer](), False
        self.line = Line(holder, self._send, self._close)
        site.masks.join(self.line)

    async def _send(self, data: bytes) -> None:
        self.said.append(msgspec.json.decode(data, type=FromMaskServer))

    async def _close(self) -> None:
        self.closed = True

    async def ask(self, act: str, call: str = CALL, was: str = "") -> MaskAnswer:
        """One question; a PBX that is just being read is asked again."""
        asked = msgspec.convert({"id": 7, "act": act, "call": call, "lease": "l", "was": was}, MaskAsk)
        async with asyncio.timeout(10):
            while True:
                answer = await self.site.masks.ask(self.line, asked)
                if "not connected" not in answer.detail:
                    return answer
                await asyncio.sleep(0.01)

    async def mask(self, call: str = CALL, was: str = "") -> MaskAnswer:
        return await self.ask("mask", call, was)

    async def unmask(self, call: str = CALL) -> MaskAnswer:
        return await self.ask("unmask", call)


def _seats(connection: Connection) -> None:
    for tenant in ("main", "far"):
        tenants.ensure_tenant(connection, tenant)
        for seat in ("one", "two"):
            values = {"tenant": tenant, "id": seat, "team": "red", "name": seat, "enrolled_at": 0.0}
            keys = {"sign_key": seat.encode() * 8, "seal_key": b"x"}
            connection.execute(insert(t.seat).values(**values, **keys))
    accounts.bind(connection, "main", seat="one", account="1001")
    accounts.bind(connection, "main", seat="two", account="1002")
    accounts.bind(connection, "far", seat="one", account="1001")


@asynccontextmanager
async def site(database: Database, *more: dict[str, Any]) -> AsyncIterator[Site]:
    await database.write(_seats)
    async with fake_ami() as pbx:
        queue_call(pbx)
        made = Site(database, pbx, *more)
        await made.up()
        try:
            yield made
        finally:
            await made.masks.close()


Play = Callable[[Site], Coroutine[Any, Any, None]]


def scene(database: Database, play: Play) -> None:
    async def run() -> None:
        async with site(database) as made:
            await play(made)

    asyncio.run(run())


def test_a_seat_masks_its_call_with_proof_and_lets_it_go(database: Database) -> None:
    async def play(made: Site) -> None:
        desk = made.line()
        answer = await desk.mask()
        assert (answer.id, answer.verdict, answer.code) == (7, "confirmed", "")
        assert "1 PBX channel" in answer.detail
        assert made.pbx.is_masked(CALLER)
        assert (await desk.mask()).verdict == "confirmed"
        assert (await desk.unmask()).verdict == "confirmed"
        assert not made.pbx.is_masked(CALLER)
        assert await made.audit() == [("one", "mask", CALL), ("one", "unmask", CALL)]

    scene(database, play)


def test_a_foreign_call_is_refused_and_in_the_audit_once(database: Database) -> None:
    async def play(made: Site) -> None:
        thief = made.line("two")
        for _ in range(3):
            for ask in (thief.mask, thief.unmask):
                answer = await ask()
                assert (answer.verdict, answer.code) == ("failed", "not_yours")
        assert not made.pbx.is_masked(CALLER)
        owner = made.line("one")
        assert (await owner.mask()).verdict == "confirmed"
        assert (await thief.unmask()).code == "not_yours"
        assert made.pbx.is_masked(CALLER)
        assert [row for row in await made.audit() if row[0] == "two"] == [("two", "mask_refused", CALL)]
        assert not any(m["State"] == "0" for m in made.pbx.sent("MixMonitorMute"))

    scene(database, play)


def test_the_callers_leg_is_not_the_seats(database: Database) -> None:
    """The trunk's leg belongs to no seat, though the call is the seat's."""

    async def play(made: Site) -> None:
        assert (await made.line().mask("call-trunk")).code == "not_yours"

    scene(database, play)


def test_a_forged_call_id_gives_nothing_to_the_forger(database: Database) -> None:
    """Seat two dials somebody under the Call-ID of seat one's call."""

    async def play(made: Site) -> None:
        made.pbx.call(OTHER, sip_call_id=CALL, records=1)
        forger = made.line("two")
        for ask in (forger.mask, forger.unmask):
            assert (await ask()).code == "not_yours"
        assert not made.pbx.is_masked(CALLER)

    scene(database, play)


def test_a_channel_in_mid_transfer_belongs_to_nobody(database: Database) -> None:
    async def play(made: Site) -> None:
        made.pbx.rename(AGENT, f"{AGENT}<ZOMBIE>", CALL)
        assert (await made.line().mask()).code == "not_yours"

    scene(database, play)


def test_a_seat_without_an_account_may_mask_nothing(database: Database) -> None:
    async def play(made: Site) -> None:
        await made.database.write(lambda c: accounts.unbind(c, "main", account="1001"))
        desk = made.line()
        answer = await desk.mask()
        assert (answer.verdict, answer.code) == ("failed", "no_account")
        assert "seat-account" in answer.todo
        assert (await made.audit())[-1] == ("one", "mask_refused", CALL)

    scene(database, play)


def test_another_tenant_has_nothing_of_this_pbx(database: Database) -> None:
    """Its seat has an account of the same name; there is no PBX behind it."""

    async def play(made: Site) -> None:
        answer = await made.line(tenant="far").mask()
        assert (answer.verdict, "knows no call" in answer.detail) == ("failed", True)
        assert made.pbx.sent("MixMonitorMute") == []

    scene(database, play)


@pytest.mark.parametrize("call", ["", "x" * 300, "nothing@all", "\x00", "a\r\nAction: Originate"])
def test_calls_that_are_none(database: Database, call: str) -> None:
    async def play(made: Site) -> None:
        answer = await made.line().mask(call)
        assert answer.verdict == "failed"
        assert answer.detail
        assert made.pbx.sent("MixMonitorMute") == []

    scene(database, play)


def test_a_pbx_that_proves_nothing_is_not_believed(database: Database) -> None:
    async def play(made: Site) -> None:
        made.pbx.events_for_mute = False
        assert (await made.line().mask()).verdict == "unconfirmed"
        made.pbx.freeze()
        began = time.monotonic()
        answer = await made.line().mask()
        assert (answer.verdict, time.monotonic() - began < 2.0) == ("failed", True)
        made.pbx.thaw()

    scene(database, play)


def test_what_happens_between_two_questions_is_told_to_the_seat(database: Database) -> None:
    async def play(made: Site) -> None:
        desk, other = made.line(), made.line("two")
        await desk.mask()
        made.pbx.record(AGENT)
        await until(lambda: len(desk.said) >= 2)
        news = [said for said in desk.said if isinstance(said, MaskNews)]
        assert [(x.call, x.verdict) for x in news[:2]] == [(CALL, "failed"), (CALL, "confirmed")]
        assert made.pbx.is_masked(AGENT)
        assert other.said == []

    scene(database, play)


def test_a_lost_line_and_a_silent_seat_keep_the_mask_until_the_call_is_over(database: Database) -> None:
    async def play(made: Site) -> None:
        desk = made.line()
        await desk.mask()
        made.masks.leave(desk.line)
        await made.masks.look()
        asked = len(made.pbx.sent("MixMonitorMute"))
        made.now += SILENT_S + 1
        for _ in range(3):
            await made.masks.look()
        assert len(made.pbx.sent("MixMonitorMute")) > asked, "it is asked again"
        assert made.pbx.is_masked(CALLER)
        assert (await made.audit()).count(("one", "mask_kept", CALL)) == 1
        made.pbx.record(AGENT)  # nobody is there, and it is caught all the same
        await until(lambda: made.pbx.is_masked(AGENT))
        made.pbx.hang_up(AGENT)
        made.pbx.hang_up(CALLER)
        async with asyncio.timeout(10):  # until it is forgotten, and nothing is asked any more
            asked = 0
            while len(made.pbx.actions) > asked:
                asked = len(made.pbx.actions)
                await made.masks.look()

    scene(database, play)


def test_a_seat_that_comes_back_lets_go_what_it_has_masked(database: Database) -> None:
    async def play(made: Site) -> None:
        await made.line().mask()
        made.now += SILENT_S + 1
        await made.masks.look()
        again = made.line()
        assert (await again.unmask()).verdict == "confirmed"
        assert not made.pbx.is_masked(CALLER)

    scene(database, play)


def test_a_restart_unmasks_nothing_and_the_seat_is_proven_again(database: Database) -> None:
    async def play(made: Site) -> None:
        await made.line().mask()
        await made.restart()
        assert made.pbx.is_masked(CALLER)
        assert (await made.line("two").unmask()).code == "not_yours"
        desk = made.line()
        assert (await desk.mask()).verdict == "confirmed"
        await made.restart()
        assert (await made.line().unmask()).verdict == "confirmed"
        assert not made.pbx.is_masked(CALLER)

    scene(database, play)


def test_a_call_that_was_handed_on_is_still_let_go_by_who_masked_it(database: Database) -> None:
    async def play(made: Site) -> None:
        made.pbx.enter(AGENT, "b1")
        made.pbx.enter(CALLER, "b1")
        desk = made.line()
        await desk.mask()
        made.pbx.hang_up(AGENT)
        assert (await desk.unmask()).verdict == "confirmed"
        assert not made.pbx.is_masked(CALLER)

    scene(database, play)


def test_only_the_newest_line_of_a_seat_is_heard(database: Database) -> None:
    """A frozen server wakes up to an old "unmask": it comes over the old line and does nothing."""

    async def play(made: Site) -> None:
        old = made.line()
        await old.mask()
        new = made.line()
        await until(lambda: old.closed)
        assert (await old.unmask()).code == "line_replaced"
        assert made.pbx.is_masked(CALLER)
        made.masks.leave(old.line)
        assert (await new.mask()).verdict == "confirmed"

    scene(database, play)


def test_a_moved_call_takes_its_mask_along(database: Database) -> None:
    async def play(made: Site) -> None:
        desk = made.line()
        await desk.mask()
        new = "PJSIP/1001-0000000b"
        made.pbx.call(new, sip_call_id="call-new@seat", linked_to=CALLER)
        made.pbx.hang_up(AGENT)
        assert (await desk.mask("call-new@seat", was=CALL)).verdict == "confirmed"
        assert not any(m["State"] == "0" for m in made.pbx.sent("MixMonitorMute"))
        assert (await desk.unmask("call-new@seat")).verdict == "confirmed"

    scene(database, play)


def test_a_call_moves_to_no_foreign_one(database: Database) -> None:
    async def play(made: Site) -> None:
        made.pbx.call(OTHER, sip_call_id=OTHER_CALL, records=1)
        desk = made.line()
        await desk.mask()
        assert (await desk.mask(OTHER_CALL, was=CALL)).code == "not_yours"
        assert not made.pbx.is_masked(OTHER)
        assert (await desk.mask()).verdict == "confirmed", "the old one is still its own"

    scene(database, play)


def test_an_account_given_to_another_seat_takes_the_right_along(database: Database) -> None:
    async def play(made: Site) -> None:
        await made.line("one").mask()
        await made.database.write(lambda c: accounts.bind(c, "main", seat="two", account="1001"))
        assert (await made.line("two").unmask()).verdict == "confirmed", "the desk was replaced in mid-call"
        assert (await made.line("one").mask()).code == "no_account"

    scene(database, play)


def test_all_recorders_of_a_pbx_must_confirm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from halodesk.server.database import open_database

    monkeypatch.setenv("HALODESK_TEST_TOKEN", "secret-word")

    async def run() -> None:
        async with hosted() as platform:
            platform.calls = {CALL: platform.calls[SIP_CALL]}
            cloud = _cloud(platform.url)
            database = open_database(tmp_path)
            async with site(database, cloud) as made:
                platform.obeys = False
                answer = await made.line().mask()
                assert answer.verdict == "failed"
                assert answer.detail.startswith("Cloud: Cloud proved nothing")
                platform.obeys = True
                assert (await made.line().mask()).verdict == "confirmed"
                assert made.pbx.is_masked(CALLER)
                assert platform.states == ["paused"]
                platform.extension = "1002"  # the recorders disagree about whose call it is
                await made.restart()
                assert (await made.line().mask()).code == "not_yours"
            database.close()

    asyncio.run(run())


def _cloud(url: str) -> dict[str, Any]:
    place = f"{url}/v2/calls/{{id}}"
    here = "/calls/[sip.callId={call}]"
    return {
        "control": "webhook",
        "name": "Cloud",
        "headers": {"Authorization": "Bearer {secret.token}"},
        "secrets": {"token": "env:HALODESK_TEST_TOKEN"},
        "find": [{"url": f"{url}/v2/live", "values": {"id": f"{here}/id", "who": f"{here}/extension"}}],
        "account": "who",
        "mask": {"method": "PATCH", "url": place, "json": {"recording": {"state": "paused"}}},
        "unmask": {"method": "PATCH", "url": place, "json": {"recording": {"state": "recording"}}},
        "read": {"url": place},
        "state": "/recordings/*/state",
        "masked": ["paused"],
        "recording": ["recording"],
    }


# accounts and the file


def test_accounts_are_bound_by_it_alone_and_to_one_seat(database: Database) -> None:
    async def run() -> None:
        await database.write(_seats)
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
    blind = _cloud("https://pbx.example.com") | {"account": ""}
    with pytest.raises(SettingsError, match="whose call is whose"):
        recorders.build((blind,), lambda pbx, call, answer: None)
