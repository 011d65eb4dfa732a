"""The small parts of the phone process: headers, words, delays, sources, board, log."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pjsua2 as pj
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from halodesk.protocol.phone_link import (
    CallChanged,
    CallInfo,
    Fault,
    MaskState,
    Notice,
    Registration,
    RegistrationChanged,
    Snapshot,
)
from halodesk.sip.phone.account import PENDING_S, RETRY_MOST_S, patience_s, retry_after_s
from halodesk.sip.phone.audio import bridge
from halodesk.sip.phone.board import Board
from halodesk.sip.phone.endpoint import EndpointSettings, Guard, SipThread
from halodesk.sip.phone.invite import (
    Party,
    clean,
    host_of,
    is_taken_elsewhere,
    read_invite,
    read_party,
    read_why,
)
from halodesk.sip.phone.log import make_log
from halodesk.sip.phone.masks import Masks
from halodesk.sip.phone.reasons import call_words, ended_words, registration_words

INVITE = """INVITE sip:1001@10.0.0.5:5060;ob SIP/2.0
v: SIP/2.0/UDP 10.0.0.1:5060;branch=z9hG4bK1
f: "Ann \\"the\\" Lee" <sip:%2B4930123@pbx.example;user=phone>;tag=1
To: <sip:8005550100@pbx.example>
i: abc
X-Session-Token: s-1
X-session-token: s-2
Diversion: <sip:700@pbx.example>
 ;reason=no-answer
P-Asserted-Identity: "Ann" <tel:+4930123>
Authorization: Digest username="u"
Subject: private

v=0
X-In-The-Body: no
""".replace("\n", "\r\n")


def test_an_invite_is_read_with_its_allowed_headers_only() -> None:
    invite = read_invite(INVITE)
    assert invite.remote == Party(
        uri="sip:%2B4930123@pbx.example;user=phone", user="+4930123", name='Ann "the" Lee'
    )
    assert invite.called == "8005550100"
    assert invite.headers == {
        "X-Session-Token": "s-1, s-2",
        "Diversion": "<sip:700@pbx.example> ;reason=no-answer",
        "P-Asserted-Identity": '"Ann" <tel:+4930123>',
    }


def test_where_to_names_nobody_the_request_does() -> None:
    assert read_invite("INVITE sip:500@h SIP/2.0\r\nTo: <sip:h>\r\n\r\n").called == "500"


@pytest.mark.parametrize(
    ("text", "party"),
    [
        ("sip:bob@h;tag=1", Party(uri="sip:bob@h", user="bob")),
        ("Bob Ray <sips:bob@h>", Party(uri="sips:bob@h", user="bob", name="Bob Ray")),
        ("<sip:h>", Party(uri="sip:h")),
        ("<tel:+123;phone-context=x>", Party(uri="tel:+123;phone-context=x", user="+123")),
        ("anonymous", Party(uri="anonymous")),
        ("", Party()),
    ],
)
def test_parties(text: str, party: Party) -> None:
    assert read_party(text) == party


@given(st.binary(max_size=400))
def test_no_message_breaks_the_reader_or_the_link(raw: bytes) -> None:
    message = "INVITE x SIP/2.0\r\nFrom: " + raw.decode("utf-8", "surrogateescape")
    invite = read_invite(message)
    json.dumps([invite.remote.name, invite.headers], ensure_ascii=False).encode()


def test_text_that_is_no_utf8_is_cleaned() -> None:
    assert clean(b"M\xfcller".decode("utf-8", "surrogateescape")) == "M\N{REPLACEMENT CHARACTER}ller"
    assert clean("Müller") == "Müller"


@pytest.mark.parametrize(
    ("address", "host"),
    [("10.0.0.1:5060", "10.0.0.1"), ("[::1]:5060", "::1"), ("10.0.0.1", "10.0.0.1"), ("", "")],
)
def test_the_host_of_an_address(address: str, host: str) -> None:
    assert host_of(address) == host


def test_refusals_in_words() -> None:
    assert call_words(486, "Busy Here") == "The line is busy."
    assert call_words(499, "Odd") == "The call was refused: Odd (499)."
    assert call_words(499, "") == "The call was refused: no reason given (499)."
    assert call_words(599, "Odd", "No trunk") == "The PBX could not make the call: No trunk (599)."
    assert call_words(486, "Busy Here", "User busy") == "The line is busy: User busy."


def test_every_status_of_the_standard_has_words_of_its_own() -> None:
    """RFC 3261, 21 and those of later RFCs that answer an INVITE."""
    codes = [*range(400, 409), 410, 413, 414, 415, 416, 420, 421, 423, *range(480, 489), 491, 493]
    codes += [301, 302, 305, 380, 422, 428, 433, 436, 437, 438, 470, 489, 494, *range(500, 506), 513, 580]
    codes += [600, 603, 604, 606, 607, 608]
    words = [call_words(code, "phrase") for code in codes]
    assert not [told for told in words if "phrase" in told or "(" in told]
    assert all(told.endswith(".") for told in words)


def test_what_a_refusal_says_of_itself() -> None:
    message = (
        'SIP/2.0 503 Service Unavailable\r\nReason: Q.850;cause=34;text="No circuit"\r\n'
        'Warning: 399 pbx "Trunk \\"A\\" is full"\r\nreason: SIP;cause=1;text="No circuit"\r\n\r\n'
        'Reason: SIP;text="body"'
    )
    assert read_why(message) == 'No circuit; Trunk "A" is full'
    assert read_why("SIP/2.0 486 Busy\r\nReason: Q.850;cause=17\r\n\r\n") == ""
    assert len(read_why('SIP/2.0 500 X\nWarning: 399 a "' + "y" * 3000 + '"\n\n')) <= 120


@pytest.mark.parametrize(
    ("header", "elsewhere"),
    [
        ('Reason: SIP;cause=200;text="Call completed elsewhere"', True),
        ("reason : Q.850 ; cause=26", True),
        ('Reason: Q.850;cause=16;text="x", SIP ;text="y" ;cause=200', True),
        ('Reason: Q.850;cause=16;text="a",\r\n SIP;cause=200', True),
        ("Reason: SIP;cause=2000", False),
        ("Reason: SIP;cause=487", False),
        ("Reason: Q.850;cause=200", False),
        ('Reason: Q.850;cause=16;text="SIP;cause=200"', False),
        ('Reason: Q.850;cause=16;text="a, SIP;cause=200"', False),
        ("X-Reason: SIP;cause=200", False),
    ],
)
def test_what_a_cancel_says_of_another_phone(header: str, elsewhere: bool) -> None:
    message = f"CANCEL sip:1@2 SIP/2.0\r\n{header}\r\n\r\nReason: SIP;cause=200"
    assert is_taken_elsewhere(message) is elsewhere


def test_ends_in_words() -> None:
    def words(by_us: bool, answered: bool, incoming: bool, code: int) -> str:
        return ended_words(by_us=by_us, answered=answered, incoming=incoming, code=code, phrase="")

    assert words(True, True, False, 200) == "Ended here."
    assert words(False, True, True, 200) == "Ended by the other side."
    assert words(False, True, True, 408) == "The connection to the other side was lost."
    assert words(True, False, True, 603) == "Refused here."
    assert words(False, False, True, 487) == "The caller hung up before an answer."
    taken = ended_words(by_us=False, answered=False, incoming=True, code=487, phrase="", elsewhere=True)
    assert taken == "Somebody else took the call."
    assert words(True, False, False, 487) == "Given up here."
    assert words(False, False, False, 404) == "This number does not exist."


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (401, "wrong password"),
        (403, "wrong password"),
        (404, "unknown user"),
        (408, "server away"),
        (503, "server away"),
        (171060, "server away"),
        (488, "the PBX refuses the registration (488)"),
    ],
)
def test_registration_failures_in_words(code: int, message: str) -> None:
    told, todo = registration_words(code, "1001")
    assert told == message
    assert todo


def test_a_connection_that_swallows_while_the_pbx_starts_is_given_up_sooner() -> None:
    assert [patience_s("tls", 1, swallowed) for swallowed in range(4)] == [1.5, 3.0, 4.0, 4.0]
    assert patience_s("tls", 0, 0) == PENDING_S, "a first registration has its time"
    assert patience_s("udp", 3, 0) == PENDING_S, "pjsip sends it again by itself"
    assert patience_s("tcp", 9, 10_000) == PENDING_S


def test_the_next_try_comes_later_each_time_with_full_jitter() -> None:
    later = [retry_after_s(failures, 1.0, 100.0) for failures in range(1, 8)]
    assert later == [1, 2, 4, 8, 16, 32, 60]
    assert retry_after_s(10_000, 1.0, 100.0) == RETRY_MOST_S
    assert retry_after_s(5, 0.5, 100.0) == 8
    assert retry_after_s(5, 0.0, 100.0) == 0.2


def test_a_pbx_that_may_be_restarting_is_asked_often() -> None:
    assert [retry_after_s(failures, 1.0, 30.0) for failures in range(1, 6)] == [1, 2, 3, 3, 3]
    assert retry_after_s(20, 0.5, 59.0) == 1.5


def test_silence_and_loop() -> None:
    assert bridge.Silence().read(3) == bytes(6)
    loop = bridge.Loop(b"abcdef")
    assert loop.read(2) == b"abcd"
    assert loop.read(5) == b"efabcdefab"
    assert bridge.Loop(b"").read(3) == bytes(6)


def test_sound_files_of_any_shape_become_mono_at_16_khz(tmp_path: Path) -> None:
    sound = np.zeros((8_000, 2))
    sound[:, 0] = 0.5
    soundfile.write(tmp_path / "stereo.wav", sound, 8_000)
    samples = np.frombuffer(bridge.load_sound(tmp_path / "stereo.wav"), dtype="<i2")
    assert len(samples) == 16_000
    assert set(samples) <= {8190, 8191, 8192}


@pytest.mark.parametrize("way", ["fast", "slow"])
def test_both_ways_move_a_frame(way: str) -> None:
    sample = bytes(range(256)) + bytes(range(128))
    frame = pj.MediaFrame()
    read = bridge._fast_read if way == "fast" else bridge._slow_read
    write = bridge._fast_write if way == "fast" else bridge._slow_write
    write(frame, sample)
    assert bytes(frame.buf) == sample
    assert read(frame.buf, len(sample)) == sample
    assert read(frame.buf, 0) == b""
    assert bridge.pointers_work()


def call(state: str = "active", key: str = "c") -> CallChanged:
    return CallChanged(
        call=CallInfo(key=key, sip_call_id="i", account="a", direction="in", state=state)  # type: ignore[arg-type]
    )


def test_the_board_gives_the_state_and_then_every_notice() -> None:
    masks = Masks()
    board = Board(masks)
    registration = Registration(account="a", state="registered")
    board.publish(RegistrationChanged(registration=registration))
    board.publish(call())
    masks.mask("card")
    snapshots: list[Snapshot] = []
    told: list[Notice] = []
    assert not Board(masks).attended
    board.attach(told.append, snapshots.append)
    assert board.attended
    assert snapshots == [Snapshot(registrations=(registration,), calls=(call().call,), leases=("card",))]
    later: list[Notice] = [call("ended"), Fault(code="x", message="m"), MaskState(masked=False, leases=())]
    for notice in later:
        board.publish(notice)
    assert told == later


def test_a_call_that_ended_unseen_is_shown_once() -> None:
    board = Board(Masks())
    board.publish(call())
    board.publish(call("ended"))
    snapshots: list[Snapshot] = []
    told: list[Notice] = []
    board.attach(told.append, snapshots.append)
    board.publish(call("ended", "seen"))
    board.detach(told.append)
    board.attach(told.append, snapshots.append)
    assert [snapshot.calls for snapshot in snapshots] == [(call("ended").call,), ()]


def test_a_notice_spares_who_caused_it_and_an_account_can_go() -> None:
    board = Board(Masks())
    first: list[Notice] = []
    second: list[Notice] = []
    hear_first, hear_second = first.append, second.append
    snapshots: list[Snapshot] = []
    board.attach(hear_first, snapshots.append)
    board.attach(hear_second, snapshots.append)
    board.publish(RegistrationChanged(registration=Registration(account="a", state="failed")), but=hear_first)
    assert (len(first), len(second)) == (0, 1)
    board.forget_account("a")
    board.attach(hear_first, snapshots.append)
    assert snapshots[-1].registrations == ()


def test_the_log_writes_only_what_is_allowed() -> None:
    text = io.StringIO()
    make_log(text).info("registration", account="1001", password="secret", header="x")
    line = json.loads(text.getvalue())
    assert (line["event"], line["account"], line["level"]) == ("registration", "1001", "info")
    assert "secret" not in text.getvalue()
    assert "header" not in line


def test_a_guard_keeps_exceptions_in_and_logs_their_text() -> None:
    text = io.StringIO()

    def fail() -> None:
        raise ValueError("made up")

    with Guard(make_log(text), "job"):
        fail()
    assert json.loads(text.getvalue())["error"] == "ValueError: made up"


def test_other_threads_are_kept_from_pj_objects() -> None:
    sip = SipThread(EndpointSettings(), make_log(io.StringIO()))
    with pytest.raises(RuntimeError, match="SIP thread"):
        sip.assert_here()
    with pytest.raises(RuntimeError, match="SIP thread"):
        sip.call_later(1, print)
    sip._waker.close()
