"""Fetching a call back: what names it, who is asked when, and how its leases follow."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pytest
import soundfile
from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.errors import PhoneAwayError, PhoneRefusedError
from halodesk.protocol import phone_link as link
from halodesk.runtime.recordings import measured
from halodesk.runtime.rescue import CallRescue
from halodesk.runtime.threads import IoThread
from halodesk.sip.phone.dialling import replaced
from halodesk.sip.phone.invite import read_tags
from tests.fakes.ami_control import CALL, CALLER, Pbx, queue_call, scene
from tests.fakes.leases import FakeRecorder, Seat, play
from tests.fakes.order import Run

LOST = link.CallInfo(
    key="k",
    sip_call_id="old@phone",
    account="main",
    direction="in",
    state="active",
    local_tag="ours",
    remote_tag="theirs",
)


# the dialogue


def test_tags_are_read_from_both_ends() -> None:
    message = (
        "SIP/2.0 200 OK\r\n"
        'f: "Ann;tag=no" <sip:a@b;tag=no>;x=1;tag=from-1\r\n'
        "To: <sip:c@d>\r\n ;TAG = to.2;y\r\n"
        "\r\nFrom: <sip:e@f>;tag=body\r\n"
    )
    assert read_tags(message) == ("from-1", "to.2")
    assert read_tags("INVITE sip:c@d SIP/2.0\r\nFrom: sip:a@b;tag=x\r\nTo: <sip:c@d>\r\n\r\n") == ("x", "")
    assert read_tags("") == ("", "")


def test_replaces_names_the_tags_as_the_other_end_sees_them() -> None:
    assert replaced(LOST) == "old@phone;to-tag=theirs;from-tag=ours"


@pytest.mark.parametrize("field", ["sip_call_id", "local_tag", "remote_tag"])
@pytest.mark.parametrize("value", ["", "a;b", "a,b", "a b", "a\r\nX: y", "ä"])
def test_replaces_takes_nothing_that_breaks_out_of_a_header(field: str, value: str) -> None:
    assert replaced(replace(LOST, **{field: value})) == ""


# who is asked, and when


class Scene:
    """A rescue with a phone that answers by hand; what it posts runs at once."""

    def __init__(self, io: IoThread, give_up_s: float = 60.0) -> None:
        self.asked: list[link.Request] = []
        self.answers: list[Future[link.Reply]] = []
        self.lost: list[link.CallInfo] = []
        self.given_up: Future[None] = Future()
        self.rescue = CallRescue(self._send, io, lambda job: job(), self._lose, give_up_s=give_up_s)

    def _send(self, request: link.Request) -> Future[link.Reply]:
        self.asked.append(request)
        self.answers.append(Future())
        return self.answers[-1]

    def _lose(self, call: link.CallInfo) -> None:
        self.lost.append(call)
        self.rescue.settle()
        self.given_up.set_result(None)

    def registered(self, account: str = "main", state: link.RegistrationState = "registered") -> None:
        self.rescue.registered(link.Registration(account=account, state=state))


@pytest.fixture
def io() -> Iterator[IoThread]:
    thread = IoThread()
    yield thread
    thread.close()


def test_the_phone_is_asked_once_when_the_account_is_registered(io: IoThread) -> None:
    scene = Scene(io)
    assert scene.rescue.begin(LOST)
    scene.registered(state="registering")
    scene.registered(account="other")
    assert scene.asked == []
    scene.registered()
    scene.registered()
    assert scene.asked == [link.Rescue(call=LOST)]


@pytest.mark.parametrize("state", ["incoming", "early", "connecting", "ended"])
def test_only_an_answered_call_is_fetched_back(io: IoThread, state: link.CallState) -> None:
    scene = Scene(io)
    assert not scene.rescue.begin(replace(LOST, state=state))
    assert not scene.rescue.begin(replace(LOST, remote_tag=""))
    scene.registered()
    assert scene.asked == []


def test_a_phone_that_dies_while_it_fetches_leaves_it_to_the_next(io: IoThread) -> None:
    scene = Scene(io)
    scene.rescue.begin(LOST)
    scene.registered()
    scene.answers[0].set_exception(PhoneAwayError("gone"))
    assert scene.lost == []
    assert scene.rescue.begin(replace(LOST, state="connecting", local_tag=""))
    scene.registered()
    assert scene.asked == [link.Rescue(call=LOST)] * 2


def test_a_refusal_gives_the_call_up(io: IoThread) -> None:
    scene = Scene(io)
    scene.rescue.begin(LOST)
    scene.registered()
    scene.answers[0].set_exception(PhoneRefusedError("no"))
    assert scene.lost == [LOST]


def test_a_phone_that_does_not_come_gives_the_call_up(io: IoThread) -> None:
    scene = Scene(io, give_up_s=0.01)
    scene.rescue.begin(LOST)
    scene.given_up.result(10)
    assert scene.lost == [LOST]


def test_a_link_that_broke_is_no_death(io: IoThread) -> None:
    scene = Scene(io)
    scene.rescue.begin(LOST)
    assert not scene.rescue.attached(link.Snapshot(calls=(replace(LOST, sip_call_id="another"),)))
    assert scene.rescue.attached(link.Snapshot(calls=(LOST,)))
    scene.registered()
    assert scene.asked == []


# the session


def test_a_rescued_call_belongs_to_its_session_with_all_its_recordings() -> None:
    run = Run().to_payment()
    run.do(c.RescueCall(sip_call_id="new@phone"))
    run.do(c.RescueCall(sip_call_id="new@phone"))
    for path in ("one.flac", "two.flac"):
        run.do(c.KeepRecording(path=path, sha256="", sample_rate=16000, samples=320, windows=()))
    assert sum(isinstance(event, e.CallRescued) for event in run.events) == 1
    assert run.state.call.sip_call_id == "new@phone"
    assert run.state.recordings == ("one.flac", "two.flac")
    assert run.state.status == "running"


def test_a_torn_recording_ends_where_its_file_ends(tmp_path: Path) -> None:
    path = tmp_path / "torn.flac"
    soundfile.write(path, np.zeros((1000, 2)), 16000, subtype="PCM_16")
    windows = tuple(
        link.MaskWindow(from_sample=begin, to_sample=end)
        for begin, end in ((100, 200), (800, None), (1200, 1300))
    )
    told = link.Recording(path=str(path), sample_rate=16000, samples=1300, windows=windows)
    found = measured(told)
    assert found.samples == 1000
    assert [(w.from_sample, w.to_sample) for w in found.windows] == [(100, 200), (800, 1000)]
    assert measured(replace(told, path=str(tmp_path / "none.flac"))).samples == 0


# the leases


def test_leases_follow_the_call_and_nothing_is_unmasked() -> None:
    async def play_it(seat: Seat) -> None:
        phone, pbx = FakeRecorder("phone"), FakeRecorder("PBX")
        seat.hold("pay.1", "old", [phone, pbx])
        await seat.run(0.1)
        assert seat.phases()[-1] == "held"
        seat.leases.call_moved("old", "new")
        assert seat.phases()[-1] == "wanted", "proved again before it counts"
        await seat.run(0.1)
        assert seat.phases()[-1] == "held"
        seat.leases.recorder_changed("PBX", "old", pbx.answer("failed"))
        assert seat.phases()[-1] == "held", "the old call is nobody's"
        for recorder in (phone, pbx):
            assert [(what, call) for what, call, _ in recorder.asked] == [
                ("mask", "old"),
                ("moved", "old"),
                ("mask", "new"),
            ]
            assert {lease for what, _, lease in recorder.asked if what == "mask"} == {"pay.1"}
        seat.leases.release("pay.1")
        await seat.run(0.1)
        assert seat.phases()[-1] == "open"
        assert phone.asked[-1] == ("unmask", "new", "pay.1")

    play(play_it)


def test_a_lease_being_given_back_is_given_back_where_the_call_went() -> None:
    async def play_it(seat: Seat) -> None:
        phone = FakeRecorder("phone")
        seat.hold("pay.1", "old", [phone])
        await seat.run(0.1)
        phone.verdict = "failed"
        seat.leases.release("pay.1")
        await seat.run(0.1)
        assert seat.phases()[-1] == "releasing"
        seat.leases.call_moved("old", "new")
        phone.verdict = "confirmed"
        await seat.run(0.1)
        assert seat.phases()[-1] == "open"
        assert [what for what, call, _ in phone.asked if call == "new"] == ["unmask"]

    play(play_it)


def test_a_move_of_an_unknown_call_changes_nothing() -> None:
    async def play_it(seat: Seat) -> None:
        phone = FakeRecorder("phone")
        seat.hold("pay.1", "old", [phone])
        seat.leases.call_moved("another", "new")
        await seat.run(0.1)
        assert seat.phases()[-1] == "held"
        assert [call for _, call, _ in phone.asked] == ["old"]

    play(play_it)


def test_the_pbx_keeps_the_callers_recording_masked_and_lets_it_go_under_the_new_call_id() -> None:
    async def play_it(pbx: Pbx) -> None:
        queue_call(pbx.server)
        await pbx.settle()
        assert (await pbx.mask()).verdict == "confirmed"
        pbx.server.call("PJSIP/1001-00000003", sip_call_id="new@seat", linked_to=CALLER)
        pbx.control.moved(CALL, "new@seat")
        assert (await pbx.mask("new@seat")).verdict == "confirmed"
        late = await pbx.mask(CALL)
        assert late.verdict == "failed"
        assert (await pbx.unmask("new@seat")).verdict == "confirmed"
        assert pbx.server.channels[CALLER].monitors == [False]

    scene(play_it)
