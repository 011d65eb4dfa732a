"""Single questions to an Asterisk about one channel: mask it with proof, its SIP Call-ID; and the first look.

Rules:
- Proof for a channel is both: the response Success, and the `MixMonitorMute` event of that channel
  that says both directions are off now. The event carries no ActionID, so it counts only when it came
  after the request went out, and only as long as no later event took it back.
- "Cannot set mute flag" is Asterisk's way to say that nothing records on that channel. It is taken as
  the truth also where a start was announced: the announcement is sent even if the recorder did not
  come up, and a recorder moves with a masquerade without a word.
- Asterisk before 18.18 and 20.3 masks one of several MixMonitors of a channel and still reports
  success (ASTERISK-30464).
"""

from __future__ import annotations

import asyncio
import re
from typing import Literal

import msgspec

from halodesk.engine.errors import RecorderError
from halodesk.recording.ami import AmiClient, refused
from halodesk.recording.ami_wire import AmiMessage
from halodesk.recording.pbx_calls import Channel, PbxCalls

SEED_SECONDS = 5.0
GETVAR_BATCH = 200
"""Questions under way at once; Asterisk answers them one after the other."""


class Outcome(msgspec.Struct, frozen=True):
    """What one channel answered. `no event`: acknowledged without proof; `words`: why it failed."""

    kind: Literal["done", "nothing", "gone", "no event", "failed"]
    words: str = ""
    todo: str = ""


class _Proof:
    """What the `MixMonitorMute` events of one channel said since a request went out."""

    def __init__(self) -> None:
        self.masked: bool | None = None
        self.news = asyncio.Event()


class MixMonitors:
    """Asks one PBX over `client`, and keeps `calls` true with what it answers."""

    def __init__(self, client: AmiClient) -> None:
        self.calls = PbxCalls()
        self.version = "of an unknown version"
        self.masks_all = False
        """Whether one request masks every MixMonitor of a channel."""
        self._client = client
        self._proofs: dict[str, list[_Proof]] = {}

    async def first_look(self) -> bool:
        """Read the PBX's version and channels; False where a newer connection took over meanwhile.

        Raises `RecorderError`: refused, lost or too slow.
        """
        calls = self.calls = PbxCalls()
        settings = await self._client.ask("CoreSettings", timeout_s=SEED_SECONDS)
        bridges = await self._client.ask_list("BridgeList", timeout_s=SEED_SECONDS)
        channels = await self._client.ask_list("CoreShowChannels", timeout_s=SEED_SECONDS)
        if calls is not self.calls:
            return False
        self.version = settings.get("AsteriskVersion") or "of an unknown version"
        self.masks_all = masks_all_monitors(self.version)
        calls.seed(channels, bridges)
        return True

    async def look_again(self, deadline: float) -> None:
        """Add channels that no event told of (yet), and their SIP Call-IDs. Raises `RecorderError`."""
        calls = self.calls
        calls.add_unknown(await self._client.ask_list("CoreShowChannels", timeout_s=_left(deadline)))
        await self.ask_call_ids(deadline)

    async def ask_call_ids(self, deadline: float) -> None:
        """Learn the SIP Call-ID of every PJSIP channel that was not asked yet. Raises `RecorderError`."""
        unasked = self.calls.without_sip_call_id()
        for start in range(0, len(unasked), GETVAR_BATCH):
            batch = unasked[start : start + GETVAR_BATCH]
            await asyncio.gather(*(self._ask_call_id(channel, deadline) for channel in batch))

    async def _ask_call_id(self, channel: Channel, deadline: float) -> None:
        headers = [("Channel", channel.name), ("Variable", "CHANNEL(pjsip,call-id)")]
        answer = await self._client.ask("Getvar", headers, timeout_s=_left(deadline))
        if answer.success:
            channel.sip_call_id = answer.get("Value")
        elif _says(answer, "no such channel"):
            self.calls.forget(channel.uniqueid)
        else:
            raise refused("Getvar", answer)

    async def flip(self, channel: Channel, masking: bool, deadline: float) -> Outcome:
        """Mask or unmask what records on this channel; waits for the proof until `deadline` (loop time)."""
        proof = _Proof()
        self._proofs.setdefault(channel.uniqueid, []).append(proof)
        headers = [("Channel", channel.name), ("Direction", "both"), ("State", "1" if masking else "0")]
        try:
            answer = await self._client.ask("MixMonitorMute", headers, timeout_s=_left(deadline))
            if _says(answer, "no such channel"):
                self.calls.forget(channel.uniqueid)
                return Outcome("gone")
            if _says(answer, "cannot set mute flag"):
                channel.recordings, channel.born_seen = 0, True
                return Outcome("nothing")
            if not answer.success:
                problem = refused("MixMonitorMute", answer)
                return Outcome("failed", problem.message, problem.todo)
            async with asyncio.timeout_at(deadline):
                while proof.masked is not masking:
                    proof.news.clear()
                    await proof.news.wait()
            channel.recordings = max(1, channel.recordings)
            return Outcome("done")
        except TimeoutError:
            return Outcome("no event")
        except RecorderError as problem:
            return Outcome("failed", problem.message, problem.todo)
        finally:
            waiting = self._proofs[channel.uniqueid]
            waiting.remove(proof)
            if not waiting:
                del self._proofs[channel.uniqueid]

    def mute_event(self, channel: Channel, event: AmiMessage) -> bool:
        """Take in a `MixMonitorMute` event; True where it stopped recording, False where it resumed it."""
        both, masked = event.get("Direction").lower() == "both", event.get("State") == "1"
        for proof in self._proofs.get(channel.uniqueid, ()):
            if both:
                proof.masked = masked
            elif not masked:
                proof.masked = None  # one direction records again: neither masked nor unmasked
            proof.news.set()
        return masked


def masks_all_monitors(version: str) -> bool:
    """Whether this Asterisk masks every MixMonitor of a channel at once; False when it cannot be told."""
    found = re.match(r"(?:certified[/-])?(\d+)\.(\d+)", version)
    if found is None:
        return False
    major, minor = int(found[1]), int(found[2])
    return major >= 21 or (major == 20 and minor >= 3) or (major == 18 and minor >= 18)


def _says(answer: AmiMessage, words: str) -> bool:
    return answer.get("Message").lower() == words


def _left(deadline: float) -> float:
    return max(0.01, deadline - asyncio.get_running_loop().time())
