"""Handing the far end of a call over to somebody else.

Rules:

1. The call is on hold before anything else: REFER goes out only after the hold has been answered.
2. With a leg of our own ("watched") the third party is rung here and the caller is handed over
   (REFER with Replaces, RFC 3891) once it has answered. Busy, missing, silent: the caller comes back.
3. Without one the PBX calls the third party (REFER, RFC 3515). A PBX that takes the caller from us
   with BYE has accepted (Asterisk does so after NOTIFY 100): what comes after is not told.
4. Never while a mask is held: the next leg would be masked by nobody.
5. Nothing is done in a callback; each turn of the SIP thread looks at how the calls stand.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import Literal

import pjsua2 as pj

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import CancelTransfer, CompleteTransfer, Dial, Transfer
from halodesk.sip.phone.call import PhoneCall
from halodesk.sip.phone.calls import Calls
from halodesk.sip.phone.dialling import header_uri, sip_header
from halodesk.sip.phone.log import words
from halodesk.sip.phone.masks import Masks
from halodesk.sip.phone.reasons import transfer_words

HOLD_S = 8.0
"""Longer than this no PBX takes to answer a re-INVITE for hold."""
REFER_S = 32.0
"""Timer of a SIP transaction (RFC 3261, 17.1.2.2): later no answer comes."""


@dataclass
class _Handover:
    call: PhoneCall
    request: Transfer
    who: str
    phase: Literal["hold", "ring", "refer"] = "hold"
    leg: PhoneCall | None = None
    rung: bool = False
    """The leg was made for this transfer alone."""
    until: float = 0.0


class Transfers:
    """The transfers under way, at most one a call. SIP thread only."""

    def __init__(self, calls: Calls, masks: Masks) -> None:
        self._calls, self._masks = calls, masks
        self._open: dict[str, _Handover] = {}
        calls.kit.sip.add_owner(self)

    def begin(self, request: Transfer) -> None:
        """Starts one; raises `PhoneRefusedError` when it cannot be."""
        call = self._ready(request.call)
        self._calls.check(request.to, call.info.account, request.headers)
        if request.leg:
            self._calls.admit(request.leg)
        self._start(_Handover(call, request, request.to, until=time.monotonic() + HOLD_S))

    def complete(self, request: CompleteTransfer) -> None:
        """Joins two calls that are up; raises `PhoneRefusedError` when they are not."""
        call, leg = self._ready(request.call), self._calls.active(request.leg)
        if call is leg:
            raise PhoneRefusedError("A transfer needs two calls.", "Call somebody else first.")
        who = leg.info.remote_name or leg.info.remote_number
        wish = Transfer(call=request.call, to=who, leg=request.leg)
        self._start(_Handover(call, wish, who, leg=leg, until=time.monotonic() + HOLD_S))

    def cancel(self, request: CancelTransfer) -> None:
        """Gives up; what was rung for it is hung up. Raises `PhoneRefusedError` when it is too late."""
        call = self._calls.get(request.call)
        open_one = self._open.get(request.call)
        if open_one is not None and open_one.phase == "refer":
            raise PhoneRefusedError("The caller is just being handed over.", "")
        if open_one is not None:
            self._failed(open_one, "The transfer was given up.")
            return
        for leg in self._calls.beside(request.call):
            leg.refuse_or_end()
        call.wants_hold = False

    def tidy(self) -> None:
        """One look at each transfer."""
        for open_one in list(self._open.values()):
            try:
                self._step(open_one)
            except PhoneRefusedError as refusal:
                self._failed(open_one, refusal.message)
            except pj.Error as error:
                self._calls.kit.sip.log.warning("transfer_failed", error=words(error))
                self._failed(open_one, "The PBX did not take the transfer.")

    def end(self) -> None:
        """The phone leaves: so do the calls."""
        self._open.clear()

    def drop(self) -> None:
        """Lets go of the calls."""
        self._open.clear()

    def _ready(self, key: str) -> PhoneCall:
        call = self._calls.active(key)
        if key in self._open:
            raise PhoneRefusedError("This call is being transferred already.", "Wait, or cancel it.")
        if self._masks.state().masked:
            raise PhoneRefusedError(
                "The recording is masked: the call cannot be transferred yet.",
                "Leave the page that masks it, then transfer.",
            )
        if self._calls.conference.has(call):
            raise PhoneRefusedError("This call is in a conference.", "Take the conference apart first.")
        return call

    def _start(self, new: _Handover) -> None:
        new.call.wants_hold, new.call.referred = True, False
        new.call.note(transfer="asked", transfer_to=new.who, transfer_reason="")
        self._open[new.call.info.key] = new
        self._calls.kit.sip.log.info("transfer", call=new.call.info.key, watched=bool(new.request.leg))

    def _step(self, now: _Handover) -> None:
        call, late = now.call, time.monotonic() > now.until
        if call.gone:
            self._gone(now)
        elif now.phase == "hold" and call.info.hold == "on":
            self._held(now)
        elif now.phase == "hold" and (late or (call.wants_hold is None and call.info.hold == "off")):
            self._failed(now, "The PBX did not put the call on hold.")
        elif now.phase == "ring" and now.leg is not None:
            if now.leg.gone:
                self._failed(now, transfer_words(now.who, now.leg.info.code))
            elif now.leg.speaks:
                self._refer(now)
            elif late:
                self._failed(now, transfer_words(now.who, 408))
        elif now.phase == "refer":
            if 200 <= call.refer_code < 300 and call.refer_code != 202:
                self._done(now)
            elif call.refer_code >= 300:
                self._failed(now, transfer_words(now.who, call.refer_code))
            elif late:
                self._failed(now, "The PBX did not answer the transfer.")

    def _held(self, now: _Handover) -> None:
        if now.leg is not None:
            self._refer(now)
        elif now.request.leg:
            wish, info = now.request, now.call.info
            dial = Dial(
                call=wish.leg, account=info.account, to=wish.to, headers=wish.headers, beside=info.key
            )
            self._calls.dial(dial)
            now.leg, now.rung = self._calls.get(wish.leg), True
            now.leg.note(microphone_muted=True)  # the third party hears the caller first, not us
            now.phase, now.until = "ring", time.monotonic() + max(1, wish.ring_s)
        else:
            now.phase, now.until = "refer", time.monotonic() + REFER_S
            uri = self._calls.address(now.request.to, now.call.info.account)
            prm = pj.CallOpParam(True)  # in Refer-To for the new INVITE, and for PBXs that do not look there
            for name, value in now.request.headers.items():
                prm.txOption.headers.append(sip_header(name, value))
            now.call.refer(header_uri(uri, now.request.headers), prm)

    def _refer(self, now: _Handover) -> None:
        if self._masks.state().masked:
            raise PhoneRefusedError("The recording was masked meanwhile.")
        if now.leg is None:
            return
        now.phase, now.until = "refer", time.monotonic() + REFER_S
        now.call.refer_to_leg(now.leg)

    def _gone(self, now: _Handover) -> None:
        """The call ended. In the last phase the PBX took the caller from us."""
        self._open.pop(now.call.info.key, None)
        if now.phase != "refer" and now.leg is not None and not now.leg.gone:
            with contextlib.suppress(pj.Error):
                now.leg.refuse_or_end()

    def _done(self, now: _Handover) -> None:
        self._open.pop(now.call.info.key, None)
        now.call.note(transfer="done")
        for call in (now.call, now.leg):
            if call is not None and not call.gone:
                with contextlib.suppress(pj.Error):
                    call.refuse_or_end()

    def _failed(self, now: _Handover, reason: str) -> None:
        self._open.pop(now.call.info.key, None)
        if now.leg is not None and not now.leg.gone:
            if now.rung:
                with contextlib.suppress(pj.Error):
                    now.leg.refuse_or_end()
            else:  # the agent's own consultation: it waits
                now.leg.wants_hold = True
        now.call.wants_hold = False
        now.call.note(transfer="failed", transfer_reason=reason)
