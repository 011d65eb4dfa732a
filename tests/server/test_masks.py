"""Masks for seats: who holds a call, what a foreign seat is told, and that nothing unmasks by itself."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from halodesk.protocol.mask import MaskNews
from halodesk.server import accounts
from halodesk.server.database import Database, open_database
from halodesk.server.masks import SILENT_S
from tests.fakes.ami import until
from tests.fakes.ami_control import AGENT, CALL, CALLER
from tests.fakes.hosted import SIP_CALL, hosted
from tests.server.mask_site import Site, cloud, scene, site

OTHER, OTHER_CALL = "PJSIP/1002-00000009", "call-2@other"


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


def test_the_callers_leg_is_not_theseats(database: Database) -> None:
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


def test_a_mask_whose_seat_and_server_both_died_is_taken_up_again(database: Database) -> None:
    async def play(made: Site) -> None:
        await made.line().mask()
        await made.restart()
        await until(lambda: len(made.masks._held) == 1)
        made.now += SILENT_S + 1
        made.pbx.record(AGENT)
        await until(lambda: made.pbx.is_masked(AGENT))
        assert made.pbx.is_masked(CALLER)
        assert ("one", "mask_kept", CALL) in await made.audit()
        assert (await made.line().unmask()).verdict == "confirmed"
        await made.restart()
        await made.masks.look()
        assert made.masks._held == {}, "what was let go stays so"

    scene(database, play)


def test_what_one_process_lets_go_another_does_not_mask_again(database: Database) -> None:
    async def play(made: Site) -> None:
        desk = made.line()
        await desk.mask()
        first, second = made.masks, made._made()
        made.masks = second
        await made.up()
        await until(lambda: len(second._held) == 1)
        made.masks = first
        assert (await desk.unmask()).verdict == "confirmed"
        made.now += SILENT_S + 1
        async with asyncio.timeout(10):
            while second._held:
                await second.look()
        await second.close()
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
    monkeypatch.setenv("HALODESK_TEST_TOKEN", "secret-word")

    async def run() -> None:
        async with hosted() as platform:
            platform.calls = {CALL: platform.calls[SIP_CALL]}
            database = open_database(tmp_path)
            async with site(database, cloud(platform.url)) as made:
                platform.obeys = False
                answer = await made.line().mask()
                assert answer.verdict == "failed"
                assert answer.detail.startswith("Cloud: Cloud proved nothing")
                platform.obeys = True
                assert (await made.line().mask()).verdict == "confirmed"
                assert made.pbx.is_masked(CALLER)
                assert platform.states == ["paused"]
                assert (await made.line().unmask()).verdict == "confirmed"
                platform.extension = "1002"  # the recorders disagree about whose call it is
                assert (await made.line().mask()).code == "not_yours"
            database.close()

    asyncio.run(run())
