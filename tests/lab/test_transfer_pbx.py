"""Transfers over a real PBX, told by what each party hears and sees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import (
    CallChanged,
    CallInfo,
    CancelTransfer,
    CompleteTransfer,
    Dial,
    Mask,
    Notice,
    Transfer,
    TransferState,
    Unhold,
    Unmask,
)
from tests.lab.pbx import Pbx
from tests.lab.phones import Seat, read_stereo, talk, tone_levels, write_tone

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
SOUNDS_DB = -20
"""The hums have -12 dB."""
SESSION = {"X-HaloDesk-Session": "session-7"}


class Desk:
    """Agent 1003 (300 Hz), customer 1004 (500 Hz), third party 1005 (700 Hz)."""

    def __init__(self, pbx: Pbx, seats: OpenSeat, folder: Path) -> None:
        self.parties = []
        for name, user, hertz in (("agent", "1003", 300), ("customer", "1004", 500), ("third", "1005", 700)):
            seat = seats(name, "--microphone", str(write_tone(folder / f"{name}.wav", hertz)))
            seat.register(pbx, user)
            self.parties.append(seat)
        self.agent, self.customer, self.third = self.parties

    def connect(self) -> str:
        """The customer calls; the key of the agent's call."""
        self.customer.dial("1003", key="customer", account="1004")
        key = self.agent.answer().key
        self.customer.call("active", "customer")
        talk(0.3)  # Asterisk is still joining the two: a hold within the first 20 ms makes it end the call
        self.agent.forget()
        return key

    def told(self, wanted: TransferState) -> CallInfo:
        """Waits for what the agent is told of the transfer."""

        def found(notice: Notice) -> CallInfo | None:
            match notice:
                case CallChanged(call=call) if call.transfer == wanted:
                    return call
            return None

        return self.agent.wait(f"transfer {wanted}", found, 15)

    def back(self, key: str) -> None:
        """Waits until the customer is with the agent again."""
        self.agent.wait("the caller back", lambda n: _is_back(n, key))
        (call,) = self.agent.client.snapshot.calls
        assert (call.key, call.state, call.hold) == (key, "active", "off")


def _is_back(notice: Notice, key: str) -> bool | None:
    match notice:
        case CallChanged(call=call) if call.key == key and call.transfer == "failed" and call.hold == "off":
            return True
    return None


@pytest.fixture
def desk(pbx: Pbx, seats: OpenSeat, tmp_path: Path) -> Desk:
    return Desk(pbx, seats, tmp_path)


def hears(call: CallInfo, *hertz: int) -> list[bool]:
    """Whether each tone is in what the far end said, in the last half second but a tenth."""
    sound = read_stereo(call)[-9600:-1600, 1]
    return [bool((tone_levels(sound, each) > SOUNDS_DB).mean() > 0.7) for each in hertz]


def test_the_caller_is_handed_over_when_the_third_party_answers(desk: Desk) -> None:
    key = desk.connect()
    desk.agent.ask(Transfer(call=key, to="1005", leg="leg", headers=SESSION))
    ringing = desk.third.call("incoming")
    assert ringing.headers["X-HaloDesk-Session"] == "session-7"
    desk.third.answer()
    assert desk.told("done").transfer_to == "1005"
    desk.agent.call("ended", key)
    desk.agent.call("ended", "leg")
    talk(1.0)
    third = desk.third.hang_up(ringing.key)
    customer = desk.customer.call("ended", "customer")
    assert hears(third, 500, 300) == [True, False]
    assert hears(customer, 700, 300) == [True, False]


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("486", "486 is busy."),
        ("404", "404 does not exist."),
        ("640", "640 did not answer."),
    ],
)
def test_who_cannot_be_handed_over_comes_back(desk: Desk, to: str, words: str) -> None:
    key = desk.connect()
    desk.agent.ask(Transfer(call=key, to=to, leg="leg", ring_s=2))
    assert desk.told("failed").transfer_reason == words
    desk.agent.call("ended", "leg")
    desk.back(key)
    talk(1.0)
    desk.agent.hang_up(key)
    assert hears(desk.customer.call("ended", "customer"), 300) == [True]


def test_the_pbx_transfers_to_a_ringing_extension(desk: Desk) -> None:
    key = desk.connect()
    desk.agent.ask(Transfer(call=key, to="1005", headers=SESSION))
    ringing = desk.third.call("incoming")
    assert ringing.headers["X-HaloDesk-Session"] == "session-7"
    desk.third.answer()
    ended = desk.agent.call("ended", key)
    assert (ended.transfer, ended.reason) == ("done", "Handed over to 1005.")
    talk(1.0)
    third = desk.third.hang_up(ringing.key)
    assert hears(third, 500) == [True]


def test_the_pbx_tells_that_somebody_is_busy_and_the_caller_is_gone(desk: Desk) -> None:
    """Why the phone rings by itself unless it is told otherwise."""
    key = desk.connect()
    desk.agent.ask(Transfer(call=key, to="486"))
    desk.customer.call("ended", "customer")
    desk.agent.call("ended", key)


def test_the_pbx_knows_no_such_extension(desk: Desk) -> None:
    key = desk.connect()
    desk.agent.ask(Transfer(call=key, to="999999"))
    assert desk.told("failed").transfer_reason == "999999 does not exist."
    desk.back(key)
    desk.agent.hang_up(key)


def consult(desk: Desk, key: str) -> str:
    """The agent asks the third party; the key of the third party's call."""
    desk.agent.ask(Dial(call="leg", account="1003", to="1005", beside=key))
    third = desk.third.answer()
    desk.agent.call("active", "leg")
    desk.agent.wait("customer on hold", lambda n: _held(n, key))
    return third.key


def _held(notice: Notice, key: str) -> bool | None:
    match notice:
        case CallChanged(call=call) if call.key == key and call.hold == "on":
            return True
    return None


def test_an_attended_transfer_with_swap(desk: Desk) -> None:
    key = desk.connect()
    third = consult(desk, key)
    talk(0.8)
    desk.agent.forget()
    desk.agent.ask(Unhold(call=key))
    desk.agent.wait("third party on hold", lambda n: _held(n, "leg"))
    talk(0.8)
    desk.agent.forget()
    desk.agent.ask(Unhold(call="leg"))
    desk.agent.wait("customer on hold", lambda n: _held(n, key))
    desk.agent.ask(CompleteTransfer(call=key, leg="leg"))
    desk.told("done")
    mine = desk.agent.call("ended", key)
    assert desk.agent.call("ended", "leg").recording is None, "the consultation is on the session's file"
    talk(1.0)
    assert hears(desk.third.hang_up(third), 500, 300) == [True, False]
    assert hears(desk.customer.call("ended", "customer"), 700, 300) == [True, False]
    sound = read_stereo(mine)
    for hertz in (500, 700):
        assert (tone_levels(sound[:, 1], hertz) > SOUNDS_DB).sum() > 25, "all far ends are on it"
    agent = tone_levels(sound[:, 0], 300) > SOUNDS_DB
    assert agent[20:].mean() > 0.75, "and the agent, whomever he speaks to"


def test_a_consultation_is_cancelled(desk: Desk) -> None:
    key = desk.connect()
    consult(desk, key)
    desk.agent.forget()
    desk.agent.ask(CancelTransfer(call=key))
    desk.agent.call("ended", "leg")
    desk.agent.wait(
        "customer back",
        lambda n: True if isinstance(n, CallChanged) and (n.call.key, n.call.hold) == (key, "off") else None,
    )
    talk(1.0)
    desk.agent.hang_up(key)
    assert hears(desk.customer.call("ended", "customer"), 300) == [True]


def test_no_transfer_while_masked(desk: Desk) -> None:
    key = desk.connect()
    desk.agent.ask(Mask(lease="card"))
    with pytest.raises(PhoneRefusedError, match="masked"):
        desk.agent.ask(Transfer(call=key, to="1005", leg="leg"))
    desk.agent.ask(Unmask(lease="card"))
    desk.agent.ask(Transfer(call=key, to="1005", leg="leg"))
    with pytest.raises(PhoneRefusedError, match="transferred already"):
        desk.agent.ask(Transfer(call=key, to="1005", leg="leg2"))
    desk.third.call("incoming")
    desk.agent.ask(CancelTransfer(call=key))
    assert "given up" in desk.told("failed").transfer_reason
    desk.back(key)
    for bad in ("", "x;z", "sip:a@b>;evil"):
        with pytest.raises(PhoneRefusedError, match="neither a number"):
            desk.agent.ask(Transfer(call=key, to=bad, leg="other"))
    desk.agent.hang_up(key)


def test_a_caller_who_leaves_in_mid_transfer_ends_it(desk: Desk) -> None:
    key = desk.connect()
    desk.agent.ask(Transfer(call=key, to="1005", leg="leg"))
    desk.third.call("incoming")
    desk.customer.hang_up("customer")
    desk.agent.call("ended", key)
    desk.agent.call("ended", "leg")
    desk.third.call("ended")
