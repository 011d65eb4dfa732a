"""Calls through a real PBX: registration, the queue, sound, masks, refusals."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import HangUp, Mask, MaskState, Register, Unmask, Unregister
from halodesk.runtime.call_history import is_missed
from halodesk.sip.phone.recorder import GUARD_S
from tests.lab.pbx import Pbx
from tests.lab.phones import FRAME, RATE, Seat, read_stereo, tone_levels

pytestmark = [pytest.mark.lab]

TONE_DB = -12.0
"""0.25 of full scale, which the caller hums."""


@pytest.fixture(autouse=True)
def _fresh(agent: Seat, caller: Seat) -> Iterator[None]:
    agent.forget()
    caller.forget()
    yield
    assert not agent.client.snapshot.calls
    assert not caller.client.snapshot.calls
    assert agent.client.snapshot.leases == ()


def wait_seconds_of_sound(seconds: float) -> None:
    """Calls run in real time: there is no event for "a second has been spoken"."""
    time.sleep(seconds)


def test_registers_with_digest(agent: Seat, pbx: Pbx) -> None:
    (registration,) = agent.client.snapshot.registrations
    assert (registration.account, registration.state, registration.code) == ("1001", "registered", 200)
    assert f"1001@127.0.0.1:{agent.port()}" in pbx.cli("pjsip show contacts")


def test_a_call_another_phone_took_says_so_and_one_the_caller_gave_up_does_not(
    agent: Seat, caller: Seat, pbx: Pbx, seats: Callable[..., Seat]
) -> None:
    other = seats("other")
    other.register(pbx, "1004")
    caller.dial("652", key="group", account="1002")
    agent.call("incoming")
    other.answer()
    ended = agent.call("ended")
    assert (ended.taken_elsewhere, ended.reason) == (True, "Somebody else took the call.")
    assert not is_missed(ended)
    caller.hang_up("group")
    agent.forget()
    caller.dial("1001", key="gone", account="1002")
    agent.call("incoming")
    caller.hang_up("gone")
    ended = agent.call("ended")
    assert (ended.taken_elsewhere, ended.reason) == (False, "The caller hung up before an answer.")
    assert is_missed(ended)


def test_a_wrong_password_is_told_in_words(agent: Seat, pbx: Pbx) -> None:
    begin = time.monotonic()
    agent.ask(Register(account=pbx.account("1003", password="wrong")))
    failed = agent.registration("1003", "failed", timeout_s=4)
    assert time.monotonic() - begin < 4
    assert failed.message == "wrong password"
    assert failed.code in (401, 403)
    assert "1003" in failed.todo
    assert failed.next_try_s is None
    agent.ask(Unregister(account="1003"))


def test_capabilities_are_those_of_the_wheel(agent: Seat) -> None:
    capabilities = agent.client.capabilities
    assert capabilities.version.startswith("2.")
    assert capabilities.max_calls == 4
    assert any(codec.startswith("PCMA/8000") for codec in capabilities.codecs)


def test_a_queue_call_is_answered_recorded_and_masked(agent: Seat, caller: Seat) -> None:
    caller.dial("700", key="queue", account="1002")
    call = agent.answer()
    assert call.direction == "in"
    assert call.remote_number == "1002"
    assert call.remote_name == "Agent 1002"
    assert call.called == "1001"
    assert call.codec in ("PCMA/8000", "PCMU/8000")
    assert call.setup_ms is not None
    assert call.setup_ms < 5000
    assert "P-Asserted-Identity" in call.headers
    wait_seconds_of_sound(1.5)
    masked = agent.ask(Mask(lease="card"))
    wait_seconds_of_sound(1.0)
    unmasked = agent.ask(Unmask(lease="card"))
    wait_seconds_of_sound(1.5)
    ended = agent.hang_up(call.key)
    caller.call("ended", "queue")

    assert isinstance(masked, MaskState)
    assert isinstance(unmasked, MaskState)
    assert ended.reason == "Ended here."
    assert ended.recording is not None
    (window,) = ended.recording.windows
    assert window.leases == ("card",)
    assert masked.positions == {call.key: window.from_sample}
    assert unmasked.positions == {call.key: window.to_sample}
    assert ended.recording.lost_frames == 0

    sound = read_stereo(ended)
    assert ended.ended_at is not None
    assert ended.answered_at is not None
    assert abs(len(sound) / RATE - (ended.ended_at - ended.answered_at)) <= 3 * FRAME / RATE
    assert window.to_sample is not None
    assert not sound[window.from_sample : window.to_sample].any()
    assert not sound[:, 0].any(), "the agent has a silent microphone"
    levels = tone_levels(sound[:, 1])
    first, last = window.from_sample // FRAME, window.to_sample // FRAME
    begun = 25  # the jitter buffer fills, and music on hold fades at the PBX
    for stretch in (levels[begun:first], levels[last + 1 : -1]):
        # A busy test machine may cost a frame here and there; the tone must be there all the same.
        assert np.quantile(np.abs(stretch - TONE_DB), 0.95) < 3


def test_the_caller_hangs_up(agent: Seat, caller: Seat) -> None:
    caller.dial("700", key="short", account="1002")
    call = agent.answer()
    assert caller.hang_up("short").reason == "Ended here."
    ended = agent.call("ended", call.key)
    assert ended.reason == "Ended by the other side."
    assert ended.sip_call_id == call.sip_call_id != ""


def test_a_caller_who_gives_up_before_an_answer(agent: Seat, caller: Seat) -> None:
    caller.dial("1001", key="early", account="1002")
    key = agent.call("incoming").key
    assert caller.call("early", "early").answered_at is None
    assert caller.hang_up("early").reason == "Given up here."
    ended = agent.call("ended", key)
    assert ended.reason == "The caller hung up before an answer."
    assert ended.recording is None
    with pytest.raises(PhoneRefusedError, match="over"):
        agent.ask(HangUp(call=key))


def test_declining_a_call(agent: Seat, caller: Seat) -> None:
    caller.dial("1001", key="declined", account="1002")
    key = agent.call("incoming").key
    agent.ask(HangUp(call=key, code=486))
    assert agent.call("ended", key).reason == "Refused here."
    ended = caller.call("ended", "declined")
    assert (ended.code, ended.reason) == (486, "The line is busy.")


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        ("404", 404, "This number does not exist."),
        ("486", 486, "The line is busy."),
        ("503", 503, "The PBX has no line free at present."),
    ],
)
def test_refusals_in_words(caller: Seat, number: str, code: int, words: str) -> None:
    caller.dial(number, key=f"refused-{number}", account="1002")
    ended = caller.call("ended", f"refused-{number}")
    assert (ended.code, ended.reason, ended.answered_at) == (code, words, None)


def test_dialling_what_is_no_number_is_refused_at_once(caller: Seat) -> None:
    for to in ("", "12\r\nX: y", "sip:a@b>;evil"):
        with pytest.raises(PhoneRefusedError, match="neither a number nor"):
            caller.dial(to, key="bad", account="1002")
    with pytest.raises(PhoneRefusedError, match="header"):
        caller.dial("601", key="bad", account="1002", Via="x")
    with pytest.raises(PhoneRefusedError, match="no account"):
        caller.dial("601", key="bad", account="nobody")


def test_an_outgoing_call_hears_and_records_the_far_end(agent: Seat) -> None:
    agent.dial(" 6-0 1", key="out", account="1001", **{"X-Session": "s-1"})
    call = agent.call("active", "out")
    assert (call.direction, call.remote_number, call.account) == ("out", "601", "1001")
    wait_seconds_of_sound(1.0)
    sound = read_stereo(agent.hang_up("out"))
    levels = tone_levels(sound[:, 1], 1004.0)
    assert np.quantile(levels[15:-1], 0.05) > -20, "the PBX plays 1004 Hz"
    assert not sound[:, 0].any()


def test_a_call_in_a_recorded_queue_is_recorded_by_the_pbx(agent: Seat, caller: Seat, pbx: Pbx) -> None:
    before = set(pbx.recordings.glob("rec-*.wav"))
    caller.dial("7700", key="recorded", account="1002")
    call = agent.answer()
    wait_seconds_of_sound(0.6)
    agent.hang_up(call.key)
    caller.call("ended", "recorded")
    (path,) = set(pbx.recordings.glob("rec-*.wav")) - before
    for _ in range(50):  # MixMonitor closes its file a moment after the call
        if soundfile.info(path).frames:
            break
        time.sleep(0.1)
    assert soundfile.info(path).duration > 0.4


def test_the_guard_time_covers_the_way_of_the_sound(
    pbx: Pbx, seats: Callable[..., Seat], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What we say comes back from the PBX's echo through our jitter buffer: the file itself
    tells how long sound may be on its way when a mask is lifted."""
    clicks = np.zeros(RATE)
    clicks[: RATE // 20] = 0.5 * np.sin(2 * np.pi * 800 * np.arange(RATE // 20) / RATE)
    soundfile.write(tmp_path / "clicks.wav", clicks, RATE, subtype="PCM_16")
    seat = seats("echo", "--microphone", str(tmp_path / "clicks.wav"))
    seat.register(pbx, "1006")
    seat.dial("600", key="echo", account="1006")
    seat.call("active", "echo")
    wait_seconds_of_sound(2.2)
    sound = read_stereo(seat.hang_up("echo"))
    said, heard = (np.abs(sound[RATE : 2 * RATE, channel]) for channel in (0, 1))
    delay = int(np.argmax(np.correlate(heard, said, "full"))) - (RATE - 1)
    with capsys.disabled():
        print(f" [there and back: {1000 * delay / RATE:.0f} ms]")
    assert 0 < delay / RATE < GUARD_S


def test_masking_takes_far_less_than_a_frame(agent: Seat, capsys: pytest.CaptureFixture[str]) -> None:
    async def measure() -> list[float]:
        taken = []
        for number in range(200):
            begin = time.perf_counter()
            await agent.client.request(Mask(lease=f"lease-{number % 2}"))
            taken.append(time.perf_counter() - begin)
            await agent.client.request(Unmask(lease=f"lease-{number % 2}"))
        return taken

    taken = agent.run(measure())
    middle = statistics.median(taken)
    with capsys.disabled():
        print(f" [mask to MaskState: p50 {middle * 1e6:.0f} us, p99 {sorted(taken)[197] * 1e6:.0f} us]")
    assert middle < 0.010
