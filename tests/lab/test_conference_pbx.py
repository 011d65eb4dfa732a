"""A conference of three in our own bridge, call waiting and emergency calls over a real PBX."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import (
    AnswerCall,
    CallChanged,
    Dial,
    Hold,
    Mask,
    Merge,
    Notice,
    Split,
    Unmask,
)
from tests.lab.pbx import Pbx
from tests.lab.phones import RATE, Seat, Sound, read_stereo, talk, write_tone

pytestmark = [pytest.mark.lab]

OpenSeat = Callable[..., Seat]
AGENT, CUSTOMER, THIRD = 300.0, 500.0, 700.0


class Table:
    """Agent 1003, customer 1004 and third party 1005; each hums a tone of his own."""

    def __init__(self, pbx: Pbx, seats: OpenSeat, folder: Path) -> None:
        parties = []
        for name, user, hertz in (
            ("agent", "1003", AGENT),
            ("customer", "1004", CUSTOMER),
            ("third", "1005", THIRD),
        ):
            seat = seats(name, "--microphone", str(write_tone(folder / f"{name}.wav", hertz)))
            seat.register(pbx, user)
            parties.append(seat)
        self.agent, self.customer, self.third = parties
        self.customer.dial("1003", key="customer", account="1004")
        self.key = self.agent.answer().key
        self.customer.call("active", "customer")
        talk(0.3)  # Asterisk is still joining the two: a hold within the first 20 ms makes it end the call
        self.agent.forget()

    def consult(self) -> str:
        """The agent asks the third party; the key at the third party's."""
        self.agent.ask(Dial(call="leg", account="1003", to="1005", beside=self.key))
        third = self.third.answer().key
        self.agent.call("active", "leg")
        self.until(self.key, hold="on")
        return third

    def until(self, key: str, **wanted: object) -> None:
        """Waits for a call of the agent's to be as wanted, and forgets what was heard before."""

        def found(notice: Notice) -> bool | None:
            match notice:
                case CallChanged(call=call) if call.key == key:
                    return (
                        True if all(getattr(call, name) == value for name, value in wanted.items()) else None
                    )
            return None

        self.agent.wait(f"{key} {wanted}", found)
        self.agent.forget()

    def merge(self) -> None:
        self.agent.ask(Merge(calls=(self.key, "leg")))
        self.until("leg", conference=True)


@pytest.fixture
def table(pbx: Pbx, seats: OpenSeat, tmp_path: Path) -> Table:
    return Table(pbx, seats, tmp_path)


def spectrum(sound: Sound) -> dict[float, bool]:
    """Which of the three tones are there, by FFT over what is given (-12 dB hums, -26 dB counts)."""
    window = np.hanning(len(sound))
    level = np.abs(np.fft.rfft(sound * window)) * 2 / window.sum()
    return {
        hertz: bool(level[round(hertz * len(sound) / RATE) - 3 :][:7].max() > 0.05)
        for hertz in (AGENT, CUSTOMER, THIRD)
    }


def last(call_sound: Sound, channel: int) -> Sound:
    """The last second but a tenth."""
    return np.asarray(call_sound[-RATE - RATE // 10 : -RATE // 10, channel], dtype=np.float64)


def test_each_party_hears_both_others_and_not_himself(table: Table) -> None:
    third = table.consult()
    table.merge()
    talk(2.0)
    with pytest.raises(PhoneRefusedError, match="conference"):
        table.agent.ask(Hold(call=table.key))
    heard_by_third = last(read_stereo(table.third.hang_up(third)), 1)
    table.until(table.key, conference=False)
    ended = table.agent.hang_up(table.key)
    heard_by_customer = read_stereo(table.customer.call("ended", "customer"))[:, 1]
    assert spectrum(heard_by_third) == {AGENT: True, CUSTOMER: True, THIRD: False}
    in_conference = heard_by_customer[-2 * RATE : -RATE]
    assert spectrum(in_conference) == {AGENT: True, CUSTOMER: False, THIRD: True}
    mine = read_stereo(ended)[-2 * RATE : -RATE]
    assert spectrum(mine[:, 1]) == {AGENT: False, CUSTOMER: True, THIRD: True}, "all far ends are on the file"
    assert spectrum(mine[:, 0]) == {AGENT: True, CUSTOMER: False, THIRD: False}


def test_a_mask_that_is_held_while_calls_are_merged_covers_everybody(table: Table) -> None:
    table.consult()
    table.agent.ask(Mask(lease="card"))
    table.merge()
    talk(1.0)
    table.agent.ask(Split(keep="leg"))
    table.until(table.key, hold="on")
    table.agent.ask(Merge(calls=(table.key, "leg")))
    table.until("leg", conference=True)
    talk(0.5)
    table.agent.ask(Unmask(lease="card"))
    talk(1.5)
    table.agent.hang_up("leg")
    ended = table.agent.hang_up(table.key)
    assert ended.recording is not None
    (window,) = ended.recording.windows
    assert window.to_sample is not None
    sound = read_stereo(ended)
    assert window.to_sample - window.from_sample > 1.5 * RATE
    assert not sound[window.from_sample : window.to_sample].any(), "not a sample of anybody"
    assert spectrum(sound[window.to_sample + RATE // 10 :][: RATE // 2, 1])[THIRD]


def test_a_conference_is_taken_apart(table: Table) -> None:
    third = table.consult()
    table.merge()
    table.agent.ask(Split(keep="leg"))
    table.until(table.key, hold="on")
    talk(1.2)
    heard = last(read_stereo(table.third.hang_up(third)), 1)
    assert spectrum(heard) == {AGENT: True, CUSTOMER: False, THIRD: False}
    with pytest.raises(PhoneRefusedError, match="no conference"):
        table.agent.ask(Split(keep=table.key))
    table.agent.hang_up(table.key)


def test_a_second_call_waits_and_is_taken_while_the_first_is_held(table: Table, pbx: Pbx) -> None:
    table.third.dial("1003", key="second", account="1005")
    waiting = table.agent.call("incoming").key
    (first,) = [call for call in table.agent.client.snapshot.calls if call.key == table.key]
    assert (first.state, first.hold) == ("active", "off")
    table.agent.forget()
    table.agent.ask(AnswerCall(call=waiting))
    table.until(table.key, hold="on")
    talk(1.2)
    table.agent.hang_up(waiting)
    heard = last(read_stereo(table.third.call("ended", "second")), 1)
    assert spectrum(heard) == {AGENT: True, CUSTOMER: False, THIRD: False}
    table.agent.hang_up(table.key)


def test_an_emergency_call_takes_a_line_holds_the_others_and_is_not_masked(table: Table) -> None:
    table.agent.ask(Mask(lease="card"))
    for number in range(3):  # with the customer's call all four lines are taken
        table.agent.ask(Dial(call=f"line-{number}", account="1003", to="640"))
    with pytest.raises(PhoneRefusedError, match="busy"):
        table.agent.ask(Dial(call="fifth", account="1003", to="601"))
    table.agent.ask(Dial(call="help", account="1003", to="601", emergency=True))
    table.agent.call("active", "help")
    assert {call.key for call in table.agent.client.snapshot.calls} >= {table.key, "help"}
    talk(1.0)
    ended = table.agent.hang_up("help")
    assert ended.emergency
    assert ended.recording is not None
    assert ended.recording.windows == ()
    assert np.abs(read_stereo(ended)[:, 1]).max() > 0.05, "it is recorded in spite of the mask"
    table.agent.ask(Unmask(lease="card"))
