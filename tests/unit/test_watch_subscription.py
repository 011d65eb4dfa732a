"""A subscription as a machine, and what its notifications say."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from halodesk.runtime.agent_ports import Lamp, Mailbox
from halodesk.sip.watch.bodies import Dialogs, read_mailbox
from halodesk.sip.watch.message import Message, decode
from halodesk.sip.watch.subscription import EXPIRES_S, REFUSED_S, Subscription, Who

VIA = "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bKa"
CHALLENGE = 'Digest realm="pbx", nonce="n", qop="auth"'


class Pbx:
    """The other side: writes what a PBX would write."""

    def __init__(self) -> None:
        self.letters = 0
        who = Who(uri="sip:1006@pbx", user="1006", password="p", fresh=self.fresh, chance=lambda: 0.5)
        who.contact = "sip:1006@127.0.0.1:5060"
        self.one = Subscription(who, "sip:1001@pbx", "dialog", "application/dialog-info+xml", 100.0)
        self.asked: Message | None = None

    def fresh(self, length: int) -> str:
        self.letters += 1
        return f"{self.letters:0{length}d}"

    def ask(self, expires: int = EXPIRES_S) -> Message:
        self.asked = decode(self.one.request(VIA, expires=expires))
        return self.asked

    def due(self) -> float | None:
        """When the next request is due."""
        return self.one.due

    def answer(self, status: int, now: float, **headers: str) -> None:
        assert self.asked is not None
        lines = [f"SIP/2.0 {status} X", f"CSeq: {self.asked.cseq} SUBSCRIBE"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.one.answered(decode(("\r\n".join(lines) + "\r\n\r\n").encode()), now)

    def notify(
        self, now: float, *, cseq: int = 1, state: str = "active;expires=100", tag: str = "t", **more: str
    ) -> tuple[int, bytes | None]:
        event = more.get("event", "dialog")
        text = (
            f"NOTIFY sip:x SIP/2.0\r\nFrom: <sip:1001@pbx>;tag={tag}\r\nCSeq: {cseq} NOTIFY\r\n"
            f"Contact: <sip:pbx:9>\r\nRecord-Route: <sip:edge;lr>\r\nEvent: {event}\r\n"
            f"Subscription-State: {state}\r\n\r\nnews"
        )
        return self.one.notified(decode(text.encode()), now)


@pytest.fixture
def pbx() -> Pbx:
    return Pbx()


def test_it_begins_at_once_and_is_renewed_in_time(pbx: Pbx) -> None:
    assert pbx.due() == 100.0
    asked = pbx.ask()
    assert pbx.due() is None
    assert asked.start == "SUBSCRIBE sip:1001@pbx SIP/2.0"
    assert (asked.get("event"), asked.get("expires"), asked.tag("to")) == ("dialog", str(EXPIRES_S), "")
    pbx.answer(200, 101.0, To="<sip:1001@pbx>;tag=t", Contact="<sip:pbx:9>", Expires="100")
    assert pbx.one.due == 106.0, "it must tell something soon"
    assert pbx.notify(101.1) == (200, b"news")
    assert pbx.one.told
    assert pbx.one.due == 101.1 + 45
    again = pbx.ask()
    assert again.start == "SUBSCRIBE sip:pbx:9 SIP/2.0"
    assert (again.tag("to"), again.cseq, again.get("call-id")) == ("t", 2, asked.get("call-id"))


def test_the_notification_may_come_before_the_answer(pbx: Pbx) -> None:
    pbx.ask()
    assert pbx.notify(100.5) == (200, b"news")
    pbx.answer(202, 100.6, To="<sip:1001@pbx>;tag=t", Expires="300")
    assert pbx.one.due == pytest.approx(100.6 + 135)
    assert pbx.ask().all("route") == ["<sip:edge;lr>"]


def test_a_challenge_is_answered_once(pbx: Pbx) -> None:
    pbx.ask()
    pbx.answer(401, 100.1, WWW_Authenticate=CHALLENGE)
    assert pbx.one.due == 100.1
    proved = pbx.ask()
    assert 'username="1006"' in proved.get("authorization")
    assert "nc=00000001" in proved.get("authorization")
    pbx.answer(401, 100.2, WWW_Authenticate=CHALLENGE)
    assert pbx.one.due == 100.2 + REFUSED_S, "the password is wrong"


def test_a_stale_nonce_is_no_wrong_password(pbx: Pbx) -> None:
    pbx.ask()
    pbx.answer(401, 100.1, WWW_Authenticate=CHALLENGE)
    pbx.ask()
    pbx.answer(401, 100.2, WWW_Authenticate=f"{CHALLENGE}, stale=true")
    assert pbx.one.due == 100.2


def test_a_proxy_may_ask_too(pbx: Pbx) -> None:
    pbx.ask()
    pbx.answer(407, 100.1, Proxy_Authenticate=CHALLENGE)
    assert pbx.ask().get("proxy-authorization").startswith("Digest ")


@pytest.mark.parametrize("status", [403, 404, 489, 405, 600])
def test_a_refusal_is_asked_again_much_later(pbx: Pbx, status: int) -> None:
    pbx.ask()
    pbx.answer(status, 100.0)
    assert (pbx.one.due, pbx.one.told) == (100.0 + REFUSED_S, False)


def test_silence_is_asked_again_ever_later(pbx: Pbx) -> None:
    waits = []
    for _ in range(10):
        pbx.ask()
        pbx.one.silent(100.0)
        assert pbx.one.due is not None
        waits.append(pbx.one.due - 100.0)
    assert waits[0] == 0.5
    assert waits == sorted(waits)
    assert waits[-1] == 30.0


def test_a_pbx_that_forgot_is_told_at_once(pbx: Pbx) -> None:
    first = pbx.ask()
    pbx.answer(200, 101.0, To="<sip:1001@pbx>;tag=t", Expires="100")
    pbx.notify(101.1)
    pbx.ask()
    pbx.answer(481, 150.0)
    assert (pbx.one.due, pbx.one.told) == (150.0, False)
    anew = pbx.ask()
    assert anew.get("call-id") != first.get("call-id")
    assert anew.tag("to") == ""


@pytest.mark.parametrize(
    ("state", "wait"),
    [
        ("terminated;reason=noresource", REFUSED_S),
        ("terminated;reason=probation;retry-after=7", 7.0),
        ("terminated;reason=timeout", 0.5),
    ],
)
def test_an_end_is_begun_anew(pbx: Pbx, state: str, wait: float) -> None:
    pbx.ask()
    assert pbx.notify(101.0, state=state) == (200, None)
    assert pbx.one.due == 101.0 + wait


def test_notifications_that_do_not_belong_here(pbx: Pbx) -> None:
    pbx.ask()
    assert pbx.notify(101.0, event="presence") == (489, None)
    assert pbx.notify(101.0, cseq=5) == (200, b"news")
    assert pbx.notify(101.0, cseq=5) == (200, None), "sent again"
    assert pbx.notify(101.0, cseq=4) == (500, None), "too late"
    assert pbx.notify(101.0, cseq=6, tag="other") == (481, None)


def test_late_and_early_answers_change_nothing(pbx: Pbx) -> None:
    pbx.ask()
    pbx.answer(100, 101.0)
    assert pbx.one.due is None
    pbx.answer(200, 101.0, To="<sip:1001@pbx>;tag=t", Expires="100")
    due = pbx.one.due
    assert pbx.asked is not None
    pbx.one.answered(decode(b"SIP/2.0 403 No\r\nCSeq: 77 SUBSCRIBE\r\n\r\n"), 102.0)
    assert pbx.one.due == due


def test_again_begins_a_dialogue_of_its_own(pbx: Pbx) -> None:
    first = pbx.ask()
    pbx.one.again(200.0)
    assert pbx.one.due == 200.5
    assert pbx.ask().get("call-id") != first.get("call-id")


def dialog_info(version: int, *dialogs: str, state: str = "full") -> bytes:
    inner = "".join(dialogs)
    return (
        f'<?xml version="1.0"?><dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" '
        f'version="{version}" state="{state}" entity="sip:1001@pbx">{inner}</dialog-info>'
    ).encode()


def dialog(key: str, state: str, direction: str = "recipient") -> str:
    return f'<dialog id="{key}" direction="{direction}"><state>{state}</state></dialog>'


@pytest.mark.parametrize(
    ("dialogs", "lamp"),
    [
        ((), "idle"),
        ((dialog("a", "terminated"),), "idle"),
        ((dialog("a", "early"),), "ringing"),
        ((dialog("a", "trying", "initiator"),), "talking"),
        ((dialog("a", "confirmed"), dialog("b", "early")), "talking"),
    ],
)
def test_lamps(dialogs: tuple[str, ...], lamp: Lamp) -> None:
    assert Dialogs("c").told(dialog_info(0, *dialogs)) == lamp


def test_parts_of_the_state_are_put_together() -> None:
    found = Dialogs("c")
    found.told(dialog_info(1, dialog("a", "confirmed"), dialog("b", "early")))
    assert found.told(dialog_info(2, dialog("a", "terminated"), state="partial")) == "ringing"
    assert found.told(dialog_info(2, dialog("b", "terminated"))) is None, "it came too late"
    assert found.told(dialog_info(3)) == "idle"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<",
        b"<dialog-info/>",
        dialog_info(0).replace(b'"0"', b'"-1"'),
        dialog_info(0).replace(b'"0"', b'"' + b"9" * 30 + b'"'),
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]>' + dialog_info(0),
    ],
)
def test_what_cannot_be_read_changes_no_lamp(body: bytes) -> None:
    assert Dialogs("c").told(body) is None


@given(st.binary(max_size=200))
def test_no_body_does_harm(body: bytes) -> None:
    Dialogs("c").told(body)
    read_mailbox(body)


@pytest.mark.parametrize(
    ("body", "mailbox"),
    [
        (b"Messages-Waiting: yes\r\nVoice-Message: 2/8 (0/2)\r\n", Mailbox(waiting=True, new=2, old=8)),
        (b"messages-waiting:no\r\n", Mailbox(waiting=False)),
        (b"Messages-Waiting: yes\r\nFax-Message: 1/1\r\n", Mailbox(waiting=True)),
        (b"Messages-Waiting: perhaps\r\n", None),
        (b"hello", None),
    ],
)
def test_mailboxes(body: bytes, mailbox: Mailbox | None) -> None:
    assert read_mailbox(body) == mailbox


def test_every_request_is_of_its_own(pbx: Pbx) -> None:
    pbx.ask()
    pbx.answer(401, 100.0, WWW_Authenticate=CHALLENGE)
    proved = pbx.ask()
    assert proved.cseq == 2
    found = re.search(r'cnonce="(\w+)"', proved.get("authorization"))
    assert found is not None
