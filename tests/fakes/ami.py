"""A toy Asterisk manager interface on loopback that speaks the real wire protocol.

It models channels, bridges and MixMonitors as Asterisk 22 was seen to treat them (tests/lab/test_mask_pbx.py
meets the real one), and misbehaves on demand: set the attributes of `FakeAmi` at any time.
"""

from __future__ import annotations

import asyncio
import hashlib
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Message = dict[str, str]


@dataclass
class FakeChannel:
    """One channel; `monitors` holds one flag for each MixMonitor: masked or not."""

    name: str
    uniqueid: str
    linkedid: str
    sip_call_id: str = ""
    bridge: str = ""
    monitors: list[bool] = field(default_factory=list)


class FakeAmi:
    """The server. Everything a test does to the PBX is a method that sends the events Asterisk sends."""

    def __init__(self) -> None:
        self.username, self.secret = "lab", "fake-secret"
        self.version = "22.10.1"
        self.greeting = b"Asterisk Call Manager/11.0.0\r\n"
        self.offers_challenge = True
        self.closes_at = ""
        """Close the connection when this action arrives."""
        self.slow_s = 0.0
        self.events_for_mute = True
        """Off: a MixMonitorMute succeeds without its event."""
        self.denied: set[str] = set()
        """Actions answered with "Permission denied"."""
        self.before: Callable[[Message], None] = _nothing
        self.after: Callable[[Message], None] = _nothing
        """Called with each action, just before it is acted upon and just after it was answered."""
        self.channels: dict[str, FakeChannel] = {}
        self.bridges: dict[str, Message] = {}
        self.actions: list[Message] = []
        """Every action that was acted upon, in order."""
        self.logins = 0
        self.connections = 0
        self.port = 0
        self._awake = asyncio.Event()
        self._awake.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._handlers: set[asyncio.Task[None]] = set()
        self._logged_in: set[asyncio.StreamWriter] = set()
        self._serial = 0
        self._server: asyncio.Server | None = None

    # --- life ---------------------------------------------------------------------------------

    async def start(self, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", port, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and cut every connection."""
        self._awake.set()
        if self._server is not None:
            self._server.close()
        self.cut()
        if self._handlers:
            await asyncio.wait(self._handlers)

    def cut(self) -> None:
        """Cut every connection."""
        for writer in self._writers:
            writer.transport.abort()

    def freeze(self) -> None:
        """Fall silent: connections stay open, nothing is acted upon, no event leaves."""
        self._awake.clear()

    def thaw(self) -> None:
        """Act upon all that arrived meanwhile."""
        self._awake.set()

    def sent(self, action: str) -> list[Message]:
        """What arrived of one kind of action."""
        return [message for message in self.actions if message["Action"] == action]

    # --- what happens on the PBX --------------------------------------------------------------

    def call(self, name: str, *, sip_call_id: str = "", linked_to: str = "", records: int = 0) -> FakeChannel:
        """A channel is born, linked to another by name, with MixMonitors started on it."""
        self._serial += 1
        uniqueid = f"1700000000.{self._serial}"
        linkedid = self.channels[linked_to].linkedid if linked_to else uniqueid
        channel = self.channels[name] = FakeChannel(name, uniqueid, linkedid, sip_call_id)
        self.event("Newchannel", channel)
        for _ in range(records):
            self.record(name)
        return channel

    def record(self, name: str) -> None:
        self.channels[name].monitors.append(False)
        self.event("MixMonitorStart", self.channels[name])

    def stop_recording(self, name: str) -> None:
        self.channels[name].monitors.pop()
        self.event("MixMonitorStop", self.channels[name])

    def resume(self, name: str, direction: str = "both") -> None:
        """Someone else unmasks."""
        self.channels[name].monitors = [False for _ in self.channels[name].monitors]
        self.event("MixMonitorMute", self.channels[name], Direction=direction, State="0")

    def hang_up(self, name: str) -> None:
        self.event("Hangup", self.channels.pop(name))

    def enter(self, name: str, bridge: str, technology: str = "simple_bridge") -> None:
        self.channels[name].bridge = bridge
        self.bridges.setdefault(bridge, {"BridgeTechnology": technology})
        self.event("BridgeEnter", self.channels[name], BridgeUniqueid=bridge, BridgeTechnology=technology)

    def leave(self, name: str) -> None:
        bridge, self.channels[name].bridge = self.channels[name].bridge, ""
        self.event("BridgeLeave", self.channels[name], BridgeUniqueid=bridge)

    def rename(self, name: str, new: str, sip_call_id: str) -> None:
        """A masquerade: the channel stands for another SIP dialogue from now on."""
        channel = self.channels[new] = self.channels.pop(name)
        self.event("Rename", channel, Newname=new)
        channel.name, channel.sip_call_id = new, sip_call_id

    def event(self, name: str, channel: FakeChannel | None = None, /, **headers: str) -> None:
        about: Message = {}
        if channel is not None:
            about = {"Channel": channel.name, "Uniqueid": channel.uniqueid, "Linkedid": channel.linkedid}
        self.raw(_encode({"Event": name, "Privilege": "call,all", **about, **headers}))

    def raw(self, data: bytes) -> None:
        """Send bytes to every client that is logged in."""
        if self._awake.is_set():
            for writer in self._logged_in:
                writer.write(data)

    def is_masked(self, name: str) -> bool:
        """Something records on the channel, and nothing of it unmasked."""
        monitors = self.channels[name].monitors
        return bool(monitors) and all(monitors)

    # --- the wire -----------------------------------------------------------------------------

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handler = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._handlers.add(handler)
        handler.add_done_callback(self._handlers.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        challenge = str(self.connections * 1000003)
        try:
            await self._awake.wait()
            writer.write(self.greeting)
            async for message in _messages(reader):
                await self._awake.wait()
                if self.slow_s:
                    await asyncio.sleep(self.slow_s)
                if writer.is_closing():
                    break
                self.actions.append(message)
                if message["Action"] == self.closes_at:
                    break
                self.before(message)
                alive = self._act(message, writer, challenge)
                self.after(message)
                if not alive:
                    break
        except OSError:
            pass
        finally:
            self._logged_in.discard(writer)
            self._writers.discard(writer)
            writer.transport.abort()

    def _act(self, message: Message, writer: asyncio.StreamWriter, challenge: str) -> bool:
        """Answer one action; False ends the connection."""
        action, echo = message["Action"], {"ActionID": message["ActionID"]}

        def answer(response: str, **headers: str) -> None:
            writer.write(_encode({"Response": response, **echo, **headers}))

        if action == "Challenge":
            if self.offers_challenge:
                answer("Success", Challenge=challenge)
            else:
                answer("Error", Message="Must specify AuthType")
            return True
        if action == "Login":
            key = hashlib.md5((challenge + self.secret).encode(), usedforsecurity=False).hexdigest()
            proof = message.get("Key") == key if "Key" in message else message.get("Secret") == self.secret
            if not proof or message["Username"] != self.username:
                answer("Error", Message="Authentication failed")
                return False
            self.logins += 1
            self._logged_in.add(writer)
            answer("Success", Message="Authentication accepted")
            return True
        if writer not in self._logged_in or action in self.denied:
            answer("Error", Message="Permission denied")
            return True
        if action == "Ping":
            answer("Success", Ping="Pong")
        elif action == "CoreSettings":
            answer("Success", AsteriskVersion=self.version)
        elif action == "BridgeList":
            rows = [{"BridgeUniqueid": key, **row} for key, row in self.bridges.items()]
            self._list(writer, echo, "BridgeListItem", "BridgeListComplete", rows)
        elif action == "CoreShowChannels":
            rows = [
                {"Channel": c.name, "Uniqueid": c.uniqueid, "Linkedid": c.linkedid, "BridgeId": c.bridge}
                for c in self.channels.values()
            ]
            self._list(writer, echo, "CoreShowChannel", "CoreShowChannelsComplete", rows)
        elif message.get("Channel", "") not in self.channels:
            answer("Error", Message="No such channel")
        elif action == "Getvar":
            value = self.channels[message["Channel"]].sip_call_id
            answer("Success", Variable=message["Variable"], Value=value)
        elif action == "MixMonitorMute":
            channel = self.channels[message["Channel"]]
            if not channel.monitors:
                answer("Error", Message="Cannot set mute flag")
                return True
            channel.monitors = [message["State"] == "1" for _ in channel.monitors]
            answer("Success")
            if self.events_for_mute:
                self.event("MixMonitorMute", channel, Direction=message["Direction"], State=message["State"])
        else:
            answer("Error", Message="Invalid/unknown command")
        return True

    def _list(
        self, writer: asyncio.StreamWriter, echo: Message, item: str, end: str, rows: list[Message]
    ) -> None:
        writer.write(_encode({"Response": "Success", **echo, "EventList": "start"}))
        for row in rows:
            writer.write(_encode({"Event": item, **echo, **row}))
        writer.write(_encode({"Event": end, **echo, "EventList": "Complete", "ListItems": str(len(rows))}))


def _nothing(action: Message) -> None:
    """The usual hook."""


def _encode(message: Message) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in message.items()).encode() + b"\r\n"


async def _messages(reader: asyncio.StreamReader) -> AsyncIterator[Message]:
    message: Message = {}
    while line := await reader.readline():
        text = line.decode().rstrip("\r\n")
        if text:
            name, _, value = text.partition(": ")
            message[name] = value
        elif message:
            yield message
            message = {}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what announces itself to nobody; polls, ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110  # what is waited for is any state at all
            await asyncio.sleep(0.001)


@asynccontextmanager
async def fake_ami(tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeAmi]:
    """A running server on a free port, ended with the block."""
    server = FakeAmi()
    await server.start(tls)
    try:
        yield server
    finally:
        await server.stop()
