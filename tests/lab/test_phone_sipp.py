"""What other sides do to a call, played by sipp: sent on, refused, held, changed, taken back, forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import (
    Account,
    AnswerCall,
    CallChanged,
    CallInfo,
    Dial,
    HangUp,
    Notice,
    Register,
    Unregister,
)
from halodesk.sip.phone.vigil import SILENT_S
from tests.lab.pbx import HOST
from tests.lab.phones import Seat, read_stereo, talk
from tests.lab.sipp import (
    Sipp,
    acknowledge,
    answered,
    ask,
    expect,
    pause,
    reply,
    reply_within,
    sdp,
)

pytestmark = [pytest.mark.lab]

DIRECT = Account(key="direct", uri=f"sip:1001@{HOST}", allowed_peers=(HOST,), auto_answer=True)


@pytest.fixture(scope="module")
def phone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seat]:
    """A phone without a PBX: calls to and from sipp itself."""
    seat = Seat(tmp_path_factory.mktemp("phone") / "data", "--trace")
    seat.ask(Register(account=DIRECT))
    yield seat
    errors = [line for line in seat.log() if line["level"] == "error"]
    seat.quit()
    assert not errors


@pytest.fixture(autouse=True)
def forget(phone: Seat) -> Iterator[None]:
    phone.forget()
    yield
    for call in phone.client.snapshot.calls:
        if call.state != "ended":
            phone.hang_up(call.key)


def call_told(seat: Seat, what: str, found: Callable[[CallInfo], bool]) -> CallInfo:
    """Waits until a call is as wanted."""

    def match(notice: Notice) -> CallInfo | None:
        match notice:
            case CallChanged(call=call) if found(call):
                return call
        return None

    return seat.wait(what, match)


def dial(phone: Seat, sipp: Sipp, key: str, user: str = "700") -> None:
    phone.dial(f"sip:{user}@{HOST}:{sipp.port}", key=key, account="direct")


ANSWER = (reply("200 OK", body=sdp()), expect("ACK"))
ENDED_BY_PHONE = (expect("BYE"), reply_within("200 OK"))


def test_a_call_that_is_sent_on_within_the_pbx_follows(phone: Seat, tmp_path: Path) -> None:
    moved = reply("302 Moved Temporarily", f"Contact: <sip:701@{HOST}:[local_port]>").replace(
        "Contact: <sip:sipp@[local_ip]:[local_port]>\n", ""
    )
    scene = (expect("INVITE"), moved, expect("ACK"), expect("INVITE"), *ANSWER, *ENDED_BY_PHONE)
    with Sipp(tmp_path, *scene) as sipp:
        dial(phone, sipp, "followed")
        call = phone.call("active", "followed")
        assert call.sent_on_to.startswith(f"sip:701@{HOST}")
        phone.hang_up("followed")
        sipp.wait()


@pytest.mark.parametrize(
    ("contact", "words"),
    [
        ("sip:900@203.0.113.9", "The call is sent on to 900, outside of the PBX: that is not followed."),
        ("tel:+19005550100", "The number is diverted."),
    ],
    ids=["elsewhere", "no address"],
)
def test_a_call_that_is_sent_out_of_the_pbx_ends_in_words(
    phone: Seat, tmp_path: Path, contact: str, words: str
) -> None:
    moved = reply("302 Moved Temporarily", f"Contact: <{contact}>").replace(
        "Contact: <sip:sipp@[local_ip]:[local_port]>\n", ""
    )
    with Sipp(tmp_path, expect("INVITE"), moved, expect("ACK")) as sipp:
        dial(phone, sipp, "sent")
        assert words in phone.call("ended", "sent").reason
        sipp.wait()


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        (
            ("710", "711", "712", "713", "714", "715"),
            "The PBX sends this call on again and again, last to 715.",
        ),
        (("700", "700"), "The call runs in a loop: a diversion leads back to itself."),
        (("701", "700", "701"), "The call runs in a loop: a diversion leads back to itself."),
    ],
)
def test_a_call_that_is_sent_on_for_ever_ends(
    phone: Seat, tmp_path: Path, numbers: tuple[str, ...], words: str
) -> None:
    scene = []
    for number in numbers:
        moved = reply("302 Moved Temporarily", f"Contact: <sip:{number}@{HOST}:[local_port]>").replace(
            "Contact: <sip:sipp@[local_ip]:[local_port]>\n", ""
        )
        scene += [expect("INVITE"), moved, expect("ACK")]
    with Sipp(tmp_path, *scene) as sipp:
        dial(phone, sipp, "round")
        ended = phone.call("ended", "round")
        assert ended.reason == words
        sipp.wait()


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        ("486 Busy Here", (), "The line is busy."),
        ("503 Service Unavailable", ('Reason: Q.850;cause=34;text="No circuit"',), "at present: No circuit."),
        ("488 Not Acceptable Here", ('Warning: 304 pbx "Media type not available"',), "Media type not avail"),
        ("599 <b>Odd</b>", (), "The PBX could not make the call: <b>Odd</b> (599)."),
        ("608 Rejected", (), "blocked"),
        ("482 Loop Detected", (), "runs in a loop"),
    ],
)
def test_refusals_are_told_in_words(
    phone: Seat, tmp_path: Path, status: str, headers: tuple[str, ...], reason: str
) -> None:
    with Sipp(tmp_path, expect("INVITE"), reply(status, *headers), expect("ACK")) as sipp:
        dial(phone, sipp, "refused")
        ended = phone.call("ended", "refused")
        assert reason in ended.reason
        assert ended.code == int(status[:3])
        sipp.wait()


def test_early_media_is_connected_before_the_answer_and_not_recorded(phone: Seat, tmp_path: Path) -> None:
    early = reply("183 Session Progress", body=sdp())
    refused = reply("404 Not Found", 'Reason: Q.850;cause=1;text="Unallocated number"')
    with Sipp(tmp_path, expect("INVITE"), early, pause(700), refused, expect("ACK")) as sipp:
        dial(phone, sipp, "early")
        call = call_told(phone, "early media", lambda call: call.state == "early" and call.codec != "")
        assert call.codec == "PCMA/8000"
        ended = phone.call("ended", "early")
        assert ended.recording is None
        assert ended.reason == "This number does not exist: Unallocated number."
        sipp.wait()


def test_giving_up_before_an_answer_cancels(phone: Seat, tmp_path: Path) -> None:
    scene = (
        expect("INVITE"),
        reply("180 Ringing"),
        expect("CANCEL"),
        reply_within("200 OK"),
        reply("487 Request Terminated").replace("[last_CSeq:]", "CSeq: [last_cseq_number] INVITE"),
        expect("ACK"),
    )
    with Sipp(tmp_path, *scene) as sipp:
        dial(phone, sipp, "given-up")
        phone.call("early", "given-up")
        assert phone.hang_up("given-up").reason == "Given up here."
        sipp.wait()


INVITED = (
    ask("INVITE", body=sdp()),
    answered(100, optional=True),
    answered(180),
    answered(200),
    acknowledge(),
)
END = (ask("BYE", number=9, within=True), answered(200))


@pytest.mark.parametrize(
    ("header", "reason", "elsewhere"),
    [
        ("X-None: 1", "The caller hung up before an answer.", False),
        ('Reason: SIP;cause=200;text="Call completed elsewhere"', "Somebody else took the call.", True),
    ],
)
def test_a_caller_who_cancels(phone: Seat, tmp_path: Path, header: str, reason: str, elsewhere: bool) -> None:
    cancel = ask("CANCEL", header).replace("[branch]", "[branch-3]")
    scene = (
        ask("INVITE", body=sdp()),
        answered(100, optional=True),
        answered(180),
        cancel,
        answered(200),
        answered(487),
        acknowledge(back=6),
    )
    with Sipp(tmp_path, *scene, to=f"{HOST}:{phone.port()}") as sipp:
        ended = phone.call("ended")
        assert (ended.reason, ended.taken_elsewhere) == (reason, elsewhere)
        sipp.wait()


def test_the_other_side_holds_changes_the_codec_and_takes_us_back(phone: Seat, tmp_path: Path) -> None:
    def again(number: int, offer: str) -> tuple[str, ...]:
        invite = ask("INVITE", body=offer, number=number, within=True)
        trying = answered(100, optional=True)
        return (invite, trying, answered(200), acknowledge(number=number), pause(400))

    scene = (
        *INVITED,
        pause(300),
        *again(2, sdp(direction="sendonly", version=2)),
        *again(3, sdp("PCMU/8000", version=3)),
        *again(4, sdp("PCMU/8000", direction="inactive", version=4)),
        *again(5, sdp(version=5)),
        *END,
    )
    with Sipp(tmp_path, *scene, to=f"{HOST}:{phone.port()}") as sipp:
        call = phone.answer()
        assert (call.codec, call.held_by_other) == ("PCMA/8000", False)
        call_told(phone, "hold by the other side", lambda told: told.held_by_other)
        changed = call_told(phone, "other codec", lambda told: told.codec == "PCMU/8000")
        assert not changed.held_by_other
        back = call_told(
            phone, "first codec again", lambda told: told.codec == "PCMA/8000" and told.keys_heard == ""
        )
        assert back.hold == "off"
        ended = phone.call("ended", call.key)
        assert ended.reason == "Ended by the other side."
        assert ended.answered_at is not None
        assert ended.ended_at is not None
        lasted = ended.ended_at - ended.answered_at
        assert abs(len(read_stereo(ended)) / 16_000 - lasted) < 0.25, "the timeline never stopped"
        sipp.wait()


def test_keys_in_info_requests_are_told(phone: Seat, tmp_path: Path) -> None:
    def key(number: int, digit: str) -> tuple[str, ...]:
        body = f"Signal={digit}\nDuration=160"
        kind = "Content-Type: application/dtmf-relay"
        return (ask("INFO", kind, body=body, number=number, within=True), answered(200))

    scene = (*INVITED, *key(2, "4"), *key(3, "2"), *key(4, "#"), *END)
    with Sipp(tmp_path, *scene, to=f"{HOST}:{phone.port()}") as sipp:
        call = phone.answer()
        told = call_told(phone, "three keys", lambda call: call.keys_heard == "42#")
        assert told.keys_by == "info"
        phone.call("ended", call.key)
        sipp.wait()
    assert "42#" not in (phone.data_dir / "logs" / "phone.log").read_text(encoding="utf-8")


def test_session_timers_are_agreed_on_and_raised_where_the_other_side_wants(
    phone: Seat, tmp_path: Path
) -> None:
    """RFC 4028, 6: after 422 the INVITE comes again with its interval."""
    too_small = reply("422 Session Interval Too Small", "Min-SE: 2500")
    check = expect("INVITE").replace(
        "/>",
        '><action><ereg regexp="Session-Expires: *2500" search_in="msg" check_it="true" assign_to="1"/>'
        "</action></recv>",
    )
    agreed = reply("200 OK", "Session-Expires: 2500;refresher=uas", "Require: timer", body=sdp())
    scene = (expect("INVITE"), too_small, expect("ACK"), check, agreed, expect("ACK"), *ENDED_BY_PHONE)
    whole = (*scene, '<Reference variables="1"/>')
    with Sipp(tmp_path, *whole) as sipp:
        dial(phone, sipp, "timed")
        phone.call("active", "timed")
        talk(0.2)
        phone.hang_up("timed")
        sipp.wait()


def test_absurd_headers_and_markup_in_the_name_are_only_text(phone: Seat, tmp_path: Path) -> None:
    headers = (
        "X-Customer: <script>alert(1)</script>{{ 7*7 }}",
        "X-Long: " + "9" * 1200,
        *(f"X-{number}: {number}" for number in range(80)),
        'Diversion: "<b>Desk</b>" <sip:800@pbx>;reason=unconditional',
        'P-Asserted-Identity: "<img src=x>" <sip:+12025550143@pbx>',
        "Call-Info: <http://crm.example/?id=7>;purpose=info",
    )
    invite = ask("INVITE", *headers, body=sdp(), name='"<h1>Eve</h1> ""; DROP"'.replace('""', "%22"))
    scene = (invite, answered(100, optional=True), answered(180), answered(603), acknowledge(back=4))
    with Sipp(tmp_path, *scene, to=f"{HOST}:{phone.port()}") as sipp:
        call = phone.call("incoming")
        assert call.remote_name.startswith("<h1>Eve</h1>")
        assert call.headers["X-Customer"] == "<script>alert(1)</script>{{ 7*7 }}"
        assert len(call.headers["X-Long"]) == 1000
        assert len(call.headers) <= 64
        assert call.answer_after_s is None
        phone.ask(HangUp(call=call.key, code=603))
        phone.call("ended", call.key)
        sipp.wait()


def test_a_wish_for_an_answer_by_itself_is_told(phone: Seat, tmp_path: Path) -> None:
    invite = ask("INVITE", "Call-Info: <sip:pbx>;answer-after=2", body=sdp())
    scene = (invite, answered(100, optional=True), answered(180), answered(200), acknowledge(), *END)
    with Sipp(tmp_path, *scene, to=f"{HOST}:{phone.port()}") as sipp:
        call = phone.call("incoming")
        assert call.answer_after_s == 2.0
        phone.ask(AnswerCall(call=call.key))
        phone.call("ended", call.key)
        sipp.wait()


@pytest.mark.slow  # half a minute of silence
def test_a_call_whose_other_side_forgot_it_ends_by_itself(phone: Seat, tmp_path: Path) -> None:
    """No BYE ever comes and no sound either: the phone asks, and is told that there is no such call."""
    scene = (
        *INVITED,
        expect("OPTIONS"),
        reply_within("200 OK"),
        expect("OPTIONS"),
        reply_within("481 Call/Transaction Does Not Exist"),
        *ENDED_BY_PHONE,
    )
    with Sipp(tmp_path, *scene, to=f"{HOST}:{phone.port()}") as sipp:
        key = phone.answer().key
        ended = phone.call("ended", key, timeout_s=3 * SILENT_S)
        assert ended.reason == "The other side has gone without a word."
        sipp.wait()


def test_a_line_that_policy_shuts_makes_calls_for_help_alone(phone: Seat, tmp_path: Path) -> None:
    with Sipp(tmp_path, expect("INVITE"), *ANSWER, *ENDED_BY_PHONE) as sipp:
        address = f"{HOST}:{sipp.port}"
        shut = Account(key="shut", uri=f"sip:1002@{address}", registrar=address, secured_only=True)
        phone.ask(Register(account=shut))
        words = "policy allows no line without TLS and SRTP"
        assert words in phone.registration("shut", "failed").message
        with pytest.raises(PhoneRefusedError, match=words):
            phone.ask(Dial(call="order", account="shut", to="700"))
        phone.ask(Dial(call="help", account="shut", to="112", emergency=True))
        phone.call("active", "help")
        phone.hang_up("help")
        sipp.wait()  # neither a REGISTER nor the other call has reached it
    phone.ask(Unregister(account="shut"))
