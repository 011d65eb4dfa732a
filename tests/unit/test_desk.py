"""The desk with fakes at every port: calls, durable first, the mask fail closed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.errors import PhoneAwayError
from halodesk.protocol import phone_link as link
from halodesk.runtime.desk_phone import LinePolicy
from halodesk.runtime.effects import base as effects_module
from halodesk.runtime.log import verify
from halodesk.runtime.ports import DeskNotice, StorageState
from tests.fakes.order import ADDRESS, CALLER, CARD, sample
from tests.fakes.phone import active, ended, ringing
from tests.fakes.seat import Seat, one_seat


@pytest.fixture
def lives(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Seat]]:
    """Lives of one seat; a charge that is not known is queried at once."""
    monkeypatch.setattr(effects_module, "QUERY_FIRST_S", 0.0)
    with one_seat() as begin:
        yield begin


@pytest.fixture
def seat(lives: Callable[..., Seat]) -> Seat:
    return lives()


# calls and sessions


def test_a_session_begins_when_its_call_is_answered(seat: Seat) -> None:
    seat.desk.phone_notice(link.CallChanged(call=ringing()))
    assert seat.desk.page is None
    assert seat.desk.do(c.Submit()) is not None
    seat.desk.answer_call()
    assert seat.phone.of(link.AnswerCall) == [link.AnswerCall(call="k1")]
    seat.desk.phone_notice(link.CallChanged(call=active()))
    assert seat.at == "start"
    assert seat.desk.flow_name.startswith("SnoozeTech")
    started = seat.events[0]
    assert isinstance(started, e.SessionStarted)
    assert started.call.number == "+12025550143"
    assert started.variables["phone"] == "+12025550143"
    assert seat.store.flows[started.flow_hash] == sample()


def test_a_version_that_comes_in_mid_call_is_for_the_next_session(seat: Seat) -> None:
    seat.take()
    seat.desk.offer(replace(sample(), version=9))
    assert seat.desk.flow_name.endswith(f"v{sample().version}")
    seat.desk.phone_notice(link.CallChanged(call=ended()))
    seat.do(c.Answer(field="disposition", raw="no_sale"))
    seat.do(c.Submit())
    seat.desk.close_session()
    seat.take(key="k2", sip_call_id="sip-2")
    assert seat.desk.flow_name.endswith("v9")


def test_where_calls_must_not_wait_a_second_one_is_busy_and_changes_nothing(seat: Seat) -> None:
    seat.desk._lines = LinePolicy(call_waiting=False)
    seat.take()
    seat.desk.phone_notice(link.CallChanged(call=ringing(key="k2", sip_call_id="sip-2")))
    assert seat.phone.of(link.HangUp) == [link.HangUp(call="k2", code=486)]
    assert seat.desk.call is not None
    assert seat.desk.call.key == "k1"


def test_the_session_outlives_its_call_until_the_agent_puts_it_away(seat: Seat) -> None:
    seat.take()
    seat.desk.hang_up()
    seat.desk.phone_notice(link.CallChanged(call=ended()))
    assert seat.at == "end"
    left = next(event for event in seat.events if isinstance(event, e.CallLeft))
    assert left.by == "agent"
    seat.desk.close_session()
    assert seat.at == "end", "not before it is finished"
    seat.do(c.Answer(field="disposition", raw="call_lost"))
    seat.do(c.Submit())
    seat.desk.close_session()
    assert seat.desk.page is None
    assert seat.desk.call is None
    assert verify(seat.store.rows[0].session, seat.store.rows, closed=True).ok


def test_the_recording_is_kept_with_its_digest_and_windows(seat: Seat, tmp_path: Path) -> None:
    file = tmp_path / "call.flac"
    file.write_bytes(b"sound")
    windows = (link.MaskWindow(from_sample=10, to_sample=20), link.MaskWindow(from_sample=30))
    recording = link.Recording(path=str(file), sample_rate=8000, samples=40, windows=windows)
    seat.take()
    seat.desk.phone_notice(link.CallChanged(call=ended(recording=recording)))
    seat.until(lambda: any(isinstance(event, e.RecordingKept) for event in seat.events))
    seat.desk.phone_notice(link.CallChanged(call=ended(recording=recording)))
    seat.still()
    (kept,) = [event for event in seat.events if isinstance(event, e.RecordingKept)]
    assert kept.windows == ((10, 20), (30, 40))
    assert len(kept.sha256) == 64


def test_a_phone_that_dies_ends_the_call_and_keeps_the_session(seat: Seat) -> None:
    seat.take()
    seat.desk.phone_away(PhoneAwayError("The phone stopped.", "It is being started again."))
    assert seat.at == "end"
    assert seat.desk.phone_problem == DeskNotice(
        level="error", message="The phone stopped.", todo="It is being started again."
    )
    seat.desk.phone_attached(link.Snapshot())
    assert seat.desk.phone_problem is None


def test_what_the_phone_refuses_is_told(seat: Seat) -> None:
    seat.phone.refuse = True
    seat.desk.dial("202 555 0143")
    seat.until(lambda: seat.desk.notices)
    (notice,) = seat.desk.notices
    assert (notice.message, notice.todo) == ("Not now.", "Try again.")
    seat.desk.dismiss(notice)
    assert seat.desk.notices == ()


def test_dialling_waits_for_the_open_session(seat: Seat) -> None:
    seat.desk.dial(" ")
    assert seat.phone.requests == []
    seat.take()
    seat.desk.dial("1")
    seat.desk.phone_notice(link.CallChanged(call=ended()))
    seat.desk.dial("1")
    assert seat.phone.of(link.Dial) == []
    assert len(seat.desk.notices) == 2


def test_the_storage_state_is_told_once(seat: Seat) -> None:
    failed = StorageState(state="failed", message="The disk is full.")
    for state in (failed, failed, StorageState()):
        seat.desk.storage_changed(state)
    assert seat.topics == ["storage", "storage"]
    assert seat.desk.storage.state == "saved"


# durable first


def test_an_effect_starts_only_when_its_request_is_on_disk(seat: Seat) -> None:
    seat.to_payment()
    seat.type_card()
    seat.store.hold = True
    seat.do(c.Submit())
    assert seat.desk.page is not None
    assert seat.desk.page.waiting, "the page does not wait for the disk to say so"
    seat.still()
    assert seat.gateway.tokenised == []
    seat.store.hold = False
    seat.store.release()
    seat.until(lambda: seat.at == "confirmation")
    assert seat.gateway.tokenised == [(16, 4, 3)]
    assert len(seat.gateway.charged) == 1


def test_what_could_not_be_written_is_never_acted_on(seat: Seat) -> None:
    seat.to_payment()
    seat.type_card()
    seat.store.hold = True
    seat.do(c.Submit())
    seat.store.fail()
    seat.still()
    assert seat.gateway.tokenised == []
    assert seat.gateway.sent == []


def test_the_mask_is_let_go_only_when_leaving_is_on_disk(seat: Seat) -> None:
    seat.to_payment()
    seat.store.hold = True
    seat.do(c.Back())
    seat.still()
    assert seat.recorder.masked
    assert "unmask" not in seat.recorder.asked
    seat.store.hold = False
    seat.store.release()
    seat.until(lambda: seat.mask == "none")
    assert seat.recorder.masked == {}


# the mask


def test_no_digit_is_taken_before_the_mask_is_held(seat: Seat) -> None:
    seat.recorder.verdict = "failed"
    seat.take()
    seat.do(c.Submit(choice="call_type=order"))
    for name, raw in CALLER.items():
        seat.do(c.Answer(field=name, raw=raw))
    seat.do(c.Submit())
    seat.do(c.Submit(choice="offer_response=yes"))
    seat.do(c.Submit(choice="journal=false"))
    seat.do(c.Answer(field="billing_address", raw=ADDRESS))
    seat.do(c.Submit())
    seat.until(lambda: seat.mask == "lost")
    assert seat.desk.type_secret("card_number", "4").length == 0
    assert seat.desk.page is not None
    assert all(field.locked and "does not answer" in field.why for field in seat.desk.page.fields)
    seat.recorder.verdict = "confirmed"
    seat.until(lambda: seat.mask == "held")
    assert seat.desk.type_secret("card_number", "4").length == 1


def test_a_lost_mask_empties_the_vault_before_the_window_hears_of_it(seat: Seat) -> None:
    seat.to_payment()
    seat.type_card()
    wiped: list[str] = []
    seat.vault.subscribe(lambda handle, reason: wiped.append(f"{handle.field} {reason} {seat.mask}"))
    seat.recorder.verdict = "failed"
    while not wiped:
        seat.turn()
    assert len(wiped) == 3
    assert all(words.endswith("mask_lost held") for words in wiped), "the main thread has not run yet"
    assert seat.desk.type_secret("card_number", "4").length == 0
    seat.until(lambda: seat.mask == "lost")
    session = seat.desk.session
    assert session is not None
    assert session.state.secrets == {}
    refused = seat.desk.do(c.Submit())
    assert refused is not None
    assert refused.code == "not_masked"


def test_a_hang_up_on_the_payment_page_wipes_and_lets_the_mask_go(seat: Seat) -> None:
    seat.to_payment()
    seat.type_card()
    seat.phone.leases = ("payment.1",)
    seat.desk.phone_notice(link.CallChanged(call=ended()))
    assert seat.at == "end"
    assert seat.desk.secret("card_number").length == 0
    assert seat.phone.of(link.Unmask) == [link.Unmask(lease="payment.1")]
    seat.still()
    assert seat.mask in ("none", "releasing")


# the whole order


def test_declined_twice_then_approved(lives: Callable[..., Seat]) -> None:
    seat = lives("declined", "declined", "approved")
    seat.to_payment()
    for attempt in (1, 2, 3):
        seat.type_card()
        seat.do(c.Submit())
        if attempt < 3:
            seat.until(lambda: seat.at == "declined")
            seat.do(c.Submit(choice="retry_payment=true"))
            seat.until(lambda: seat.at == "payment" and seat.mask == "held")
            assert seat.desk.secret("card_cvv").length == 0, "asked anew"
    seat.until(lambda: seat.at == "confirmation")
    assert len(seat.gateway.sent) == len(set(seat.gateway.sent)) == 3
    written = b"".join(row.payload or b"" for row in seat.store.rows)
    assert CARD.encode() not in written
    assert verify(seat.desk.session_id, seat.store.rows).ok
