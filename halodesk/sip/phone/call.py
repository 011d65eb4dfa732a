"""One call: pjsua2's object, the state the seat sees, its bridge and its recorder.

Rules:

1. Callbacks note what happened and return. Nothing is let go in them: `Calls.tidy` does so
   after the event pump.
2. The recorder starts when the call is answered (CONFIRMED) and has sound, and its timeline
   ends with the call. It starts masked while a lease is held (`Masks.admit`).
3. A leg made for another call (`beside`) has no file of its own: it is on that call's tape.
4. The seat hears of the end once, when the recording is closed, or after
   `CLOSE_WAIT_S` if the disk is that slow.
5. Hold is what the other side agreed to, not what we asked for; one request at a time. Until
   it is off again the microphone sends nothing. `wants_hold` is followed by `Calls.tidy`, as soon as
   the other side can be asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec
import pjsua2 as pj

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import (
    CallChanged,
    CallInfo,
    HoldState,
    MaskWindow,
)
from halodesk.sip.phone.account import PhoneAccount
from halodesk.sip.phone.audio.bridge import Bridge, Line, Sink
from halodesk.sip.phone.codecs import set_level
from halodesk.sip.phone.ending import Ending, recording_path, trouble_teller
from halodesk.sip.phone.endpoint import Guard
from halodesk.sip.phone.far_side import FarSide
from halodesk.sip.phone.invite import clean, is_taken_elsewhere, read_tags, read_why
from halodesk.sip.phone.kit import CallKit
from halodesk.sip.phone.reasons import HOLD_REFUSED, ended_words
from halodesk.sip.phone.recorder import Gate, Recorder
from halodesk.sip.phone.states import message_of, table_of, transfer_ended
from halodesk.sip.phone.tape import Tape, Tapes

CLOSE_WAIT_S = 2.0
_ASK_AGAIN_S = 0.1

_FORBIDDEN = 403
_DECLINE = 603
_CHALLENGES = frozenset({401, 407})
_NOT_THERE = frozenset({404, 484})
"""The other side knows no such address."""


class PhoneCall(FarSide):
    """A call known to the seat. Made, used and dropped on the SIP thread."""

    def __init__(
        self, kit: CallKit, account: PhoneAccount, info: CallInfo, call_id: int | None = None
    ) -> None:
        """`call_id`: pjsua2's id of an incoming call; None for a call yet to be made."""
        super().__init__(kit, account, info, pj.PJSUA_INVALID_ID if call_id is None else call_id)
        self.recorder: Recorder | None = None
        self.elsewhere: Callable[[], None] | None = None
        """Tries the next address when this one is unknown to the other side; done after letting go."""
        self.wants_hold: bool | None = None
        """Hold that is wished for and not asked for yet."""
        self._ask_from = 0.0
        self.referred = False
        """The PBX has been asked to take the other side from us."""
        self.refer_code = 0
        """What the other side last said of a transfer (SIP status); 0 before it has."""
        self.media_round = 0
        """Counts media that was set up anew: whatever was connected to it is not any more."""
        self.tapes = Tapes(info.key, info.beside)
        self._audio_index = 0
        self._begun = time.monotonic() - max(0.0, time.time() - info.begun_at)
        self._settled = False
        self._hold_before: HoldState | None = None
        self._told: tuple[MaskWindow, ...] = ()
        self._bridge: Bridge | None = None
        self._ended_by_us = False
        self._cancelled = ""
        """What the caller's CANCEL gives as its reason."""
        self._over_tls = account.account.transport == "tls"
        self._srtp = account.account.srtp

    # what the seat asks

    def accept(self) -> None:
        """Answers an incoming call; raises `pj.Error` when it is too late."""
        prm = pj.CallOpParam()
        prm.statusCode = 200
        self.answer(prm)

    def identify(self) -> None:
        """Notes the Call-ID of an incoming call."""
        self.info = msgspec.structs.replace(self.info, sip_call_id=clean(self.getInfo().callIdString))

    def ring(self) -> None:
        """Tells the caller that we are ringing."""
        prm = pj.CallOpParam()
        prm.statusCode = 180
        self.answer(prm)

    def refuse_or_end(self, code: int = 0) -> None:
        """Hangs up; an unanswered incoming call is declined with `code` (603 if 0)."""
        self._ended_by_us = True
        prm = pj.CallOpParam()
        if self.info.direction == "in" and self.info.answered_at is None:
            prm.statusCode = code or _DECLINE
        self.hangup(prm)

    def tell_windows(self) -> None:
        """Tells the seat of mask windows it has not heard of."""
        if self.recorder is not None and not self.gone and self.recorder.gate.windows() != self._told:
            self.publish()

    def ask_hold(self, on: bool) -> None:
        """Asks the other side by re-INVITE; raises `pj.Error` when it cannot be asked now."""
        prm = pj.CallOpParam(True)  # with the default settings: without them there would be no media
        before: HoldState = "on" if self.info.hold == "on" else "off"
        self._note_hold("pending")
        try:
            if on:
                self.setHold(prm)
            else:
                prm.opt.flag = pj.PJSUA_CALL_UNHOLD
                self.reinvite(prm)
        except pj.Error:
            self._note_hold(before)
            self.publish()
            raise
        self._hold_before = before
        self.publish()

    def follow_hold(self) -> None:
        """Asks for the hold that is wished for, when the other side can be asked."""
        wanted = self.wants_hold
        if wanted is None or self.gone or self.info.state != "active" or self.info.hold == "pending":
            return
        if (self.info.hold == "on") is wanted:
            self.wants_hold = None
        elif time.monotonic() >= self._ask_from:
            try:
                self.ask_hold(wanted)
                self.wants_hold = None
            except pj.Error:  # another request is under way
                self._ask_from = time.monotonic() + _ASK_AGAIN_S

    @property
    def speaks(self) -> bool:
        """Sound goes both ways at this moment."""
        return not self.gone and self.info.state == "active" and self.info.hold == "off" and self._settled

    @property
    def audio_index(self) -> int:
        """Which of the call's media is its sound."""
        return self._audio_index

    def far_end(self) -> pj.AudioMedia:
        """The other side's sound in the bridge; only while the call `speaks`."""
        return self.getAudioMedia(self._audio_index)

    def note(self, **changes: object) -> None:
        """Changes what the seat sees, and tells it."""
        self.info = msgspec.structs.replace(self.info, **changes)
        self.publish()

    def refer(self, target: str, prm: pj.CallOpParam) -> None:
        """Asks the PBX to call `target` (a Refer-To value) for the other side; raises `pj.Error`."""
        self.referred, self.refer_code = True, 0
        self.xfer(target, prm)

    def refer_to_leg(self, leg: PhoneCall) -> None:
        """Asks the PBX to join the far ends of this call and of `leg`; raises `pj.Error`."""
        self.referred, self.refer_code = True, 0
        self.xferReplaces(leg, pj.CallOpParam(True))

    @property
    def tape(self) -> Tape | None:
        """The tape of this call's own file."""
        return self.tapes.own

    def set_microphone(self, muted: bool) -> None:
        """Shuts or opens the microphone."""
        self.info = msgspec.structs.replace(self.info, microphone_muted=muted)
        self._gate_microphone()
        self.publish()

    def change_line(self, change: Callable[[Line], Line]) -> None:
        """Another line speaks and hears from the next frame on; raises `PhoneRefusedError` without sound."""
        if self._bridge is None:
            raise PhoneRefusedError("The call has no sound yet.", "Wait until it is answered.")
        self._bridge.line = change(self._bridge.line)

    def publish(self) -> None:
        """Tells the seat how the call stands."""
        info = self.info
        if self.recorder is not None and info.state != "ended":
            recording = self.recorder.recording()
            self._told = recording.windows
            info = msgspec.structs.replace(info, recording=recording)
        self.kit.board.publish(CallChanged(call=info))

    # what pjsua2 reports

    def onCallState(self, prm: pj.OnCallStateParam) -> None:
        with Guard(self.kit.sip.log, "call_state"):
            state = self.getInfo()
            if not self.info.sip_call_id:
                self.info = msgspec.structs.replace(self.info, sip_call_id=clean(state.callIdString))
            if state.state == pj.PJSIP_INV_STATE_DISCONNECTED:
                self._finish(state.lastStatusCode, clean(state.lastReason), message_of(prm.e))
                return
            new = table_of(self.info).get(state.state)
            if new is None or new == self.info.state:
                return
            self.info = msgspec.structs.replace(self.info, state=new)
            if new == "active":
                self._answered(clean(state.remoteContact), message_of(prm.e))
                self._settle()
            self._log(new)
            self.publish()

    def onCallMediaState(self, _prm: pj.OnCallMediaStateParam) -> None:
        with Guard(self.kit.sip.log, "call_media_state"):
            state = self.getInfo()  # must live as long as its vector of media is read
            self.media_round += 1
            for index, media in enumerate(state.media):
                if media.type != pj.PJMEDIA_TYPE_AUDIO:
                    continue
                if media.status in (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD):
                    held = media.status == pj.PJSUA_CALL_MEDIA_REMOTE_HOLD
                    self.info = msgspec.structs.replace(self.info, held_by_other=held)
                    self._connect(index)
                    break
                if media.status == pj.PJSUA_CALL_MEDIA_LOCAL_HOLD:
                    self._note_hold("on")
                    self.publish()
                    break

    def onCallTsxState(self, prm: pj.OnCallTsxStateParam) -> None:
        """A re-INVITE of ours that is refused leaves the call as it was."""
        with Guard(self.kit.sip.log, "call_tsx_state"):
            transaction = prm.e.body.tsxState.tsx
            self._heard_of_options(transaction)
            if transaction.method == "CANCEL" and not self._cancelled:
                message = message_of(prm.e)
                self._cancelled = read_why(message)
                if is_taken_elsewhere(message):
                    self.info = msgspec.structs.replace(self.info, taken_elsewhere=True)
            if self.info.hold != "pending" or self._hold_before is None:
                return
            ours = transaction.method == "INVITE" and transaction.role == pj.PJSIP_ROLE_UAC
            over = transaction.state in (pj.PJSIP_TSX_STATE_COMPLETED, pj.PJSIP_TSX_STATE_TERMINATED)
            if ours and over and transaction.statusCode >= 300 and transaction.statusCode not in _CHALLENGES:
                self.wants_hold = None
                self._note_hold(self._hold_before)
                self.publish()
                self.kit.board.publish(HOLD_REFUSED)

    def onCallTransferStatus(self, prm: pj.OnCallTransferStatusParam) -> None:
        """How a transfer of ours goes; `Transfers` looks at it."""
        with Guard(self.kit.sip.log, "call_transfer_status"):
            self.refer_code = prm.statusCode

    def onCallTransferRequest(self, prm: pj.OnCallTransferRequestParam) -> None:
        """The other side wants us to call somebody: never, or it could dial at our cost."""
        prm.statusCode = _DECLINE

    def onCallReplaceRequest(self, prm: pj.OnCallReplaceRequestParam) -> None:
        """An INVITE that takes over this call passes by the check of strangers: refused."""
        prm.statusCode = _FORBIDDEN

    def drop(self) -> None:
        """Lets go of the port; ends the recording of a call the other side never confirmed."""
        if not self.gone:
            self._finish(0, "")
        if self._bridge is not None:
            self.kit.bridges.give_back(self._bridge)
            self._bridge = None

    def _answered(self, target: str, message: str) -> None:
        """Notes the time, and what names the dialogue: whoever sent the INVITE is its From."""
        caller, callee = read_tags(message)
        ours = (caller, callee) if self._makes_the_call() else (callee, caller)
        at = self.info.answered_at
        self.info = msgspec.structs.replace(
            self.info,
            answered_at=self._now() if at is None else at,
            local_tag=ours[0],
            remote_tag=ours[1],
            remote_target=target,
        )

    def _makes_the_call(self) -> bool:
        return self.info.direction == "out" or bool(self.info.rescued_from)

    def _connect(self, index: int) -> None:
        audio = self.getAudioMedia(index)
        self._audio_index = index
        if self._bridge is None:
            log = self.kit.sip.log
            key = self.info.key
            self._bridge = self.kit.bridges.lend(
                self.line(), lambda text: log.error("audio_failed", call=key, error=text)
            )
            self.tapes.connect(self._feed)
        self._gate_microphone()
        audio.startTransmit(self._bridge)
        self._bridge.startTransmit(audio)
        stream = self.getStreamInfo(index)
        set_level(audio, stream.codecName)
        self.info = msgspec.structs.replace(
            self.info,
            codec=f"{stream.codecName}/{stream.codecClockRate}",
            secured=self._over_tls and self._encrypted(),
        )
        if self._settled and self.info.hold != "off":
            self._note_hold("off")
        if self.info.state == "active":
            self._settle()
            self.publish()
        elif self.info.state == "early":
            self.publish()

    def _encrypted(self) -> bool:
        """Whether SRTP is in use; pjsua2 tells it in its dump alone (RFC 4568 keys may be in RTP/AVP)."""
        return self._srtp != "off" and "SRTP status: Active" in self.dump(True, "")

    def _note_hold(self, hold: HoldState) -> None:
        self.info = msgspec.structs.replace(self.info, hold=hold)
        if hold != "pending":
            self._hold_before = None
        self._gate_microphone()

    def _gate_microphone(self) -> None:
        if self._bridge is not None:
            self._bridge.muted = self.info.hold != "off"
        if self.tones is not None:
            self.tones.muted = self.info.microphone_muted

    def _settle(self) -> None:
        """The call is answered and has sound: note the time, start the recorder (once)."""
        if self._bridge is None or self._settled:
            return
        self._settled = True
        if self.info.hold == "pending":
            self.kit.sip.post(self._hold_again)
        if self.info.setup_ms is None:
            elapsed = (time.monotonic() - self._begun) * 1000
            self.info = msgspec.structs.replace(self.info, setup_ms=round(elapsed, 1))
        if host := self.kit.tapes.get(self.info.beside):
            self.tapes.join(self.info.beside, host)
        elif not self.info.beside:
            self._record()

    def _record(self) -> None:
        if self.kit.recordings is None:
            return
        key, log = self.info.key, self.kit.sip.log
        gate = Gate(guard_s=self.kit.guard_s)
        if not self.info.emergency:  # nothing masks a call for help
            self.kit.masks.admit(key, gate)
        self.recorder = Recorder(
            recording_path(self.kit.recordings, sealed=self.kit.lock is not None),
            gate=gate,
            on_fault=trouble_teller(self.kit.board, log, key),
            lock=self.kit.lock,
        )
        self.kit.tapes[key] = self.tapes.begin(self.recorder)

    def _feed(self, sink: Sink | None) -> None:
        if self._bridge is not None:
            self._bridge.sink = sink

    def _hold_again(self) -> None:
        """A rescued call that was on hold; on a fresh turn, since pjsua2 is still busy answering."""
        if not self.gone:
            self.ask_hold(True)

    def _finish(self, code: int, phrase: str, message: str = "") -> None:
        if code not in _NOT_THERE or self._settled or self._ended_by_us:
            self.elsewhere = None
        if self.elsewhere is not None:
            self.gone = True
            return
        reason = self.why(code) or ended_words(
            by_us=self._ended_by_us,
            answered=self.info.answered_at is not None,
            incoming=self.info.direction == "in",
            code=code,
            phrase=phrase,
            more=self._cancelled or read_why(message),
            encrypted_only=self._srtp == "required",
            elsewhere=self.info.taken_elsewhere,
        )
        self.info = msgspec.structs.replace(
            self.info, state="ended", ended_at=self._now(), code=code, reason=reason
        )
        self.info = transfer_ended(self.info, self.referred, self.refer_code)
        self._log("ended")
        self.gone = True
        self.kit.masks.dismiss(self.info.key)
        if self._bridge is not None:
            self._bridge.sink = None
        self.tapes.end()
        self.kit.tapes.pop(self.info.key, None)
        if self.recorder is None:
            self.publish()
            return
        last = msgspec.structs.replace(self.info, recording=self.recorder.recording())
        ending = Ending(self.kit.board, self.kit.sip.log, last)
        self.kit.sip.call_later(CLOSE_WAIT_S, ending.publish)
        self.recorder.finish(ending.closed)

    def _now(self) -> float:
        """Unix seconds that never step back within a call, whatever the clock does."""
        return self.info.begun_at + time.monotonic() - self._begun

    def _log(self, state: str) -> None:
        info = self.info
        self.kit.sip.log.info(
            "call", call=info.key, direction=info.direction, state=state, code=info.code, codec=info.codec
        )
