"""The desk and its phone: what the agent, or a step of the flow, asks for.

Rules:
- A wish acts on the leg in hand: the one that speaks, or else the one that is being called.
- Somebody is asked for the caller's sake (`consult`) only beside a connected call.
- A transfer waits for no mask: it is refused until every recorder goes on again.
- One hand-over at a time, of the call in hand; whoever asked hears once how it went.
- An emergency number is dialled at once, whatever else is up, masked or unfinished.
"""

from __future__ import annotations

import re
import secrets
from abc import ABC

from halodesk.engine.effects import TransferCall
from halodesk.protocol import phone_link as link
from halodesk.runtime.desk_customers import has_session
from halodesk.runtime.desk_phone import DeskPhone
from halodesk.runtime.effect_ports import TransferAnswer
from halodesk.runtime.hand_over import BACK_WITH_YOU, GIVEN_UP, HandOver, Told
from halodesk.runtime.ports import DeskNotice

SESSION_HEADER = "X-HaloDesk-Session"
ACCOUNT = "main"
_LEAVE = "Leave the masked page first."
_NOISE = re.compile(r"[\s()/-]")


class DeskCalls(DeskPhone, ABC):
    """Base of `Desk`."""

    _handing: HandOver | None = None
    _line = ACCOUNT

    # calls

    def answer_call(self) -> None:
        """Take the ringing call; one that waits is taken while the call in hand is held.

        Not while nobody is signed in: its session would be nobody's.
        """
        ringing = [leg for leg in self.legs if leg.direction == "in" and leg.answered_at is None]
        if ringing and self._attended and not self._refuses_another(ringing[0]):
            self._ask(link.AnswerCall(call=ringing[0].key))

    def refuse_waiting(self) -> None:
        """Tell the caller who waits that the line is busy."""
        waiting = self.waiting
        if waiting is not None:
            self.hang_up_leg(waiting.key)

    def hang_up(self) -> None:
        """End or refuse the call in hand."""
        if self._call is None:
            return
        hand = self.hand
        if hand is not None and hand.key != self._call.key:
            self.hang_up_leg(hand.key)
        elif self._call.state != "ended":
            self._hung_up.add(self._call.key)
            if self._rescue.call is not None:
                return  # as soon as it is back
            self._hang_up(self._call)

    def hang_up_leg(self, key: str) -> None:
        """End or refuse one of the calls."""
        if (leg := self._leg(key)) is not None:
            self._hung_up.add(key)
            self._hang_up(leg)

    def _hang_up(self, call: link.CallInfo) -> None:
        self._ask(link.HangUp(call=call.key, code=486 if call.state == "incoming" else 0))

    @property
    def line(self) -> str:
        """Key of the account calls go out by."""
        return self._line

    def choose_line(self, account: str) -> None:
        """Calls go out by this account from now on."""
        if account in self._registrations and account != self._line:
            self._line = account
            self._tell("registration")

    def _line_that_works(self) -> str:
        """The chosen one, or another where that is down: nobody who needs help asks by which line."""
        up = [line.account for line in self._registrations.values() if line.state == "registered"]
        return self._line if self._line in up or not up else up[0]

    def dial(self, number: str, *, account: str = "") -> None:
        """Place a call by an account, the chosen one unless told otherwise."""
        number = number.strip()
        if not number:
            return
        if self.is_emergency(number):
            plain = _NOISE.sub("", number)
            line = self._line_that_works()
            self._ask(link.Dial(call=secrets.token_hex(8), account=line, to=plain, emergency=True))
            return
        if not self._attended:
            return  # a link or a hotkey, on a locked window
        if self._call is not None and self._call.state != "ended":
            self.notice(
                DeskNotice(level="warning", message="There is a call already.", todo="Hang up first.")
            )
            return
        if self._session is not None:
            self.notice(DeskNotice(level="warning", message="Finish the open session first."))
            return
        self._ask(link.Dial(call=secrets.token_hex(8), account=account or self._line, to=number))

    def is_emergency(self, number: str) -> bool:
        """Whether this number is dialled whatever else is going on."""
        return _NOISE.sub("", number) in self._lines.emergency

    def hold(self) -> None:
        """Keep the other side waiting."""
        if (call := self._connected()) is not None:
            self._ask(link.Hold(call=call.key))

    def unhold(self) -> None:
        """Take the other side back."""
        if (call := self._connected()) is not None:
            self._ask(link.Unhold(call=call.key))

    def swap(self) -> None:
        """Speak with the other one of two calls; the one in hand is held."""
        hand = self.hand
        others = [
            leg for leg in self.legs if leg is not hand and leg.state == "active" and not leg.conference
        ]
        if others:
            self.take_leg(others[0].key)

    def take_leg(self, key: str) -> None:
        """Speak with this one of the calls; the others are held."""
        leg = self._leg(key)
        if leg is not None and leg.state == "active" and leg.hold == "on" and not self._refuses_another(leg):
            self._ask(link.Unhold(call=key))

    def set_microphone(self, *, muted: bool) -> None:
        """Whether the other side hears the agent; in a conference nobody does."""
        call = self._connected()
        if call is None:
            return
        legs = [leg for leg in self.legs if leg.conference] if call.conference else [call]
        for leg in legs:
            self._ask(link.SetMicrophone(call=leg.key, muted=muted))

    def send_dtmf(self, digits: str) -> None:
        """Press keys of the telephone's keypad."""
        if (call := self._connected()) is not None:
            self._ask(link.SendDtmf(call=call.key, digits=digits))

    def merge(self) -> None:
        """A conference of the call in hand and the one beside it."""
        legs = [leg for leg in self.legs if leg.state == "active"]
        if len(legs) < 2:
            self._warn("A conference needs two calls.", "Call somebody else first.")
        elif self._masked() and any(leg.emergency for leg in legs):
            self._warn("The recording is masked, and nothing masks a call for help.", _LEAVE)
        elif self._masked() and self._masking.has_platform and any(map(has_session, legs[1:])):
            # A second customer's recording on the PBX goes on until the conference is there.
            self._warn("The recording is masked: a second customer cannot join now.", _LEAVE)
        else:
            self._ask(link.Merge(calls=(legs[0].key, legs[1].key)))

    def split(self) -> None:
        """Takes the conference apart: on with the call in hand, the other is held."""
        if self._call is not None and self._call.conference:
            self._ask(link.Split(keep=self._call.key))

    # handing over

    @property
    def transferring(self) -> bool:
        """Whether the caller is being handed over, or somebody is asked to take him."""
        return self._handing is not None

    def transfer(self, number: str, *, attended: bool = False) -> None:
        """Hand the caller over; `attended`: speak with the other one first. Help is called at once."""
        if self.is_emergency(number):
            self.dial(number)
            return
        wish = TransferCall(to=_NOISE.sub("", number), mode="attended" if attended else "blind")
        refused = self._no_transfer()
        if refused:
            self._warn(refused, "")
        elif wish.to:
            self.hand_over(wish, self.session_id, self._tell_agent)

    def hand_over(self, wish: TransferCall, session: str, told: Told) -> None:
        """Begins; `told` hears once how it went, on the main thread."""
        call, refused = self._call, self._no_transfer()
        if any(parked.id == session for parked in self.parked):
            refused = refused or "Another customer is on the line."
        if refused or call is None:
            told(TransferAnswer(done=False, reason=refused))
            return
        header = {wish.session_header: session} if session and wish.session_header else {}
        watched = self._lines.watched_transfer or told != self._tell_agent  # a flow must hear how it went
        self._handing = HandOver(
            wish,
            call,
            header,
            told,
            self._settle_hand_over,
            watched=watched,
            send=self._phone.send,
            io=self._io,
            post=self._post,
        )
        if not self._handing.by_agent:
            self._phones_own.add(self._handing.leg)
        self._handing.begin()
        self._settle_hand_over()
        self._tell("call")

    def _no_transfer(self) -> str:
        """Why nobody can be handed over now; empty when somebody can."""
        if self._call is None or self._call.state != "active":
            return "There is no connected call to transfer."
        if self._handing is not None:
            return "The call is being transferred already."
        return "The recording is still masked: the call cannot be transferred yet." if self._masked() else ""

    def complete_transfer(self) -> None:
        """The caller and the one who was asked are joined; the agent leaves."""
        if self._masked():
            self._warn("The recording is still masked: the call cannot be transferred yet.", "")
        elif self._handing is not None:
            self._handing.complete()
        elif self._call is not None and (leg := self._partner()) is not None:
            self._ask(link.CompleteTransfer(call=self._call.key, leg=leg.key))

    def cancel_transfer(self) -> None:
        """Nobody takes the caller: he is back with the agent."""
        if self._call is None:
            return
        self._phones_own.update(leg.key for leg in self._others.values() if leg.beside)
        self._ask(link.CancelTransfer(call=self._call.key))
        if self._handing is not None and self._handing.by_agent:
            self._handing.settle(GIVEN_UP)
            self._settle_hand_over()

    def _leg_told(self, call: link.CallInfo, before: link.CallInfo | None) -> None:
        handing = self._handing
        if handing is not None:
            handing.heard(call)
            self._settle_hand_over()
        elif call.transfer == "failed" and before is not None and before.transfer != "failed":
            self._tell_agent(TransferAnswer(done=False, reason=call.transfer_reason))
        if call.beside and call.state == "ended" and call.key not in self._phones_own:
            self._bring_back(call, told=handing is not None)

    def _bring_back(self, leg: link.CallInfo, *, told: bool) -> None:
        """The one who was asked has gone: on with the caller."""
        call = self._call
        alone = all(other.hold == "on" or other.state != "active" for other in self._others.values())
        if call is None or call.key != leg.beside or call.state != "active" or not alone:
            return
        if call.hold == "on" and call.transfer != "asked":
            self._ask(link.Unhold(call=call.key))
            if leg.key not in self._hung_up and not told:
                who = leg.remote_name or leg.remote_number
                words = f"{who}: {leg.reason} {BACK_WITH_YOU}"
                self.notice(DeskNotice(level="info", message=words))

    def _settle_hand_over(self) -> None:
        handing = self._handing
        if handing is not None and handing.answer is not None:
            self._handing = None
            handing.told(handing.answer)
            self._tell("call")

    def _tell_agent(self, answer: TransferAnswer) -> None:
        if not answer.done:
            back = self._call is not None and self._call.state == "active"
            self._warn(f"{answer.reason} {BACK_WITH_YOU}" if back else answer.reason, "")

    def _partner(self) -> link.CallInfo | None:
        """The one who was asked; a second customer is nobody to hand the first one to."""
        legs = self._others.values()
        return next((leg for leg in legs if leg.state == "active" and leg.beside), None)

    def _masked(self) -> bool:
        return self._session is not None and self._session.state.mask.phase != "none"

    def _connected(self) -> link.CallInfo | None:
        hand = self.hand
        return hand if hand is not None and hand.state == "active" else None

    def _leg(self, key: str) -> link.CallInfo | None:
        return next((leg for leg in self.legs if leg.key == key), None)

    def _warn(self, message: str, todo: str) -> None:
        self.notice(DeskNotice(level="warning", message=message, todo=todo))
