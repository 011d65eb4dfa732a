"""All calls of this phone: dialling, taking and refusing, letting go.

Strangers never come here (`doorman`). Without a window nobody could answer: 480.

One leg speaks at a time, or a conference: whoever is called, answered or taken back, the others are
put on hold. An emergency number is dialled at once, if need be on the line of another call.
"""

from __future__ import annotations

import contextlib
import re
import time
import uuid
from collections.abc import Callable

import msgspec
import pjsua2 as pj

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import CallChanged, CallInfo, Dial, Fault, SendDtmf
from halodesk.sip.phone.account import PhoneAccount
from halodesk.sip.phone.accounts import Accounts
from halodesk.sip.phone.audio.hearer import Hearer, without
from halodesk.sip.phone.audio.talker import Talker
from halodesk.sip.phone.auto_answer import wanted_after
from halodesk.sip.phone.call import PhoneCall
from halodesk.sip.phone.conference import Conference
from halodesk.sip.phone.dialling import NUMBER, URI, header_of, replaced, sip_header, uri_of
from halodesk.sip.phone.endpoint import MAX_CALLS, Guard
from halodesk.sip.phone.invite import read_invite, read_party
from halodesk.sip.phone.kit import CallKit
from halodesk.sip.phone.log import words
from halodesk.sip.phone.recorder import Recorder

_DIGITS = re.compile(r"^[0-9*#A-D]{1,32}$")

URGENT_S = 5.0
_URGENT_AGAIN_S = 0.02


class _Rejected(pj.Call):
    """A call the seat never hears of; kept until pjsua2 has reported its end."""

    def __init__(self, account: pj.Account, call_id: int) -> None:
        super().__init__(account, call_id)
        self.gone = False

    def onCallState(self, _prm: pj.OnCallStateParam) -> None:
        try:
            self.gone = self.getInfo().state == pj.PJSIP_INV_STATE_DISCONNECTED
        except pj.Error:
            self.gone = True


class Calls:
    """The calls by key. SIP thread only, but for `up` and `join_recorders`."""

    def __init__(self, kit: CallKit, accounts: Accounts) -> None:
        self.kit = self._kit = kit
        self.conference = Conference()
        self._accounts = accounts
        self._urgent: Dial | None = None
        self._by_key: dict[str, PhoneCall] = {}
        self._rejected: list[_Rejected] = []
        self._closing: list[Recorder] = []
        self._leaving = False
        accounts.on_invite = self._on_invite
        kit.sip.add_owner(self)

    def up(self) -> bool:
        """Whether any call is up or on its way."""
        return bool(self._by_key)

    def known(self) -> tuple[PhoneCall, ...]:
        """Every call there is."""
        return tuple(self._by_key.values())

    def dial(self, request: Dial) -> None:
        """Starts a call; its progress comes as `CallChanged`.

        Raises `PhoneRefusedError` when the number, a header or the account is not usable, the
        key is taken or all lines are busy.
        """
        account = self._accounts.get(request.account)
        if account.forbidden is not None and not request.emergency:
            raise PhoneRefusedError(f"This line is not used: {account.forbidden[0]}.", account.forbidden[1])
        uri = uri_of(request.to, account)
        if request.emergency and not self._free():
            self._make_room(request)
            return
        self.admit(request.call)
        prm = pj.CallOpParam(True)
        for name, value in request.headers.items():
            prm.txOption.headers.append(header_of(name, value))
        remote = read_party(f"<{uri}>")
        info = CallInfo(
            key=request.call,
            sip_call_id="",
            account=account.key,
            direction="out",
            state="outgoing",
            remote_uri=uri,
            remote_number=remote.user,
            begun_at=time.time(),
            beside=request.beside,
            emergency=request.emergency,
        )
        self._make(PhoneCall(self._kit, account, info), uri, prm)
        self._speak_alone(request.call)

    def check(self, to: str, account: str, headers: dict[str, str]) -> None:
        """Raises `PhoneRefusedError` when `to` or a header cannot be used."""
        uri_of(to, self._accounts.get(account))
        for name, value in headers.items():
            header_of(name, value)

    def address(self, to: str, account: str) -> str:
        """The SIP address of a number; raises `PhoneRefusedError` when it is none."""
        return uri_of(to, self._accounts.get(account))

    def beside(self, key: str) -> list[PhoneCall]:
        """The legs that were made for the sake of a call."""
        return [call for call in self._by_key.values() if call.info.beside == key and not call.gone]

    def merge(self, first: str, second: str) -> None:
        """Makes a conference of two connected calls; raises `PhoneRefusedError` when it cannot be."""
        self.conference.merge(self.active(first), self.active(second))

    def split(self, keep: str) -> None:
        """Takes the conference apart; raises `PhoneRefusedError` when there is none."""
        self.conference.split(self.active(keep))

    def _speak_alone(self, key: str) -> None:
        speaker = self._by_key[key]
        for call in self._by_key.values():
            both = self.conference.has(call) and self.conference.has(speaker)
            if call is not speaker and not both and call.info.state == "active":
                call.wants_hold = True

    def _make_room(self, request: Dial) -> None:
        """Ends the call that matters least; the emergency call takes its line as soon as it is free."""
        rank = {"incoming": 0, "outgoing": 1, "early": 1, "connecting": 1}
        up = [call for call in self._by_key.values() if not call.gone and not call.info.emergency]
        up.sort(key=lambda call: rank.get(call.info.state, 2 if call.info.hold == "on" else 3))
        if up:
            self._urgent = request
            self._operate(up[0].refuse_or_end)

    def _dial_urgent(self, request: Dial) -> None:
        """pjsua2 gives a line free a moment after the end of its call: so more than one try."""
        self._urgent, tries_end = None, time.monotonic() + URGENT_S

        def step() -> None:
            try:
                self.dial(request)
            except PhoneRefusedError as refusal:
                if time.monotonic() < tries_end:
                    self._kit.sip.call_later(_URGENT_AGAIN_S, step)
                else:
                    fault = Fault(code="emergency_failed", message=refusal.message, todo="Use another phone.")
                    self._kit.board.publish(fault)

        step()

    def _free(self) -> bool:
        return len(self._by_key) + len(self._rejected) < MAX_CALLS

    def rescue(self, lost: CallInfo) -> None:
        """Takes over a call of the phone that died before us (RFC 3891).

        The INVITE must be understood as a replacement (`Require`): else it would ring somebody
        anew. It goes to the other end of the lost dialogue; a PBX that wants an extension there
        all the same (Asterisk for a call it made itself) gets our own, then the other party's.
        Raises `PhoneRefusedError` when too little is known of the call, the account is unknown,
        the key is taken or all lines are busy.
        """
        account = self._accounts.get(lost.account)
        if not replaced(lost):
            raise PhoneRefusedError("Too little is known of this call to fetch it back.", "Call again.")
        numbers = (read_party(account.account.uri).user, lost.remote_number)
        known = [account.target(number) for number in numbers if NUMBER.match(number)]
        targets = [uri for uri in (read_party(lost.remote_target).uri, *known) if URI.match(uri)]
        self._rescue(lost, account, targets)

    def _rescue(self, lost: CallInfo, account: PhoneAccount, targets: list[str]) -> None:
        self.admit(lost.key)
        info = msgspec.structs.replace(
            lost,
            sip_call_id="",
            state="connecting",
            codec="",
            recording=None,
            local_tag="",
            remote_tag="",
            remote_target="",
            hold="off" if lost.hold == "off" else "pending",  # held again before anybody is heard
            rescued_from=lost.sip_call_id,
        )
        prm = pj.CallOpParam(True)
        for header, value in (("Replaces", replaced(lost)), ("Require", "replaces")):
            prm.txOption.headers.append(sip_header(header, value))
        call = PhoneCall(self._kit, account, info)
        if len(targets) > 1:
            call.elsewhere = lambda: self._rescue(lost, account, targets[1:])
        self._make(call, targets[0], prm)

    def answer(self, key: str) -> None:
        """Takes an incoming call; raises `PhoneRefusedError` when it is over or no longer rings."""
        call = self.get(key)
        if call.info.state != "incoming":
            raise PhoneRefusedError("This call does not ring.", "")
        self._operate(call.accept)
        self._speak_alone(key)

    def hang_up(self, key: str, code: int) -> None:
        """Ends a call or declines it with `code`; raises `PhoneRefusedError` when it is over."""
        if code and not 400 <= code <= 699:
            raise PhoneRefusedError(f"{code} is no code to decline a call with.", "Use one from 400 to 699.")
        call = self.get(key)
        self._operate(lambda: call.refuse_or_end(code))

    def hold(self, key: str, on: bool) -> None:
        """Puts a call on hold or takes it back; raises `PhoneRefusedError` when that cannot be now."""
        call = self.active(key)
        if self.conference.has(call):
            raise PhoneRefusedError("This call is in a conference.", "Take the conference apart first.")
        if call.info.hold == "pending":
            raise PhoneRefusedError("The other side has not answered yet.", "Try again in a moment.")
        if (call.info.hold == "on") is not on:
            self._operate(lambda: call.ask_hold(on))
        if not on:
            self._speak_alone(key)

    def set_microphone(self, key: str, muted: bool) -> None:
        """Whether the other side hears the agent; raises `PhoneRefusedError` when the call is over."""
        self.get(key).set_microphone(muted)

    def take_off(self, key: str, guest: Talker | Hearer) -> None:
        """The line without this program, unless the call is over or has another line."""
        call = self._by_key.get(key)
        if call is not None and guest.here:
            call.change_line(lambda line: without(line, guest))

    def send_dtmf(self, wish: SendDtmf) -> None:
        """Sends keypad tones, as the account wants them unless told how.

        Raises `PhoneRefusedError` when the call or the other side cannot take them, or not now.
        """
        if not _DIGITS.match(wish.digits):
            raise PhoneRefusedError("A keypad has digits, * and # only.", "Correct the input.")
        call = self.active(wish.call)
        if call.info.hold != "off":
            raise PhoneRefusedError("The call is on hold.", "Take it back first.")
        call.keypad.take(wish.digits, code=wish.code)
        try:
            call.press(wish.digits, wish.method or self._accounts.get(call.info.account).account.dtmf)
        except pj.Error as error:
            self._kit.sip.log.warning("dtmf_failed", error=words(error))
            raise PhoneRefusedError(
                "The other side takes no keypad tones in this way.", "Ask IT to set the other way."
            ) from None

    def masks_changed(self) -> None:
        """Tells the new mask windows: they are all that is left of them if this process dies."""
        for call in self._by_key.values():
            call.tell_windows()

    def tidy(self) -> None:
        """Lets go of the calls that have ended, follows the wishes for hold and the conference."""
        for call in self._by_key.values():
            call.follow_hold()
            call.look_around()
        self.conference.tidy()
        for key, call in [item for item in self._by_key.items() if item[1].gone]:
            self._forget(key, call)
            if call.elsewhere is not None:
                self._go_elsewhere(call, call.elsewhere)
        if any(call.gone for call in self._rejected):
            self._rejected = [call for call in self._rejected if not call.gone]
            self._kit.sip.collect_soon()
        if self._urgent is not None and self._free():
            self._dial_urgent(self._urgent)

    def end(self) -> None:
        """Hangs up everything and takes nothing new."""
        self._leaving = True
        for call in self._by_key.values():
            with Guard(self._kit.sip.log, "hang_up"):
                call.refuse_or_end(480)

    def drop(self) -> None:
        """Lets go of all calls, whether they reported their end or not."""
        self.conference.drop()
        for key, call in list(self._by_key.items()):
            self._forget(key, call)
        self._rejected.clear()

    def join_recorders(self, timeout_s: float) -> None:
        """Waits until the files of ended calls are closed. Any thread, after the SIP thread's end."""
        for recorder in self._closing:
            recorder.join(timeout_s)

    def _on_invite(self, account: PhoneAccount, call_id: int, message: str) -> None:
        if self._leaving or not self._kit.board.attended:
            self._reject(account, call_id, 480, "No window is attached to this phone")
        else:
            self._take(account, call_id, message)

    def _take(self, account: PhoneAccount, call_id: int, message: str) -> None:
        invite = read_invite(message)
        info = CallInfo(
            key=uuid.uuid4().hex,
            sip_call_id="",
            account=account.key,
            direction="in",
            state="incoming",
            remote_uri=invite.remote.uri,
            remote_number=invite.remote.user,
            remote_name=invite.remote.name,
            called=invite.called,
            headers=invite.headers,
            begun_at=time.time(),
            answer_after_s=wanted_after(invite.headers) if account.account.auto_answer else None,
        )
        call = PhoneCall(self._kit, account, info, call_id)
        call.identify()
        self._by_key[info.key] = call
        call.publish()
        self._after_callback(call, call.ring)

    def _reject(self, account: PhoneAccount, call_id: int, code: int, phrase: str) -> None:
        self._kit.sip.log.info("call_refused", account=account.key, code=code, reason=phrase)
        call = _Rejected(account.pj_account, call_id)
        self._rejected.append(call)
        prm = pj.CallOpParam()
        prm.statusCode = code
        prm.reason = phrase
        self._after_callback(call, lambda: call.hangup(prm))

    def _after_callback(self, call: PhoneCall | _Rejected, answer: Callable[[], None]) -> None:
        """Answers an INVITE on a fresh turn.

        An INVITE that ends while pjsua2 still reports it (one without SDP that is refused) is
        freed twice there, and the process aborts.
        """

        def step() -> None:
            if not call.gone:
                with contextlib.suppress(pj.Error):  # it has ended by itself
                    answer()

        self._kit.sip.post(step)

    def _go_elsewhere(self, call: PhoneCall, step: Callable[[], None]) -> None:
        try:
            step()
        except PhoneRefusedError as refusal:
            ended = msgspec.structs.replace(
                call.info, state="ended", ended_at=time.time(), reason=refusal.message
            )
            self._kit.board.publish(CallChanged(call=ended))

    def admit(self, key: str) -> None:
        """Raises `PhoneRefusedError` when no call can be made under this key now."""
        if not key or key in self._by_key:
            raise PhoneRefusedError("This call exists already.", "Choose a new key for the new call.")
        if not self._free():
            raise PhoneRefusedError("All lines of this phone are busy.", "End a call first.")

    def _make(self, call: PhoneCall, uri: str, prm: pj.CallOpParam) -> None:
        key = call.info.key
        if not self._kit.sip.pace.take(ice=self._accounts.get(call.info.account).account.ice):
            raise PhoneRefusedError("Too many calls were begun in this moment.", "Try again.")
        self._by_key[key] = call
        try:
            call.makeCall(uri, prm)
        except pj.Error as error:
            self._kit.sip.log.warning("dial_failed", call=key, error=words(error))
            call.gone = True  # the refusal tells the seat
            self._forget(key, call)
            raise PhoneRefusedError(
                f"The call cannot be started: {error.reason}.", "Check the number and the network."
            ) from None
        call.publish()

    def get(self, key: str) -> PhoneCall:
        """A call that is up; raises `PhoneRefusedError` when it is over."""
        call = self._by_key.get(key)
        if call is None or call.gone:
            raise PhoneRefusedError("This call is over.", "")
        return call

    def active(self, key: str) -> PhoneCall:
        """A connected call; raises `PhoneRefusedError` when it is not."""
        call = self.get(key)
        if call.info.state != "active":
            raise PhoneRefusedError("This call is not connected.", "Wait until it is.")
        return call

    def _operate(self, step: Callable[[], None]) -> None:
        try:
            step()
        except pj.Error as error:
            self._kit.sip.log.warning("call_step_failed", error=words(error))
            raise PhoneRefusedError("The call has just ended.", "") from None

    def _forget(self, key: str, call: PhoneCall) -> None:
        call.drop()
        del self._by_key[key]
        self._closing = [recorder for recorder in self._closing if not recorder.closed]
        if call.recorder is not None:
            self._closing.append(call.recorder)
        self._kit.sip.collect_soon()
