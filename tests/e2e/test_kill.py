"""The shipped program is killed in the worst moments and loses nothing.

Real window under its own X server, real keys, real PBX, real gateway process.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from halodesk.demo.caller import MARKER_HZ
from halodesk.demo.gateway.child import GatewayChild
from halodesk.demo.lab import free_port
from halodesk.demo.measure import marker_levels
from halodesk.engine import events as e
from halodesk.runtime.settings import Settings
from halodesk.store.record import Record
from tests.e2e import leak_scan, proof
from tests.e2e.caller import Caller
from tests.e2e.conftest import seat_settings
from tests.e2e.ledger import LEDGER, charges
from tests.e2e.records import PATIENCE_S, gone, phone_pids, until
from tests.e2e.tcp_proxy import TcpProxy
from tests.e2e.xseat import XSeat, x_server
from tests.lab.pbx import HOST, Pbx

pytestmark = [pytest.mark.lab, pytest.mark.e2e]

StartGateway = Callable[..., GatewayChild]
OpenSeat = Callable[[Settings], XSeat]
CARD, OTHER_CARD, EXPIRY, CVV = "4242424242424242", "5555555555554444", "1230", "951"


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A screen for this module's windows."""
    with x_server() as name:
        yield name


@pytest.fixture(scope="module")
def leaving() -> Iterator[list[psutil.Process]]:
    """Phones that were told to leave: nobody waits for them between the tests."""
    processes: list[psutil.Process] = []
    yield processes
    gone(processes)


@pytest.fixture
def seat(tmp_path: Path, display: str, leaving: list[psutil.Process]) -> Iterator[OpenSeat]:
    """Opens the window of this test's seat."""
    opened: list[XSeat] = []

    def open_seat(settings: Settings) -> XSeat:
        made = XSeat(tmp_path / "seat", settings, display)
        opened.append(made)
        made.start()
        made.registered()
        return made

    yield open_seat
    for made in opened:
        leaving += made.close()


def take_call(seat: XSeat, caller: Caller, pbx: Pbx, user: str) -> str:
    """The caller rings through the PBX's recorder, the agent answers; the call's key."""
    number = f"9{user}"
    caller.ring(pbx, number)
    seat.answer()
    seat.records.at("start")
    caller.marker()
    return number


def fill_gather(seat: XSeat) -> None:
    """From the first page to the caller's data, all but the email."""
    seat.key("alt+1")
    seat.records.at("gather")
    seat.type("Jordan")
    seat.key("Tab")
    seat.type("Miller")
    seat.key("Tab", "ctrl+a")
    seat.type("2025550143")
    seat.key("Tab")


def to_payment(seat: XSeat) -> None:
    """From the first page to the payment page, mask held."""
    fill_gather(seat)
    seat.type("jordan@example.com")
    seat.key("ctrl+Return")
    from_offer_to_payment(seat)


def from_offer_to_payment(seat: XSeat) -> None:
    """From the main offer to the payment page, mask held."""
    seat.records.at("main_offer")
    seat.key("alt+1")
    seat.records.at("upsell")
    seat.key("alt+1")
    seat.records.at("billing")
    for text, tabs in (("12 Ocean View Road", 2), ("Santa Cruz", 1), ("CA", 1), ("95060", 0)):
        seat.type(text)
        seat.key(*["Tab"] * tabs) if tabs else None
    seat.key("ctrl+Return")
    seat.records.at("payment")
    seat.records.mask("held")


def finish(seat: XSeat) -> None:
    """From the confirmation to a sealed record."""
    seat.records.at("confirmation")
    proof.talk()
    seat.key("alt+1")
    seat.records.at("end")
    wrap_up(seat, "Sale")


def wrap_up(seat: XSeat, disposition: str) -> None:
    """Hang up, disposition, seal; the recording is kept."""
    seat.key("F4")
    seat.records.wait("the end of the call", e.CallLeft)
    seat.type(disposition)
    seat.key("ctrl+Return")
    seat.records.wait("the end of the session", e.SessionEnded)
    seat.records.wait("the recording", e.RecordingKept)


def pay(seat: XSeat, card: str) -> None:
    """Number, expiry and code: a complete box hands the keyboard on by itself."""
    seat.type(card + EXPIRY + CVV)
    seat.key("ctrl+Return")


@pytest.mark.slow
def test_a_window_killed_in_mid_word_comes_back_with_the_word(
    pbx: Pbx, caller: Caller, gateway: StartGateway, seat: OpenSeat
) -> None:
    desk = seat(seat_settings(pbx, "1003", gateway().base_url))
    number = take_call(desk, caller, pbx, "1003")
    desk.key("alt+1")
    desk.records.at("gather")
    desk.key("Tab")
    desk.type("Mil")
    draft = ("gather", "last_name")
    until("the draft", lambda: desk.records.drafts().get(draft) == "Mil" or None)
    desk.kill()

    desk.start()
    assert desk.records.steps()[-1] == "gather"
    desk.key("End")
    desk.type("ler")
    until("the word", lambda: desk.records.drafts().get(draft) == "Miller" or None)
    desk.key("shift+Tab")
    desk.type("Jordan")
    desk.key("Tab", "Tab", "ctrl+a")
    desk.type("2025550143")
    desk.key("ctrl+Return")
    desk.records.at("main_offer")
    answers = desk.records.answers()
    assert (answers["first_name"], answers["last_name"]) == ("Jordan", "Miller")
    assert caller.up(number)
    assert desk.records.count() == 1


def test_a_window_killed_at_the_card_leaves_the_call_up_and_both_recordings_masked(
    pbx: Pbx, caller: Caller, gateway: StartGateway, seat: OpenSeat, tmp_path: Path
) -> None:
    before = proof.recordings(pbx)
    desk = seat(seat_settings(pbx, "1004", gateway().base_url))
    number = take_call(desk, caller, pbx, "1004")
    to_payment(desk)
    desk.type(CARD[:8])
    (phone,) = phone_pids(desk.folder)
    desk.kill()

    channels = pbx.cli("core show channels concise")
    assert "PJSIP/1004" in channels
    assert caller.up(number)

    desk.start()
    assert phone_pids(desk.folder) == [phone], "the phone is the one that held the call"
    assert desk.records.steps()[-1] == "payment"
    lost = desk.records.mask("lost")
    held = desk.records.mask("held", count=2)
    assert held.wall >= lost.wall
    pay(desk, OTHER_CARD)
    finish(desk)
    assert desk.records.count() == 1

    (charge,) = charges(tmp_path / LEDGER)
    assert (charge.status, charge.last4) == ("approved", OTHER_CARD[-4:]), "the eight digits were gone"
    record = desk.records.record()
    (mine,) = proof.ours(record)
    (other,) = proof.theirs(record, proof.newest(pbx, before))
    for found in (mine, other):
        assert found.leaked_frames == 0
        assert found.frames > 100
        assert found.present_around

    gone(desk.close())
    # Asterisk's logs are full of short numbers (ports, SDP, sequence numbers), and no code is ever
    # sent to it: there the card numbers alone are looked for.
    secrets = {"cards": (CARD, OTHER_CARD), "cvvs": (CVV,)}
    seen, leaks = leak_scan.scan([tmp_path, pbx.folder], **secrets, no_cvv=[pbx.folder])
    assert seen > 30
    assert leaks == []
    assert leak_scan.says(desk.folder, "Jordan")
    assert leak_scan.scan_rows(desk.folder, **secrets) == []


@pytest.mark.slow
def test_a_window_killed_while_the_mask_is_given_back_gives_it_back_later(
    pbx: Pbx, caller: Caller, gateway: StartGateway, seat: OpenSeat, request: pytest.FixtureRequest
) -> None:
    """The PBX's control falls silent in the moment of "back", so that its recording stays masked."""
    before = proof.recordings(pbx)
    proxy = TcpProxy(pbx.ami_port)
    request.addfinalizer(proxy.close)
    desk = seat(seat_settings(pbx, "1008", gateway().base_url, ami_port=proxy.port))
    take_call(desk, caller, pbx, "1008")
    to_payment(desk)
    desk.type(CARD[:8])
    proof.talk()
    proxy.freeze()
    desk.key("alt+Left")
    desk.records.mask("releasing")
    desk.kill()
    proxy.mend()

    desk.start()
    assert desk.records.steps()[-1] == "billing"
    desk.records.mask("none")
    proof.talk()
    desk.key("ctrl+Return")
    desk.records.at("payment", 2)
    desk.records.mask("held", count=2)
    pay(desk, CARD)
    proof.talk()
    finish(desk)
    record = desk.records.record()
    mine, others = proof.ours(record), proof.theirs(record, proof.newest(pbx, before))
    assert len(mine) == len(others) == 2
    for found in (*mine, *others):
        assert found.leaked_frames == 0
        assert found.present_around, "recording goes on after the restart"


@pytest.mark.parametrize(
    ("user", "act"),
    [("1005", "timeout_after_charge"), pytest.param("1007", "hang", marks=pytest.mark.slow)],
)
def test_a_window_killed_during_a_charge_charges_once(
    pbx: Pbx,
    caller: Caller,
    gateway: StartGateway,
    seat: OpenSeat,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    user: str,
    act: str,
) -> None:
    wire = TcpProxy(gateway(act).port, watch=b'"reference"')
    request.addfinalizer(wire.close)
    desk = seat(seat_settings(pbx, user, f"http://{HOST}:{wire.port}", gateway_timeout_s=60))
    number = take_call(desk, caller, pbx, user)
    to_payment(desk)
    pay(desk, CARD)
    _, asked = desk.records.wait("the charge", e.EffectRequested, lambda event: event.kind == "charge")
    assert isinstance(asked, e.EffectRequested)
    assert wire.passed.wait(PATIENCE_S), "the charge is on the wire"
    if act == "timeout_after_charge":
        until("the charge", lambda: charges(tmp_path / LEDGER) or None)
    desk.kill()

    desk.start()
    if act == "hang":  # not charged, and not sent late behind the caller's back: the agent decides
        desk.records.at("declined")
        desk.key("alt+1")
        desk.records.at("payment", 2)
        desk.records.mask("held", count=2)
        pay(desk, CARD)
    finish(desk)
    again = [line for line in desk.log() if line["event"] == "effect_started" and line["kind"] == "charge"]
    assert [line["again"] for line in again][:2] == [False, True]
    (charge,) = charges(tmp_path / LEDGER)
    assert charge.status == "approved"
    first = charge.key == f"{desk.records.session().id}:{asked.id}"
    assert first is (act == "timeout_after_charge")
    assert not caller.up(number)


@pytest.mark.slow
def test_window_and_phone_killed_at_the_card_lead_to_the_wrap_up_without_a_mask(
    pbx: Pbx, caller: Caller, gateway: StartGateway, seat: OpenSeat
) -> None:
    desk = seat(seat_settings(pbx, "1001", gateway().base_url))
    take_call(desk, caller, pbx, "1001")
    to_payment(desk)
    desk.type(CARD[:8])
    phone = phone_pids(desk.folder)[-1]
    desk.kill()
    os.kill(phone, signal.SIGKILL)

    desk.start()
    desk.records.at("end")
    _, left = desk.records.wait("the end of the call", e.CallLeft)
    assert isinstance(left, e.CallLeft)
    assert (left.by, left.reason) == ("network", "The call ended while HaloDesk was away.")
    desk.records.mask("none")
    desk.type("Call")
    desk.key("ctrl+Return")
    desk.records.wait("the end of the session", e.SessionEnded)


@pytest.mark.slow
def test_a_phone_killed_in_mid_call_is_replaced_and_the_call_goes_on(
    pbx: Pbx, caller: Caller, gateway: StartGateway, seat: OpenSeat, tmp_path: Path
) -> None:
    before = proof.recordings(pbx)
    desk = seat(seat_settings(pbx, "1001", gateway().base_url))
    number = take_call(desk, caller, pbx, "1001")
    fill_gather(desk)
    proof.talk()
    os.kill(phone_pids(desk.folder)[-1], signal.SIGKILL)
    _, rescued = desk.records.wait("the call back", e.CallRescued)
    assert isinstance(rescued, e.CallRescued)
    assert len(phone_pids(desk.folder)) == 2
    assert desk.records.steps()[-1] == "gather"

    desk.type("jordan@example.com")  # the page was never left
    desk.key("ctrl+Return")
    from_offer_to_payment(desk)
    proof.talk()
    pay(desk, CARD)
    finish(desk)
    assert not caller.up(number)
    assert desk.records.count() == 1
    (charge,) = charges(tmp_path / LEDGER)
    assert charge.status == "approved"
    record = desk.records.record()
    first, second = [event for event in record.events if isinstance(event, e.RecordingKept)]
    assert first.path != second.path
    assert (len(first.windows), first.samples > 8000) == (0, True)
    (mine,) = proof.ours(record)
    assert mine.leaked_frames == 0
    assert mine.present_around, "the new phone does not stay masked"
    assert_masked_once(pbx, before, record)


def assert_masked_once(pbx: Pbx, before: set[Path], record: Record) -> None:
    """The PBX's one file of the call is silent while the card was taken, and at no other time.

    It goes on over the phone's death: our files begin anew and cannot be laid beside it.
    """
    (span,) = proof.spans(record)
    (gap,) = proof.gaps(marker_levels(proof.newest(pbx, before), 0, MARKER_HZ))
    assert gap[1] - gap[0] > span.left - span.held - proof.PBX_ON_ITS_WAY_S


def test_a_phone_killed_at_the_card_unlocks_it_only_when_all_recorders_are_proved_again(
    pbx: Pbx, caller: Caller, gateway: StartGateway, seat: OpenSeat, tmp_path: Path
) -> None:
    before = proof.recordings(pbx)
    desk = seat(seat_settings(pbx, "1007", gateway().base_url))
    take_call(desk, caller, pbx, "1007")
    to_payment(desk)
    proof.talk()
    desk.type(CARD[:8])
    os.kill(phone_pids(desk.folder)[-1], signal.SIGKILL)
    lost = desk.records.mask("lost")
    back, _ = desk.records.wait("the call back", e.CallRescued)
    held = until("the mask", lambda: last_mask(desk, "held", back.wall))
    assert lost.wall <= back.wall <= held
    desk.records.wait("the mask", e.MaskChanged, lambda event: event.phase == "held", count=2)
    pay(desk, OTHER_CARD)
    finish(desk)
    (charge,) = charges(tmp_path / LEDGER)
    assert charge.last4 == OTHER_CARD[-4:], "the eight digits were gone"
    record = desk.records.record()
    first, second = [event for event in record.events if isinstance(event, e.RecordingKept)]
    assert first.windows[-1][1] == first.samples, "masked to its very end"
    assert second.windows[0][0] == 0, "masked from its very beginning"
    for kept in (first, second):
        for found in proof.measured(kept):
            assert found.leaked_frames == 0
    assert_masked_once(pbx, before, record)


def last_mask(seat: XSeat, phase: str, after: float) -> float | None:
    """When the mask came into a phase after a time, if it did and is still in it."""
    changed = [(s.wall, m.phase) for s, m in seat.records.stamped() if isinstance(m, e.MaskChanged)]
    wall, now = changed[-1]
    return wall if now == phase and wall >= after else None


@pytest.mark.slow
def test_a_call_that_cannot_be_fetched_back_is_lost_and_the_next_one_works(
    pbx: Pbx, caller: Caller, gateway: StartGateway, seat: OpenSeat
) -> None:
    # On a fixed port: a phone that comes back on another one leaves the dead one's address at the PBX,
    # which dials that until it expires.
    desk = seat(seat_settings(pbx, "1006", gateway().base_url, sip_port=free_port()))
    take_call(desk, caller, pbx, "1006")
    desk.key("alt+1")
    desk.records.at("gather")
    (phone,) = phone_pids(desk.folder)
    os.kill(phone, signal.SIGSTOP)  # it does not hear that the PBX ends the call
    pbx.cli("channel request hangup all")
    until("no call", lambda: "PJSIP/1006" not in pbx.cli("core show channels concise") or None)
    os.kill(phone, signal.SIGKILL)
    desk.records.at("end")
    caller.call("ended", "91006")
    until("a new phone", lambda: len(phone_pids(desk.folder)) == 2 or None)
    assert any(line["event"] == "phone_lost" for line in desk.log())
    _, left = desk.records.wait("the end of the call", e.CallLeft)
    assert isinstance(left, e.CallLeft)
    assert (left.by, left.reason) == ("network", "The phone process was lost.")
    _, kept = desk.records.wait("what was recorded", e.RecordingKept)
    assert isinstance(kept, e.RecordingKept)
    assert kept.samples > 0
    desk.registered()
    desk.type("Call")
    desk.key("ctrl+Return")
    desk.records.wait("the end of the session", e.SessionEnded)
    desk.key("Return")

    before = proof.recordings(pbx)
    caller.dial("91006", key="next", account="1002")
    desk.answer()
    desk.records.at("start")
    assert desk.records.count() == 2
    to_payment(desk)
    pay(desk, CARD)
    finish(desk)
    record = desk.records.record()
    (mine,) = proof.ours(record)
    (other,) = proof.theirs(record, proof.newest(pbx, before))
    for found in (mine, other):
        assert found.leaked_frames == 0
        assert found.present_around, "the new phone does not stay masked"
