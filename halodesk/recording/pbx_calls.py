"""Which channels of an Asterisk make up one call, and what is known to record there.

Rules:
- Fed with what the manager interface says since the connection came up (a full list first, events
  after it). It never asks; a wrong entry heals when the PBX says "No such channel".
- A call is more than one channel. In a queue the recording sits on the caller's channel, not on the
  agent's. So a call is every channel reached from the first ones through a shared Linkedid, a shared
  bridge, or both again. Linkedids alone are not enough: participants of a ConfBridge keep their own.
- Holding bridges (parking) join strangers and are not followed.
- A channel whose birth was not seen may carry a recording that was never announced to us.
- The ConfBridge recorder (`CBRec`) is a channel that the manager interface hides and that cannot be
  masked: a conference it records is marked. When it began before we looked, only the bridge's count
  of channels tells: one hidden channel is the announcer, more are a recorder.

Event fields as Asterisk 22 sends them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from halodesk.engine.errors import RecorderError
from halodesk.recording.ami_wire import AmiMessage

HOLDING = "holding_bridge"
_OF_ENDPOINT = re.compile(r"PJSIP/(.+)-[0-9a-f]{8,16}")
"""What chan_pjsip calls a channel; one that is being replaced has a suffix and belongs to nobody."""


class Channel(msgspec.Struct, kw_only=True):
    """One channel. `uniqueid` is its identity; the name may change."""

    uniqueid: str
    name: str
    linkedid: str = ""
    bridge: str = ""
    sip_call_id: str = ""
    """SIP Call-ID once it was asked for, else ""."""
    recordings: int = 0
    """MixMonitors announced as started and not as stopped."""
    born_seen: bool = False

    @property
    def endpoint(self) -> str:
        """The PJSIP endpoint the PBX made this channel for; "" where its name does not say so."""
        found = _OF_ENDPOINT.fullmatch(self.name)
        return found[1] if found is not None else ""

    @property
    def may_record(self) -> bool:
        """A recording is known here, or could have begun before we listened."""
        return self.recordings > 0 or not self.born_seen


class PbxCalls:
    """The table of channels. Not thread-safe: the loop's thread only."""

    def __init__(self) -> None:
        self._channels: dict[str, Channel] = {}
        self._by_linkedid: dict[str, set[str]] = {}
        self._by_bridge: dict[str, set[str]] = {}
        self._holding: set[str] = set()
        self._recorded_bridges: set[str] = set()

    def seed(self, channels: Iterable[AmiMessage], bridges: Iterable[AmiMessage]) -> None:
        """Add the rows of `CoreShowChannels` and `BridgeList` to what events have said already."""
        conferences: dict[str, int] = {}
        for row in bridges:
            bridge = row.get("BridgeUniqueid")
            if row.get("BridgeTechnology") == HOLDING:
                self._hold(bridge)
            elif row.get("BridgeCreator") == "ConfBridge" and row.get("BridgeNumChannels").isdecimal():
                conferences[bridge] = int(row.get("BridgeNumChannels"))
        self.add_unknown(channels)
        for bridge, count in conferences.items():
            if count - len(self._by_bridge.get(bridge, ())) > 1:
                self._recorded_bridges.add(bridge)

    def add_unknown(self, channels: Iterable[AmiMessage]) -> None:
        """Add those rows of `CoreShowChannels` that are new; about the others events know better."""
        for row in channels:
            if row.get("Uniqueid") not in self._channels:
                channel = self._upsert(row, row.get("Channel"))
                if channel is not None:
                    self._enter(channel, row.get("BridgeId"))

    def apply(self, event: AmiMessage) -> Channel | None:
        """Take in one event; returns the channel it is about, if it still exists afterwards."""
        kind = event.event
        bridge = event.get("BridgeUniqueid")
        if kind == "ConfbridgeRecord":
            self._recorded_bridges.add(bridge)
        elif kind in ("ConfbridgeStopRecord", "ConfbridgeEnd", "BridgeDestroy"):
            self._recorded_bridges.discard(bridge)
            if kind == "BridgeDestroy":
                self._holding.discard(bridge)
        name = event.get("Newname") if kind == "Rename" else event.get("Channel")
        if kind == "Hangup":
            self.forget(event.get("Uniqueid"))
            return None
        channel = self._upsert(event, name)
        if channel is None:
            return None
        if kind == "Newchannel":
            channel.born_seen = True
        elif kind == "Rename":
            # A masquerade: the channel may now stand for another SIP dialogue.
            channel.sip_call_id = ""
        elif kind == "MixMonitorStart":
            channel.recordings += 1
        elif kind == "MixMonitorStop":
            channel.recordings = max(0, channel.recordings - 1)
        elif kind == "BridgeEnter":
            if event.get("BridgeTechnology") == HOLDING:
                self._hold(bridge)
            self._enter(channel, bridge)
        elif kind == "BridgeLeave":
            self._enter(channel, "")
        return channel

    def forget(self, uniqueid: str) -> None:
        """The channel is gone."""
        channel = self._channels.pop(uniqueid, None)
        if channel is not None:
            _discard(self._by_linkedid, channel.linkedid, uniqueid)
            _discard(self._by_bridge, channel.bridge, uniqueid)

    def get(self, uniqueid: str) -> Channel | None:
        return self._channels.get(uniqueid)

    def of_sip_call(self, sip_call_id: str) -> set[str]:
        """Unique ids of the channels known to carry this SIP Call-ID; several where someone forged it."""
        return {uid for uid, channel in self._channels.items() if channel.sip_call_id == sip_call_id}

    def without_sip_call_id(self) -> list[Channel]:
        """PJSIP channels that were not asked for their Call-ID yet, newest first."""
        unasked = [c for c in self._channels.values() if c.name.startswith("PJSIP/") and not c.sip_call_id]
        return unasked[::-1]

    def call_of(self, uniqueids: Iterable[str]) -> set[str]:
        """Every channel of the call that these belong to (those still there included)."""
        found: set[str] = set()
        open_ends = [uid for uid in uniqueids if uid in self._channels]
        while open_ends:
            uid = open_ends.pop()
            if uid in found:
                continue
            found.add(uid)
            channel = self._channels[uid]
            open_ends.extend(self._by_linkedid.get(channel.linkedid, ()))
            open_ends.extend(self._by_bridge.get(channel.bridge, ()))
        return found

    def members(self, bridge: str) -> set[str]:
        """Channels in this bridge."""
        return set(self._by_bridge.get(bridge, ()))

    def conference_records(self, uniqueids: Iterable[str]) -> bool:
        """Whether one of these channels sits in a conference that the ConfBridge recorder records."""
        channels = (self._channels.get(uid) for uid in uniqueids)
        return any(channel is not None and channel.bridge in self._recorded_bridges for channel in channels)

    def _upsert(self, message: AmiMessage, name: str) -> Channel | None:
        uniqueid = message.get("Uniqueid")
        if not uniqueid or not name:
            return None
        channel = self._channels.get(uniqueid)
        if channel is None:
            channel = self._channels[uniqueid] = Channel(uniqueid=uniqueid, name=name)
        channel.name = name
        linkedid = message.get("Linkedid")
        if linkedid and linkedid != channel.linkedid:
            _discard(self._by_linkedid, channel.linkedid, uniqueid)
            channel.linkedid = linkedid
            self._by_linkedid.setdefault(linkedid, set()).add(uniqueid)
        return channel

    def _enter(self, channel: Channel, bridge: str) -> None:
        _discard(self._by_bridge, channel.bridge, channel.uniqueid)
        channel.bridge = "" if bridge in self._holding else bridge
        if channel.bridge:
            self._by_bridge.setdefault(channel.bridge, set()).add(channel.uniqueid)

    def _hold(self, bridge: str) -> None:
        self._holding.add(bridge)
        for uniqueid in self._by_bridge.pop(bridge, set()):
            self._channels[uniqueid].bridge = ""


def unknown_call() -> RecorderError:
    """What is told of a SIP Call-ID that none of the channels carries."""
    return RecorderError(
        "The PBX knows no call with this SIP Call-ID.",
        "If a device between phone and PBX changes Call-IDs, this control cannot work: call IT.",
    )


def _discard(index: dict[str, set[str]], key: str, uniqueid: str) -> None:
    members = index.get(key)
    if members is not None:
        members.discard(uniqueid)
        if not members:
            del index[key]
