"""Which calls a program speaks on, and for which client."""

from __future__ import annotations

import threading
from collections.abc import Callable

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import FarSound, LendVoice, Notice, ReturnVoice, Speak, StopSpeech
from halodesk.sip.phone.audio.bridge import Line
from halodesk.sip.phone.audio.talker import Talker
from halodesk.sip.phone.calls import Calls
from halodesk.sip.phone.hub import Client
from halodesk.sip.phone.masks import Masks

VoiceRequest = LendVoice | ReturnVoice | Speak | StopSpeech


class Voices:
    """`lend`, `give_back` and `forget` on the SIP thread; `take` on any."""

    def __init__(self, calls: Calls, masks: Masks) -> None:
        self._calls, self._masks = calls, masks
        self._lock = threading.Lock()
        self._lent: dict[str, tuple[Talker, Client]] = {}

    def lend(self, key: str, client: Client) -> None:
        """A program of `client` speaks on the call. Raises `PhoneRefusedError` where it cannot."""
        call = self._calls.active(key)
        with self._lock:
            known = self._lent.get(key)
            if known is not None and known[0].here:
                raise PhoneRefusedError("A program speaks on this call already.", "End that one first.")

        def wrap(line: Line) -> Line:
            talker = Talker(key, line, _sender(client), lambda: self._masks.state().masked)
            with self._lock:
                self._lent[key] = (talker, client)
            return talker

        call.change_line(wrap)

    def give_back(self, key: str) -> None:
        """The microphone speaks again. A call that is over has it back already."""
        with self._lock:
            lent = self._lent.pop(key, None)
        if lent is not None:
            lent[0].stop(())
            self._calls.give_line_back(key, lent[0])

    def forget(self, client: Client) -> None:
        """That client is gone: its calls get their microphones back."""
        with self._lock:
            keys = [key for key, (_, whose) in self._lent.items() if whose is client]
        for key in keys:
            self.give_back(key)

    def take(self, request: Speak | StopSpeech) -> None:
        """Queues sound, or cuts it. Raises `PhoneRefusedError` where no program speaks."""
        with self._lock:
            lent = self._lent.get(request.call)
        if lent is None or not lent[0].here:
            raise PhoneRefusedError("No program speaks on this call.", "Ask for its voice first.")
        if isinstance(request, Speak):
            lent[0].speak(request.speech, request.pcm, last=request.last)
        else:
            lent[0].stop(request.speeches)


def _sender(client: Client) -> Callable[[Notice], None]:
    def send(notice: Notice) -> None:
        if isinstance(notice, FarSound):
            client.offer(notice)
        else:
            client.send(notice)

    return send
