"""What a call hears of its other side beside sound: keys, being sent on, and whether it is still there."""

from __future__ import annotations

import time
from abc import abstractmethod

import msgspec
import pjsua2 as pj

from halodesk.protocol.phone_link import CallInfo, DtmfMethod, HeardBy
from halodesk.sip.phone.account import PhoneAccount
from halodesk.sip.phone.audio.bridge import Line
from halodesk.sip.phone.dtmf import KeyTones
from halodesk.sip.phone.endpoint import Guard
from halodesk.sip.phone.keypad import Keypad
from halodesk.sip.phone.kit import CallKit
from halodesk.sip.phone.redirect import LOOP, no_way
from halodesk.sip.phone.vigil import Vigil

KEYS_KEPT = 8
"""Of the keys the other side pressed: too few for the number of a card."""
_SAME_KEY_S = 0.5
"""A gateway may leave the tones in the sound beside the event they stand for."""
_LOOK_S = 1.0

GONE = "The other side has gone without a word."


class FarSide(pj.Call):
    """Base of `PhoneCall`. SIP thread only, but for what `KeyTones` does on the media clock."""

    def __init__(self, kit: CallKit, account: PhoneAccount, info: CallInfo, call_id: int) -> None:
        super().__init__(account.pj_account, call_id)
        self.kit = kit
        self.info = info
        self.gone = False
        """pjsua2 has reported the end: let go of it."""
        self.why_ended = ""
        """Known before the other side says so: its address is not followed, say."""
        self.tones: KeyTones | None = None
        self.keypad = Keypad()
        self._account = account.account
        self._sent_on = 0
        self._key_at = 0.0
        self._vigil = Vigil()
        self._look_at = 0.0

    @abstractmethod
    def publish(self) -> None:
        """Tells the seat how the call stands."""

    @property
    @abstractmethod
    def audio_index(self) -> int:
        """Which of the media is the sound."""

    def line(self) -> Line:
        """The agent's end of this call, with a keypad of tones in between."""
        self.tones = KeyTones(
            self.kit.line(), lambda key: self.kit.sip.post(lambda: self._heard(key, "inband"))
        )
        return self.tones

    def press(self, digits: str, method: DtmfMethod) -> None:
        """Sends keypad tones; raises `pj.Error` when the other side takes none in this way.

        `auto`: as events where the other side has agreed to them (RFC 4733), else in the sound.
        """
        if method == "inband":
            self._press_in_sound(digits)
            return
        prm = pj.CallSendDtmfParam()
        prm.method = pj.PJSUA_DTMF_METHOD_SIP_INFO if method == "info" else pj.PJSUA_DTMF_METHOD_RFC2833
        prm.digits = digits
        try:
            self.sendDtmf(prm)
        except pj.Error:
            if method != "auto":
                raise
            self._press_in_sound(digits)

    def _press_in_sound(self, digits: str) -> None:
        if self.tones is not None:
            self.tones.press(digits)

    def why(self, code: int) -> str:
        """Why the call ended with this status, where it is known better than from the status."""
        return self.why_ended or (LOOP if 300 <= code < 400 and self._sent_on else "")

    def look_around(self) -> None:
        """Asks whether the other side is there, when nothing has been heard of it for long."""
        now = time.monotonic()
        if now < self._look_at or self.gone or self.info.state != "active":
            return
        self._look_at = now + _LOOK_S
        try:
            statistics = self.getStreamStat(self.audio_index)
            if self._vigil.due(statistics.rtcp.rxStat.pkt, now):
                self._vigil.asked(now)
                prm = pj.CallSendRequestParam()
                prm.method = "OPTIONS"
                self.sendRequest(prm)
        except pj.Error:  # its sound is being set up anew
            return

    def onDtmfDigit(self, prm: pj.OnDtmfDigitParam) -> None:
        """A key of the other side, as an event in the stream or in an INFO request."""
        with Guard(self.kit.sip.log, "dtmf_digit"):
            self._heard(prm.digit, "info" if prm.method == pj.PJSUA_DTMF_METHOD_SIP_INFO else "rfc4733")

    def onCallRedirected(self, prm: pj.OnCallRedirectedParam) -> int:
        """The PBX sends the call on: see `redirect`."""
        with Guard(self.kit.sip.log, "call_redirected"):
            refused = no_way(prm.targetUri, self._account, self._sent_on)
            if not refused:
                self._sent_on += 1
                self.info = msgspec.structs.replace(self.info, sent_on_to=prm.targetUri.strip("<>")[:255])
                self.publish()
                return pj.PJSIP_REDIRECT_ACCEPT
            self.why_ended = refused
            self.kit.sip.log.info("call_not_sent_on", call=self.info.key)
        return pj.PJSIP_REDIRECT_REJECT

    def _heard_of_options(self, transaction: pj.SipTransaction) -> None:
        """Ends a call whose other side knows nothing of it, or is away for good."""
        ours = transaction.method == "OPTIONS" and transaction.role == pj.PJSIP_ROLE_UAC
        if not ours or not self._vigil.asking or transaction.statusCode < 200:
            return
        if self._vigil.answered(transaction.statusCode):
            self.why_ended = GONE
            self.kit.sip.log.warning("far_side_gone", call=self.info.key, code=transaction.statusCode)
            self.kit.sip.post(self._hang_up_for_good)

    def _hang_up_for_good(self) -> None:
        if not self.gone:
            self.hangup(pj.CallOpParam())

    def _heard(self, key: str, by: HeardBy) -> None:
        """A key of the other side: told, unless the recording is masked, and never logged."""
        now = time.monotonic()
        again = now - self._key_at < _SAME_KEY_S and by != self.info.keys_by
        if again and self.info.keys_heard.endswith(key):
            return
        if self.gone or not key or key not in "0123456789*#ABCD" or self.kit.masks.state().masked:
            return
        self._key_at = now
        heard = (self.info.keys_heard + key)[-KEYS_KEPT:]
        self.info = msgspec.structs.replace(self.info, keys_heard=heard, keys_by=by)
        self.publish()
