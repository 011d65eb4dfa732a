"""One call: pjsua2's object, the state the seat sees, its bridge and its recorder.

Rules:

1. Callbacks note what happened and return. Nothing is let go in them: `Calls.tidy` does so
   after the event pump.
2. The recorder starts when the call is answered (CONFIRMED) and has sound, and its timeline
   ends with the call. It starts masked while a lease is held (`Masks.admit`).
3. The seat hears of the end once, when the recording is closed, or after
   `CLOSE_WAIT_S` if the disk is that slow.
4. Hold is what the other side agreed to, not what we asked for; one request at a time. Until
   it is off again the microphone sends nothing.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pjsua2 as pj

from halodesk.protocol.phone_link import (
    CallChanged,
    CallInfo,
    CallState,
    DtmfMethod,
    Fault,
    HoldState,
    MaskWindow,
    Recording,
)
from halodesk.sip.phone.account import PhoneAccount
from halodesk.sip.phone.audio.bridge import Bridge, Bridges, LineFactory
from halodesk.sip.phone.board import Board
from halodesk.sip.phone.endpoint import Guard, SipThread
from halodesk.sip.phone.invite import clean, read_tags
from halodesk.sip.phone.masks import Masks
from halodesk.sip.phone.reasons import ended_words
from halodesk.sip.phone.recorder import GUARD_S, Gate, Recorder

CLOSE_WAIT_S = 2.0

_FORBIDDEN = 403
_DECLINE = 603
_CHALLENGES = frozenset({401, 407})
_NOT_THERE = frozenset({404, 484})
"""The other side knows no such address."""

_OUTGOING: dict[int, CallState] = {
    pj.PJSIP_INV_STATE_CALLING: "outgoing",
    pj.PJSIP_INV_STATE_EARLY: "early",
    pj.PJSIP_INV_STATE_CONNECTING: "connecting",
    pj.PJSIP_INV_STATE_CONFIRMED: "active",
}
_INCOMING: dict[int, CallState] = {
    pj.PJSIP_INV_STATE_INCOMING: "incoming",
    pj.PJSIP_INV_STATE_EARLY: "incoming",
    pj.PJSIP_INV_STATE_CONNECTING: "connecting",
    pj.PJSIP_INV_STATE_CONFIRMED: "active",
}


_RESCUED: dict[int, CallState] = {
    pj.PJSIP_INV_STATE_CALLING: "connecting",
    pj.PJSIP_INV_STATE_EARLY: "connecting",
    pj.PJSIP_INV_STATE_CONNECTING: "connecting",
    pj.PJSIP_INV_STATE_CONFIRMED: "active",
}


class CallKit(msgspec.Struct, frozen=True):
    """What every call of this phone works with."""

    sip: SipThread
    bridges: Bridges
    board: Board
    masks: Masks
    line: LineFactory
    recordings: Path | None
    """Folder of the recordings; None: nothing is recorded."""
    guard_s: float = GUARD_S


class PhoneCall(pj.Call):
    """A call known to the seat. Made, used and dropped on the SIP thread."""

    def __init__(
        self, kit: CallKit, account: PhoneAccount, info: CallInfo, call_id: int | None = None
    ) -> None:
        """`call_id`: pjsua2's id of an incoming call; None for a call yet to be made."""
        super().__init__(account.pj_account, pj.PJSUA_INVALID_ID if call_id is None else call_id)
        self.kit = kit
        self.info = info
        self.recorder: Recorder | None = None
        self.gone = False
        """pjsua2 has reported the end: let go of it."""
        self.elsewhere: Callable[[], None] | None = None
        """Tries the next address when this one is unknown to the other side; done after letting go."""
        self._begun = time.monotonic() - max(0.0, time.time() - info.begun_at)
        self._settled = False
        self._hold_before: HoldState | None = None
        self._told: tuple[MaskWindow, ...] = ()
        self._bridge: Bridge | None = None
        self._ended_by_us = False
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

    def set_microphone(self, muted: bool) -> None:
        """Shuts or opens the microphone."""
        self.info = msgspec.structs.replace(self.info, microphone_muted=muted)
        self._gate_microphone()
        self.publish()

    def press(self, digits: str, method: DtmfMethod) -> None:
        """Sends keypad tones; raises `pj.Error` when the other side takes none in this way."""
        prm = pj.CallSendDtmfParam()
        prm.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if method == "info" else pj.PJSUA_DTMF_METHOD_RFC2833
        prm.digits = digits
        self.sendDtmf(prm)

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
                self._finish(state.lastStatusCode, clean(state.lastReason))
                return
            new = self._table().get(state.state)
            if new is None or new == self.info.state:
                return
            self.info = msgspec.structs.replace(self.info, state=new)
            if new == "active":
                self._answered(clean(state.remoteContact), _message(prm.e))
                self._settle()
            self._log(new)
            self.publish()

    def onCallMediaState(self, _prm: pj.OnCallMediaStateParam) -> None:
        with Guard(self.kit.sip.log, "call_media_state"):
            state = self.getInfo()  # must live as long as its vector of media is read
            for index, media in enumerate(state.media):
                if media.type != pj.PJMEDIA_TYPE_AUDIO:
                    continue
                if media.status in (pj.PJSUA_CALL_MEDIA_ACTIVE, pj.PJSUA_CALL_MEDIA_REMOTE_HOLD):
                    self._connect(index)
                    break
                if media.status == pj.PJSUA_CALL_MEDIA_LOCAL_HOLD:
                    self._note_hold("on")
                    self.publish()
                    break

    def onCallTsxState(self, prm: pj.OnCallTsxStateParam) -> None:
        """A re-INVITE of ours that is refused leaves the call as it was."""
        with Guard(self.kit.sip.log, "call_tsx_state"):
            if self.info.hold != "pending" or self._hold_before is None:
                return
            transaction = prm.e.body.tsxState.tsx
            ours = transaction.method == "INVITE" and transaction.role == pj.PJSIP_ROLE_UAC
            over = transaction.state in (pj.PJSIP_TSX_STATE_COMPLETED, pj.PJSIP_TSX_STATE_TERMINATED)
            if ours and over and transaction.statusCode >= 300 and transaction.statusCode not in _CHALLENGES:
                self._note_hold(self._hold_before)
                self.publish()
                self.kit.board.publish(
                    Fault(
                        code="hold_refused",
                        message="The other side did not agree to the change of hold.",
                        todo="Try again in a moment.",
                    )
                )

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

    def _table(self) -> dict[int, CallState]:
        if self.info.rescued_from:
            return _RESCUED
        return _INCOMING if self.info.direction == "in" else _OUTGOING

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
        if self._bridge is None:
            log = self.kit.sip.log
            key = self.info.key
            self._bridge = self.kit.bridges.lend(
                self.kit.line(), lambda text: log.error("audio_failed", call=key, error=text)
            )
        self._gate_microphone()
        audio.startTransmit(self._bridge)
        self._bridge.startTransmit(audio)
        stream = self.getStreamInfo(index)
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
            self._bridge.muted = self.info.microphone_muted or self.info.hold != "off"

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
        if self.kit.recordings is None:
            return
        gate = Gate(guard_s=self.kit.guard_s)
        self.kit.masks.admit(self.info.key, gate)
        self.recorder = Recorder(
            _recording_path(self.kit.recordings), gate=gate, on_fault=_trouble_teller(self.kit, self.info.key)
        )
        self._bridge.sink = self.recorder

    def _hold_again(self) -> None:
        """A rescued call that was on hold; on a fresh turn, since pjsua2 is still busy answering."""
        if not self.gone:
            self.ask_hold(True)

    def _finish(self, code: int, phrase: str) -> None:
        if code not in _NOT_THERE or self._settled or self._ended_by_us:
            self.elsewhere = None
        if self.elsewhere is not None:
            self.gone = True
            return
        reason = ended_words(
            by_us=self._ended_by_us,
            answered=self.info.answered_at is not None,
            incoming=self.info.direction == "in",
            code=code,
            phrase=phrase,
            encrypted_only=self._srtp == "required",
        )
        self.info = msgspec.structs.replace(
            self.info, state="ended", ended_at=self._now(), code=code, reason=reason
        )
        self._log("ended")
        self.gone = True
        self.kit.masks.dismiss(self.info.key)
        if self._bridge is not None:
            self._bridge.sink = None
        if self.recorder is None:
            self.publish()
            return
        ending = _Ending(self.kit, msgspec.structs.replace(self.info, recording=self.recorder.recording()))
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


def _message(event: pj.SipEvent) -> str:
    """The SIP message that brought a change of state; empty when a timer did."""
    body = event.body  # parts of a pj struct do not keep it alive
    if event.type == pj.PJSIP_EVENT_TX_MSG:
        return str(body.txMsg.tdata.wholeMsg)
    if event.type == pj.PJSIP_EVENT_RX_MSG:
        return str(body.rxMsg.rdata.wholeMsg)
    if event.type == pj.PJSIP_EVENT_TSX_STATE:
        source = body.tsxState.src
        return str(
            source.tdata.wholeMsg if body.tsxState.type == pj.PJSIP_EVENT_TX_MSG else source.rdata.wholeMsg
        )
    return ""


class _Ending:
    """Tells the end of a recorded call once: with the closed file, or in time without it."""

    def __init__(self, kit: CallKit, info: CallInfo) -> None:
        self._kit = kit
        self._info = info
        self._lock = threading.Lock()
        self._told = False

    def closed(self, recording: Recording) -> None:
        """The file is complete; writer thread."""
        self._kit.sip.log.info(
            "recording_closed",
            call=self._info.key,
            path=recording.path,
            samples=recording.samples,
            windows=len(recording.windows),
            lost=recording.lost_frames,
        )
        self._tell(msgspec.structs.replace(self._info, recording=recording))

    def publish(self) -> None:
        """The disk takes too long; SIP thread."""
        self._tell(self._info)

    def _tell(self, info: CallInfo) -> None:
        with self._lock:
            if self._told:
                return
            self._told = True
        self._kit.board.publish(CallChanged(call=info))


def _trouble_teller(kit: CallKit, call: str) -> Callable[[str], None]:
    """Tells disk trouble. Must not hold the call: the recorder may outlive pjsua2."""

    def tell(text: str) -> None:
        kit.sip.log.error("recording_trouble", call=call, error=text)
        kit.board.publish(
            Fault(
                code="recording_trouble",
                message=f"{text} The call goes on; its recording has a silent gap.",
                todo="Free space on the disk of the recordings.",
            )
        )

    return tell


def _recording_path(folder: Path) -> Path:
    """A new name that says when, and nothing about who."""
    return folder / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{uuid.uuid4().hex[:12]}.flac"
