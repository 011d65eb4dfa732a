"""What becomes of the mask and of the money when PBX control, caller or gateway fail in mid payment."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from halodesk.connectors.payments import reasons
from halodesk.demo.caller import MARKER_HZ
from halodesk.demo.gateway.child import GatewayChild
from halodesk.demo.lab import free_port
from halodesk.demo.measure import marker_levels
from halodesk.engine import events as e
from halodesk.protocol.phone_link import RESTART_LEASE
from halodesk.runtime.settings import Settings
from tests.e2e import proof
from tests.e2e.caller import Caller
from tests.e2e.conftest import FLOW, seat_settings
from tests.e2e.desk_seat import DeskSeat, desk_seat, short_flow
from tests.e2e.ledger import LEDGER, approved, charges
from tests.e2e.records import Records, phone_pids
from tests.e2e.tcp_proxy import TcpProxy
from tests.lab.pbx import Pbx

pytestmark = [pytest.mark.lab, pytest.mark.e2e]

StartGateway = Callable[..., GatewayChild]
OpenDesk = Callable[[Settings], AbstractContextManager[DeskSeat]]
CARD = "4242424242424242"
OTHER_CARD = "5555555555554444"
LOST_WITHIN_S = 2.0
GIVE_UP_S = 1.5
USER = "1007"
NUMBER = f"9{USER}"


@pytest.fixture
def proxy(pbx: Pbx) -> Iterator[TcpProxy]:
    """The way to the PBX's manager port, breakable."""
    made = TcpProxy(pbx.ami_port)
    yield made
    made.close()


@pytest.fixture
def flow(tmp_path: Path) -> Path:
    """Start, payment, charge, end."""
    return short_flow(FLOW, tmp_path / "short.flow.json")


@pytest.fixture
def open_desk(qtbot: QtBot, tmp_path: Path) -> OpenDesk:
    """Opens the seat of a test."""
    return lambda settings: desk_seat(qtbot, settings, tmp_path / "seat")


def to_payment(desk: DeskSeat, caller: Caller, pbx: Pbx, *, talking: bool = True) -> None:
    """A call through the PBX's recorder, at the payment page, marker on, mask held."""
    desk.registered()
    caller.ring(pbx, NUMBER)
    desk.answer()
    caller.marker()
    if talking:
        talk(desk)
    desk.hands.click("choice:call_type=order")
    desk.at("payment")
    desk.until("the mask", desk.unlocked)


def talk(desk: DeskSeat) -> None:
    """Agent and caller talk for a moment while the window lives."""
    end = time.monotonic() + proof.TALK_S
    desk.until("the talk to end", lambda: time.monotonic() >= end)


def lose(desk: DeskSeat, breaks: Callable[[], None]) -> None:
    """Break it with digits in the box: blank and locked in time, by the window and by the record."""
    desk.hands.type("field:card_number", CARD[:8])
    assert desk.typed("card_number") == 8
    count = sum(
        isinstance(event, e.MaskChanged) and event.phase == "lost" for _, event in desk.records.stamped()
    )
    broken, wall = time.monotonic(), time.time()
    breaks()
    desk.until("locked and blank", desk.locked)
    assert time.monotonic() - broken <= LOST_WITHIN_S
    assert desk.records.mask("lost", count=count + 1).wall - wall <= LOST_WITHIN_S
    assert "MASK LOST" in desk.words()
    desk.hands.type("field:card_number", CARD)
    talk(desk)
    assert desk.locked()
    assert desk.typed("card_number") == 0, "typing is ignored"


def finish(desk: DeskSeat) -> None:
    """Hang up, seal, and wait for the recording."""
    desk.hands.click("hang_up")
    desk.at("end")
    desk.hands.type("field:disposition", "Sale")
    desk.hands.click("choice:")
    desk.until("the end", lambda: desk.page.ended)
    desk.until(
        "the recording", lambda: any(isinstance(x, e.RecordingKept) for _, x in desk.records.stamped())
    )


def test_the_inputs_blank_when_the_pbx_stops_confirming_and_it_stays_masked(
    pbx: Pbx,
    proxy: TcpProxy,
    caller: Caller,
    gateway: StartGateway,
    flow: Path,
    open_desk: OpenDesk,
    tmp_path: Path,
) -> None:
    before = proof.recordings(pbx)
    settings = seat_settings(pbx, USER, gateway().base_url, flow=flow, ami_port=proxy.port)
    with open_desk(settings) as desk:
        to_payment(desk, caller, pbx)
        for breaks in (proxy.freeze, proxy.cut):
            lose(desk, breaks)
            proxy.mend()
            desk.until("unlocked again", desk.unlocked)
            assert desk.typed("card_number") == 0, "empty after the fault"
        desk.card(CARD)
        desk.hands.click("choice:")
        desk.at("confirmation")
        talk(desk)
        finish(desk)
        record = desk.records.record()
    assert [charge.last4 for charge in approved(tmp_path / LEDGER)] == [CARD[-4:]]
    (mine,) = proof.ours(record)
    (other,) = proof.theirs(record, proof.newest(pbx, before))
    for found in (mine, other):
        assert found.frames > 100
        assert found.leaked_frames == 0
        assert found.present_around


@pytest.mark.slow
def test_back_and_next_let_both_recorders_go_on(
    pbx: Pbx, caller: Caller, gateway: StartGateway, flow: Path, open_desk: OpenDesk
) -> None:
    before = proof.recordings(pbx)
    with open_desk(seat_settings(pbx, USER, gateway().base_url, flow=flow)) as desk:
        to_payment(desk, caller, pbx)
        desk.hands.type("field:card_number", CARD[:8])
        talk(desk)
        desk.hands.click("back")
        desk.at("start", 2)
        desk.until("unmasked", lambda: desk.page.mask.phase == "none")
        talk(desk)
        desk.hands.click("choice:call_type=order")
        desk.at("payment", 2)
        desk.until("the mask", desk.unlocked)
        assert desk.typed("card_number") == 0, "left digits are gone"
        desk.card(CARD)
        talk(desk)
        desk.hands.click("choice:")
        desk.at("confirmation")
        talk(desk)
        finish(desk)
        record = desk.records.record()
    ours, theirs = proof.ours(record), proof.theirs(record, proof.newest(pbx, before))
    assert len(ours) == len(theirs) == 2
    for found in (*ours, *theirs):
        assert found.leaked_frames == 0
        assert found.present_around


def test_a_caller_who_hangs_up_at_the_card_leaves_no_mask_behind(
    pbx: Pbx, caller: Caller, gateway: StartGateway, flow: Path, open_desk: OpenDesk, tmp_path: Path
) -> None:
    with open_desk(seat_settings(pbx, USER, gateway().base_url, flow=flow)) as desk:
        to_payment(desk, caller, pbx)
        desk.hands.type("field:card_number", CARD[:8])
        caller.hang_up(NUMBER)
        desk.at("end")
        desk.until("no mask", lambda: desk.page.mask.phase == "none" and not desk.seat.keeper.leases)
        assert "MASK" not in desk.words()
        desk.hands.type("field:disposition", "Call")
        desk.hands.click("choice:")
        desk.until("the end", lambda: desk.page.ended)
        desk.hands.click("close_session")

        before = proof.recordings(pbx)
        caller.dial(NUMBER, key="next", account="1002")
        desk.answer()
        talk(desk)
        desk.hands.click("choice:call_type=wrong_number")
        desk.at("end")
        finish(desk)
        recording = proof.kept(desk.records.record())
    assert recording.windows == ()
    for file, channel in ((proof.sound(recording), 1), (proof.newest(pbx, before), 0)):
        levels = marker_levels(file, channel, MARKER_HZ)
        assert levels.onset_s >= 0, f"channel {channel} is silent: the next call is still masked"
        assert proof.gaps(levels) == []
    assert charges(tmp_path / LEDGER) == []


def test_a_window_that_is_closed_at_the_card_keeps_the_end_of_the_call_and_its_recording(
    pbx: Pbx, caller: Caller, gateway: StartGateway, flow: Path, open_desk: OpenDesk, tmp_path: Path
) -> None:
    with open_desk(seat_settings(pbx, USER, gateway().base_url, flow=flow)) as desk:
        to_payment(desk, caller, pbx)
        desk.hands.type("field:card_number", CARD[:8])
    caller.call("ended", NUMBER)
    records = Records(tmp_path / "seat")
    try:
        (recording,) = (event for _, event in records.stamped() if isinstance(event, e.RecordingKept))
        assert Path(recording.path).stat().st_size > 0
        assert recording.sha256
        assert records.steps()[-1] == "end", "the agent wraps up when the window is opened again"
        (found,) = proof.ours(records.record())
        assert found.leaked_frames == 0
    finally:
        records.close()


@pytest.mark.parametrize(
    ("act", "last_step"),
    [
        pytest.param("hang", "declined", marks=pytest.mark.slow),
        pytest.param("timeout_after_charge", "confirmation", marks=pytest.mark.slow),
        ("nonsense", "confirmation"),
    ],
)
def test_a_gateway_without_a_proper_answer_is_asked_and_nothing_is_charged_twice(
    pbx: Pbx,
    caller: Caller,
    gateway: StartGateway,
    flow: Path,
    open_desk: OpenDesk,
    tmp_path: Path,
    act: str,
    last_step: str,
) -> None:
    settings = seat_settings(pbx, USER, gateway(act).base_url, flow=flow, gateway_timeout_s=GIVE_UP_S)
    with open_desk(settings) as desk:
        to_payment(desk, caller, pbx, talking=False)
        desk.card(CARD)
        desk.hands.click("choice:")
        desk.until("the words for it", lambda: reasons.UNSURE in desk.words())
        assert desk.hands.can_use("choice:on_unknown")
        desk.at(last_step)
        if last_step == "declined":
            assert reasons.NEVER_SEEN in desk.words()
            desk.hands.click("choice:retry_payment=true")
            desk.at("payment", 2)
            desk.card(OTHER_CARD)
            desk.hands.click("choice:")
            desk.at("confirmation")
        outcomes = [x.outcome for _, x in desk.records.stamped() if isinstance(x, e.EffectResolved)]
    assert "unknown" in outcomes
    assert len(approved(tmp_path / LEDGER)) == len(charges(tmp_path / LEDGER)) == 1


def test_a_gateway_that_dies_after_the_charge_is_asked_when_it_is_back(
    pbx: Pbx, caller: Caller, gateway: StartGateway, flow: Path, open_desk: OpenDesk, tmp_path: Path
) -> None:
    first = gateway("die_after_charge")
    settings = seat_settings(pbx, USER, first.base_url, flow=flow, gateway_timeout_s=GIVE_UP_S)
    with open_desk(settings) as desk:
        to_payment(desk, caller, pbx, talking=False)
        desk.card(CARD)
        desk.hands.click("choice:")
        desk.until("the words for it", lambda: reasons.UNSURE in desk.words())
        first.wait_for_death()
        assert desk.page.step == "post_payment"
        gateway(port=first.port)
        desk.at("confirmation")
    assert [charge.last4 for charge in charges(tmp_path / LEDGER)] == [CARD[-4:]]


@pytest.mark.slow
def test_an_agent_who_does_not_wait_for_the_gateway_leaves_a_note_and_no_second_charge(
    pbx: Pbx, caller: Caller, gateway: StartGateway, flow: Path, open_desk: OpenDesk, tmp_path: Path
) -> None:
    first = gateway("die_after_charge")
    settings = seat_settings(pbx, USER, first.base_url, flow=flow, gateway_timeout_s=GIVE_UP_S)
    with open_desk(settings) as desk:
        to_payment(desk, caller, pbx, talking=False)
        desk.card(CARD)
        desk.hands.click("choice:")
        desk.until("the way on", lambda: desk.hands.can_use("choice:on_unknown"))
        desk.hands.click("choice:on_unknown")
        desk.at("no_sale")
        first.wait_for_death()
        gateway(port=first.port)

        def settled() -> bool:
            found = [x for _, x in desk.records.stamped() if isinstance(x, e.EffectResolved)]
            return found[-1].outcome == "ok"

        desk.until("the charge to be settled", settled)
        incidents = [x.code for _, x in desk.records.stamped() if isinstance(x, e.Incident)]
        assert desk.page.step == "no_sale", "a late answer moves nothing"
    assert incidents == ["charge_unsettled", "late_answer"]
    assert len(charges(tmp_path / LEDGER)) == 1


def test_a_gateway_that_is_not_there_keeps_the_page_open_with_words(
    pbx: Pbx, caller: Caller, gateway: StartGateway, flow: Path, open_desk: OpenDesk, tmp_path: Path
) -> None:
    port = free_port()
    settings = seat_settings(pbx, USER, f"http://127.0.0.1:{port}", flow=flow, gateway_timeout_s=GIVE_UP_S)
    with open_desk(settings) as desk:
        to_payment(desk, caller, pbx, talking=False)
        desk.card(CARD)
        desk.hands.click("choice:")
        desk.until("the words for it", lambda: reasons.NOT_REACHED in desk.words())
        assert desk.page.step == "payment"
        assert [desk.typed(name) for name in ("card_number", "card_expiry", "card_cvv")] == [0, 0, 0]
        gateway(port=port)
        desk.card(OTHER_CARD)
        desk.hands.click("choice:")
        desk.at("confirmation")
    assert [charge.last4 for charge in charges(tmp_path / LEDGER)] == [OTHER_CARD[-4:]]


@pytest.mark.slow  # test_kill.py kills it at the card, too, and goes further
def test_a_phone_that_dies_at_the_card_is_told_and_takes_the_digits_with_it(
    pbx: Pbx, caller: Caller, gateway: StartGateway, flow: Path, open_desk: OpenDesk
) -> None:
    with open_desk(seat_settings(pbx, USER, gateway().base_url, flow=flow)) as desk:
        to_payment(desk, caller, pbx, talking=False)
        desk.hands.type("field:card_number", CARD[:8])
        told: list[tuple[str, bool]] = []

        def listen(topic: str) -> None:
            if topic == "registration" and desk.seat.desk.phone_problem is not None:
                told.append((desk.words(), desk.locked()))

        desk.seat.desk.subscribe(listen)
        os.kill(phone_pids(desk.folder)[-1], signal.SIGKILL)
        desk.until("the call back", lambda: "the call is back" in desk.words())
        assert told
        assert "The phone stopped and is starting again." in told[0][0]
        assert told[0][1], "locked and blank as soon as the agent is told"
        assert "is being fetched back" not in desk.words(), "the words go when the call is back"
        desk.until("the mask", desk.unlocked)
        desk.until("the new phone masked for the page", lambda: RESTART_LEASE not in desk.seat.keeper.leases)
        assert desk.seat.keeper.leases != ()
        assert desk.page.step == "payment"
        assert caller.client.snapshot.calls[0].state == "active"
        desk.card(OTHER_CARD)
        desk.hands.click("choice:")
        desk.at("confirmation")
        desk.until("no mask", lambda: desk.page.mask.phase == "none" and not desk.seat.keeper.leases)


@pytest.mark.slow
def test_a_call_held_at_the_card_stays_masked_and_is_proved_again(
    pbx: Pbx, caller: Caller, gateway: StartGateway, flow: Path, open_desk: OpenDesk
) -> None:
    before = proof.recordings(pbx)
    with open_desk(seat_settings(pbx, USER, gateway().base_url, flow=flow)) as desk:
        to_payment(desk, caller, pbx)
        desk.hands.click("hold_call")
        desk.until("on hold", lambda: "On hold" in desk.words())
        desk.hands.click("mute_microphone")
        talk(desk)
        desk.hands.click("hold_call")
        desk.until("back", lambda: "Mic muted" in desk.words())
        desk.hands.click("mute_microphone")
        desk.until("open", lambda: "Connected" in desk.words())
        desk.card(CARD)
        desk.hands.click("choice:")
        desk.at("confirmation")
        talk(desk)
        desk.hands.click("hang_up")
        desk.at("end")
        stamped = desk.records.stamped
        desk.until("the recording", lambda: any(isinstance(x, e.RecordingKept) for _, x in stamped()))
        record = desk.records.record()
    (mine,) = proof.ours(record)
    assert mine.leaked_frames == 0
    assert mine.present_around
    (gap,) = proof.gaps(marker_levels(proof.newest(pbx, before), 0, MARKER_HZ))
    assert gap[1] - gap[0] > proof.TALK_S, "the PBX was masked through the hold"
