"""The desk and its call when the phone dies, holds or is asked for something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any, cast

import pytest
from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.errors import PhoneAwayError, PhoneRefusedError
from halodesk.protocol import phone_link as link
from halodesk.runtime.desk import Desk
from halodesk.runtime.masking import OnDigest, Report
from halodesk.runtime.threads import IoThread, SystemClock
from tests.fakes.order import sample

OLD_FILE = link.Recording(
    path="old.flac", sample_rate=16000, samples=3200, windows=(link.MaskWindow(from_sample=320),)
)
CALL = link.CallInfo(
    key="k",
    sip_call_id="old@phone",
    account="main",
    direction="in",
    state="active",
    remote_number="2025550143",
    answered_at=1.0,
    local_tag="ours",
    remote_tag="theirs",
    recording=OLD_FILE,
)
BACK = replace(
    CALL, sip_call_id="new@phone", rescued_from="old@phone", recording=replace(OLD_FILE, path="new.flac")
)
DIED = PhoneAwayError("The phone has ended.")
REGISTERED = link.RegistrationChanged(registration=link.Registration(account="main", state="registered"))


class Outside:
    """Everything the desk works with: store, phone, masks, secrets. It only notes what it is asked."""

    def __init__(self) -> None:
        self.sent: list[link.Request] = []
        self.answers: list[Future[link.Reply]] = []
        self.leases: tuple[str, ...] = ()
        self.has_platform = False
        self.facts: list[tuple[str, ...]] = []
        self.torn: list[str] = []
        self.reports: list[Report] = []
        self.legs: dict[str, tuple[str, ...]] = {}

    # store

    def append(self, rows: Any, *, urgent: bool) -> Future[Any]:
        done: Future[Any] = Future()
        done.set_result(None)
        return done

    def draft(self, session: str, step: str, field: str, raw: Any) -> Future[Any]:
        return self.append((), urgent=True)

    def keep_flow(self, flow: Any) -> Future[Any]:
        return self.append((), urgent=True)

    # phone

    def send(self, request: link.Request) -> Future[link.Reply]:
        self.sent.append(request)
        self.answers.append(Future())
        return self.answers[-1]

    def asked(self, kind: type[link.Request]) -> list[link.Request]:
        return [request for request in self.sent if isinstance(request, kind)]

    # masks and secrets

    def want(self, lease: str, sip_call_id: str, report: Report) -> None:
        self.facts.append(("want", lease, sip_call_id))
        self.reports.append(report)

    def release(self, lease: str, sip_call_id: str) -> None:
        self.facts.append(("release", lease))

    def call_ended(self, sip_call_id: str) -> None:
        self.facts.append(("ended", sip_call_id))

    def call_moved(self, old: str, new: str) -> None:
        self.facts.append(("moved", old, new))

    def leg_ended(self, sip_call_id: str) -> None:
        self.facts.append(("leg ended", sip_call_id))

    def legs_are(self, sip_call_id: str, legs: tuple[str, ...]) -> None:
        self.legs[sip_call_id] = legs

    def digest(self, recording: link.Recording, done: OnDigest, *, torn: bool = False) -> None:
        if torn:
            self.torn.append(recording.path)
        done(recording, "digest")

    def next_number(self) -> int:
        return 1

    def unlock(self, session: str) -> None:
        self.facts.append(("unlock",))

    def lock(self, reason: str) -> None:
        self.facts.append(("lock", reason))

    def wipe(self, reason: str) -> None:
        self.facts.append(("wipe", reason))


class Scene:
    """A desk with a call in hand."""

    def __init__(self, io: IoThread) -> None:
        self.outside = Outside()
        anything = cast(Any, self.outside)
        self.desk = Desk(
            agent="Ann Lee",
            account="sip:1001@pbx",
            seat="seat",
            flows=[sample()],
            store=self.outside,
            phone=self.outside,
            masking=anything,
            secret_entry=anything,
            effects=anything,
            io=io,
            post=lambda job: job(),
            clock=SystemClock(),
        )
        self.kept: list[e.AnyEvent] = []
        self.desk.phone_notice(link.CallChanged(call=CALL))
        session = self.desk.session
        assert session is not None
        listener = session._listener

        def listen(live: Any, events: Any, durable: Any) -> None:
            self.kept += events
            listener(live, events, durable)

        session._listener = listen

    def to_payment(self) -> None:
        """Through the sample flow as far as the card; all recorders confirm."""
        steps: list[c.Command] = [
            c.Submit(choice="call_type=order"),
            *(
                c.Answer(field=name, raw=raw)
                for name, raw in (("first_name", "Ann"), ("last_name", "Lee"), ("phone", "2025550143"))
            ),
            c.Submit(),
            c.Submit(choice="offer_response=yes"),
            c.Submit(choice="journal=true"),
            c.Answer(
                field="billing_address",
                raw={"line1": "1 A St", "city": "Reno", "region": "NV", "postal_code": "89501"},
            ),
            c.Submit(),
        ]
        for step in steps:
            assert self.desk.do(step) is None
        self.report("held")

    def report(self, phase: Any) -> None:
        """The lease manager's word."""
        self.outside.reports[-1](phase, ("PBX",), "", "", {})

    @property
    def mask(self) -> str:
        assert self.desk.session is not None
        return self.desk.session.state.mask.phase

    def die(self) -> None:
        """The phone dies; its successor starts masked and registers."""
        self.desk.phone_away(DIED)
        self.outside.leases = (link.RESTART_LEASE,)
        self.outside.sent.clear()
        self.outside.facts.clear()
        self.desk.phone_notice(REGISTERED)
        self.desk.phone_attached(link.Snapshot(leases=self.outside.leases))


@pytest.fixture
def scene() -> Iterator[Scene]:
    io = IoThread()
    yield Scene(io)
    io.close()


def kinds(scene: Scene) -> list[str]:
    return [type(event).__name__ for event in scene.kept]


def test_the_call_comes_back_into_the_same_session(scene: Scene) -> None:
    desk, session = scene.desk, scene.desk.session_id
    desk.phone_away(DIED)
    assert desk.call is not None
    assert desk.call.state == "connecting"
    told = desk.phone_problem
    assert told is not None
    assert "being fetched back" in told.message
    scene.die()
    assert scene.outside.asked(link.Rescue) == [link.Rescue(call=CALL)]
    assert scene.outside.asked(link.Unmask) == [link.Unmask(lease=link.RESTART_LEASE)], "no page needs it"
    desk.phone_notice(link.CallChanged(call=replace(BACK, state="connecting", recording=None)))
    desk.phone_notice(link.CallChanged(call=BACK))
    assert desk.session_id == session
    assert desk.call == BACK
    assert desk.phone_problem is None
    assert [notice.message for notice in desk.notices] == [
        "The phone was restarted and the call is back. The caller heard a short gap."
    ]
    assert kinds(scene) == ["RecordingKept", "CallRescued"]
    assert scene.outside.torn == ["old.flac"]
    assert ("moved", "old@phone", "new@phone") in scene.outside.facts
    desk.phone_notice(link.CallChanged(call=replace(BACK, state="ended", ended_at=9.0, reason="Bye.")))
    assert [event.path for event in scene.kept if isinstance(event, e.RecordingKept)] == [
        "old.flac",
        "new.flac",
    ]
    assert [event.reason for event in scene.kept if isinstance(event, e.CallLeft)] == ["Bye."]


def test_at_the_card_nothing_is_lifted_before_all_is_proved_again(scene: Scene) -> None:
    scene.to_payment()
    scene.desk.phone_away(DIED)
    assert scene.mask == "lost"
    assert ("lock", "mask_lost") in scene.outside.facts
    scene.die()
    assert scene.outside.asked(link.Unmask) == []
    scene.report("held")  # the old call's recorders, while the call is still away
    assert scene.outside.asked(link.Unmask) == [link.Unmask(lease=link.RESTART_LEASE)]
    scene.desk.phone_notice(link.CallChanged(call=BACK))
    assert scene.mask == "lost", "proved of the old call only"
    scene.report("held")
    assert scene.outside.facts[-1] == ("unlock",)


@pytest.mark.parametrize("how", ["ended", "refused"])
def test_a_call_that_cannot_be_fetched_back_is_lost(scene: Scene, how: str) -> None:
    scene.die()
    if how == "ended":
        ended = replace(BACK, state="ended", code=481, recording=None)
        scene.desk.phone_notice(link.CallChanged(call=ended))
    else:
        scene.outside.answers[0].set_exception(PhoneRefusedError("no"))
    (left,) = [event for event in scene.kept if isinstance(event, e.CallLeft)]
    assert (left.by, left.reason) == ("network", "The phone process was lost.")
    assert scene.outside.torn == ["old.flac"]
    assert scene.desk.call is not None
    assert scene.desk.call.state == "ended"
    assert ("ended", "old@phone") in scene.outside.facts


def test_hanging_up_while_the_call_is_away_ends_it_when_it_is_back(scene: Scene) -> None:
    scene.die()
    scene.desk.hang_up()
    assert scene.outside.asked(link.HangUp) == []
    scene.desk.phone_notice(link.CallChanged(call=BACK))
    assert scene.outside.asked(link.HangUp) == [link.HangUp(call="k")]
    scene.desk.phone_notice(link.CallChanged(call=replace(BACK, state="ended", reason="Ended here.")))
    assert [event.by for event in scene.kept if isinstance(event, e.CallLeft)] == ["agent"]


def test_a_link_that_broke_loses_nothing_and_proves_the_mask_again(scene: Scene) -> None:
    scene.to_payment()
    scene.desk.phone_away(DIED)
    scene.outside.facts.clear()
    scene.desk.phone_attached(link.Snapshot(calls=(CALL,)))
    assert scene.desk.call == CALL
    assert scene.desk.phone_problem is None
    assert ("want", "payment.1", "old@phone") in scene.outside.facts
    assert "CallRescued" not in kinds(scene)


def test_a_second_window_after_a_rescue_knows_the_call_by_its_old_name(scene: Scene) -> None:
    """The fact of the rescue died with the window: the phone still knows where the call came from."""
    scene.desk._owners.clear()
    scene.desk.phone_attached(link.Snapshot(calls=(BACK,)))
    assert kinds(scene) == ["CallRescued"]
    assert scene.desk.call == BACK


@pytest.mark.parametrize(
    ("change", "times"),
    [
        ({"conference": True}, 1),
        ({"transfer": "asked"}, 0),
        ({"transfer": "failed"}, 1),
        ({"microphone_muted": True}, 0),
    ],
)
def test_masks_are_proved_again_after_a_conference_and_a_failed_transfer(
    scene: Scene, change: dict[str, Any], times: int
) -> None:
    scene.to_payment()
    scene.outside.facts.clear()
    scene.desk.phone_notice(link.CallChanged(call=replace(CALL, **change)))
    assert [fact[0] for fact in scene.outside.facts].count("want") == times


def leg(**change: Any) -> link.CallInfo:
    return replace(
        CALL, **{"key": "leg", "sip_call_id": "leg@phone", "direction": "out", "beside": "k", **change}
    )


def test_a_leg_that_is_up_is_masked_with_the_call(scene: Scene) -> None:
    scene.outside.has_platform = True
    scene.to_payment()
    masked = scene.outside.legs
    assert masked.get("old@phone", ()) == ()
    for state, wanted in (("calling", ()), ("early", ("leg@phone",)), ("active", ("leg@phone",))):
        scene.desk.phone_notice(link.CallChanged(call=leg(state=state)))
        assert masked["old@phone"] == wanted, state
    scene.desk.merge()
    assert scene.outside.asked(link.Merge), "both are masked"
    scene.desk.phone_notice(link.CallChanged(call=replace(CALL, conference=True)))
    assert scene.mask != "lost"
    scene.outside.facts.clear()
    scene.desk.phone_notice(link.CallChanged(call=leg(state="ended")))
    assert ("leg ended", "leg@phone") in scene.outside.facts
    assert masked["old@phone"] == ()


def test_a_ringing_call_and_a_call_for_help_are_not_masked_with_it(scene: Scene) -> None:
    scene.to_payment()
    scene.desk.phone_notice(link.CallChanged(call=leg(state="incoming", direction="in", beside="")))
    assert scene.outside.legs.get("old@phone", ()) == ()
    scene.desk.phone_notice(link.CallChanged(call=leg(key="help", beside="", emergency=True)))
    assert scene.outside.legs.get("old@phone", ()) == ()


def test_a_call_for_help_joins_no_masked_conference(scene: Scene) -> None:
    scene.to_payment()
    scene.desk.phone_notice(link.CallChanged(call=leg(beside="", emergency=True)))
    scene.desk.merge()
    assert not scene.outside.asked(link.Merge)
    scene.desk.phone_notice(link.CallChanged(call=leg(beside="", emergency=True, conference=True)))
    scene.desk.phone_notice(link.CallChanged(call=replace(CALL, conference=True)))
    assert scene.mask == "lost"


def test_masks_are_proved_again_when_another_leg_is_answered(scene: Scene) -> None:
    scene.to_payment()
    leg = replace(CALL, key="leg", sip_call_id="leg@phone", direction="out", state="early", beside="k")
    scene.desk.phone_notice(link.CallChanged(call=leg))
    scene.outside.facts.clear()
    scene.desk.phone_notice(link.CallChanged(call=replace(leg, state="active")))
    assert [fact[0] for fact in scene.outside.facts] == ["want"]


def test_masks_are_proved_again_after_a_hold(scene: Scene) -> None:
    scene.to_payment()
    for hold, times in (("pending", 0), ("on", 1), ("pending", 1), ("off", 2)):
        scene.outside.facts.clear() if not times else None
        scene.desk.phone_notice(link.CallChanged(call=replace(CALL, hold=cast(link.HoldState, hold))))
        assert scene.outside.facts.count(("want", "payment.1", "old@phone")) == times
    assert scene.mask == "held"


def test_what_the_phone_is_asked_for_a_connected_call(scene: Scene) -> None:
    desk = scene.desk
    wishes: list[Callable[[], None]] = [
        desk.hold,
        desk.unhold,
        lambda: desk.set_microphone(muted=True),
        lambda: desk.send_dtmf("1"),
    ]
    for wish in wishes:
        wish()
    assert scene.outside.sent == [
        link.Hold(call="k"),
        link.Unhold(call="k"),
        link.SetMicrophone(call="k", muted=True),
        link.SendDtmf(call="k", digits="1"),
    ]
    desk.phone_notice(link.CallChanged(call=replace(CALL, state="ended")))
    scene.outside.sent.clear()
    for wish in wishes:
        wish()
    assert scene.outside.sent == []


def test_news_of_a_call_whose_session_was_put_away_begins_no_second_session(scene: Scene) -> None:
    assert scene.desk.session is not None
    scene.desk._put_away.add(scene.desk.session.id)
    scene.desk._session = None
    scene.desk.phone_notice(link.CallChanged(call=replace(CALL, microphone_muted=True)))
    assert scene.desk.session is None
