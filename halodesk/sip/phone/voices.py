"""Which calls a program speaks on or hears, and for which client.

Rules:
- One program speaks on a call; any number of clients may hear it.
- No client hears a call twice: one that speaks on it hears it by that, and not by `hear` beside it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from halodesk.engine.errors import PhoneRefusedError
from halodesk.protocol.phone_link import (
    FarSound,
    HearCall,
    LendVoice,
    NearSound,
    Notice,
    ReturnVoice,
    Speak,
    StopHearing,
    StopSpeech,
)
from halodesk.sip.phone.audio.bridge import Line
from halodesk.sip.phone.audio.hearer import Hearer, beneath_hearers
from halodesk.sip.phone.audio.talker import Talker
from halodesk.sip.phone.calls import Calls
from halodesk.sip.phone.hub import Client
from halodesk.sip.phone.masks import Masks

VoiceRequest = LendVoice | ReturnVoice | Speak | StopSpeech | HearCall | StopHearing


class Voices:
    """`take` on any thread, the rest on the SIP thread."""

    def __init__(self, calls: Calls, masks: Masks) -> None:
        self._calls, self._masks = calls, masks
        self._lock = threading.Lock()
        self._lent: dict[str, tuple[Talker, Client]] = {}
        self._hearers: dict[tuple[str, Client], Hearer] = {}

    def lend(self, key: str, client: Client) -> None:
        """A program of `client` speaks on the call, and hears it; else raises `PhoneRefusedError`."""
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

        call.change_line(lambda line: beneath_hearers(line, wrap))
        self.stop_hearing(key, client)

    def hear(self, key: str, client: Client, *, near: bool = False) -> None:
        """A program of `client` hears the far end, and where `near` whoever speaks to it.

        Raises `PhoneRefusedError` where the call has no sound, or the program hears it already.
        """
        call = self._calls.active(key)
        known = self._hearers.get((key, client))
        with self._lock:
            lent = self._lent.get(key)
        speaks = lent is not None and lent[0].here and lent[1] is client
        if speaks or (known is not None and known.here):
            raise PhoneRefusedError("This program hears the call already.")

        self._hearers = {place: one for place, one in self._hearers.items() if one.here}

        def wrap(line: Line) -> Line:
            hearer = Hearer(key, line, _sender(client), lambda: self._masks.state().masked, near=near)
            self._hearers[key, client] = hearer
            return hearer

        call.change_line(wrap)

    def stop_hearing(self, key: str, client: Client) -> None:
        """It hears no more, if it did."""
        hearer = self._hearers.pop((key, client), None)
        if hearer is not None:
            self._calls.take_off(key, hearer)

    def give_back(self, key: str) -> None:
        """The microphone speaks again. A call that is over has it back already."""
        with self._lock:
            lent = self._lent.pop(key, None)
        if lent is not None:
            lent[0].stop(())
            self._calls.take_off(key, lent[0])

    def forget(self, client: Client) -> None:
        """That client is gone: it hears nothing any more, its calls get their microphones back."""
        with self._lock:
            keys = [key for key, (_, whose) in self._lent.items() if whose is client]
        for key in keys:
            self.give_back(key)
        for key, whose in list(self._hearers):
            if whose is client:
                self.stop_hearing(key, whose)

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
        if isinstance(notice, FarSound | NearSound):
            client.offer(notice)
        else:
            client.send(notice)

    return send
