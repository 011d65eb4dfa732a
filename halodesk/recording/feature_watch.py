"""What an Asterisk tells of the recordings of a call, for a control that acts by other means.

Rules:
- It asks and never acts: the manager user needs `read = call` and `write = reporting`, no more.
- A recording is known by its events alone; Asterisk has no question for it. So a channel whose birth was not
  seen (it is older than the connection), or that took part in a masquerade (a recorder moves along without
  a word), is not known to record nothing, and neither is its call.
- `MixMonitorStart` takes a mute back: what began is not muted.
- What an event changed is in `state` before `on_news` is called.

What a call is: see `pbx_calls`. What is not seen: `Monitor`, ARI recordings, recorders outside of Asterisk.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from typing import Literal

from halodesk.engine.errors import RecorderError
from halodesk.recording.ami import AmiAccess, AmiClient
from halodesk.recording.ami_wire import AmiMessage
from halodesk.recording.mixmonitor import MixMonitors
from halodesk.recording.pbx_calls import unknown_call

Tape = Literal["recording", "paused", "nothing", "unknown", "conference", "gone"]
"""`paused`: there was a recording and it is stopped or mute. `nothing`: there never was one.
`conference`: the recorder of a conference, which no code can stop. `gone`: no channel is left."""

MAX_EARLY_EVENTS = 20_000


class RecordingWatch:
    """Follows one Asterisk. All of it belongs to one event loop.

    `on_news()` is called after each event, `on_lost(words)` when the connection is lost.
    """

    def __init__(
        self,
        access: AmiAccess,
        *,
        on_news: Callable[[], None],
        on_lost: Callable[[str], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._on_news, self._on_lost = on_news, on_lost
        self._client = AmiClient(access, self, tls=tls)
        self._pbx = MixMonitors(self._client)
        self._ready = False
        self._early: list[AmiMessage] = []
        self._looking: asyncio.Task[None] | None = None
        self._muted: set[str] = set()
        self._recorded: set[str] = set()
        """Channels on which a recording began."""
        self._unsure: set[str] = set()
        """Channels of a masquerade."""
        self._change = asyncio.Event()

    def start(self) -> None:
        """Connect and stay connected."""
        self._client.start()

    async def close(self) -> None:
        """Stop."""
        await self._client.close()
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait([self._looking])

    async def find(self, sip_call_id: str, deadline: float) -> set[str]:
        """The call with this SIP Call-ID: its channels, by `deadline` (loop time). Raises `RecorderError`."""
        if not self._ready:
            problem = self._client.problem or "The PBX's calls are being read."
            raise RecorderError("The PBX manager interface is not connected.", problem)
        calls = self._pbx.calls
        roots = calls.of_sip_call(sip_call_id)
        if not roots:
            await self._pbx.look_again(deadline)
            roots = calls.of_sip_call(sip_call_id)
        if not roots:
            raise unknown_call()
        return calls.call_of(roots)

    def state(self, channels: set[str]) -> Tape:
        """How it stands with the recordings of the call that these channels belong to."""
        if not self._ready:
            return "unknown"
        calls = self._pbx.calls
        call = calls.call_of(channels)
        if not call:
            return "gone"
        if calls.conference_records(call):
            return "conference"
        found = [channel for uid in call if (channel := calls.get(uid)) is not None]
        if any(channel.recordings and channel.uniqueid not in self._muted for channel in found):
            return "recording"
        if any(not channel.born_seen or channel.uniqueid in self._unsure for channel in found):
            return "unknown"
        return "paused" if call & self._recorded else "nothing"

    async def changed(self, deadline: float) -> None:
        """Return after the next event. Raises `TimeoutError` at `deadline` (loop time)."""
        change = self._change
        async with asyncio.timeout_at(deadline):
            await change.wait()

    # --- what the PBX says --------------------------------------------------------------------

    def ami_up(self) -> None:
        """Connected: read the PBX's calls."""
        self._early.clear()
        self._looking = asyncio.get_running_loop().create_task(self._first_look())

    def ami_down(self, words: str) -> None:
        """Connection lost: nothing is known any more."""
        self._ready = False
        for known in (self._muted, self._recorded, self._unsure):
            known.clear()
        self._on_lost(words)
        self._turned()

    async def _first_look(self) -> None:
        try:
            if not await self._pbx.first_look():
                return
        except RecorderError as problem:
            self._client.drop(problem)
            return
        self._ready = True
        for event in self._early:
            self._take(event)
        self._early.clear()
        self._on_news()
        self._turned()

    def ami_event(self, event: AmiMessage) -> None:
        """Keep the table."""
        if not self._ready:
            self._early.append(event)
            if len(self._early) > MAX_EARLY_EVENTS:
                self._client.drop(RecorderError("The PBX sends events faster than its calls can be read."))
            return
        self._take(event)
        self._on_news()
        self._turned()

    def _take(self, event: AmiMessage) -> None:
        uniqueid, kind = event.get("Uniqueid"), event.event
        self._pbx.calls.apply(event)
        if kind == "Hangup":
            for known in (self._muted, self._recorded, self._unsure):
                known.discard(uniqueid)
        elif kind == "Rename":
            self._unsure.add(uniqueid)
        elif kind == "MixMonitorStart":
            self._recorded.add(uniqueid)
            self._muted.discard(uniqueid)
        elif kind == "MixMonitorMute":
            if event.get("State") == "1" and event.get("Direction").lower() == "both":
                self._muted.add(uniqueid)
            else:
                self._muted.discard(uniqueid)

    def _turned(self) -> None:
        self._change.set()
        self._change = asyncio.Event()
