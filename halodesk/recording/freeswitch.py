"""The control `freeswitch`: what FreeSWITCH records of a call, masked over its event socket (ESL).

Rules:
- A call is every channel with the same `call_uuid` as the one that carries the SIP Call-ID.
- What records is read off each channel (`uuid_buglist`: a media bug `session_record` names its file), and
  each file is masked by `uuid_record UUID mask FILE`. The timeline is kept.
- Proof: the command sets the mark on the running recording before it answers, and answers `-ERR` where
  there is no such recording. So "+OK" for each file, with the list read again after it and none new in
  it, is confirmed. There is no way to read the mark itself; asking again sets it again.
- One connection, used by one request at a time. One that broke while nobody asked is made anew at once.
- Nothing here unmasks on its own.

Written against FreeSWITCH's documented interface and tried against a server of ours that speaks it, not
yet against a real FreeSWITCH.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree as xml

import msgspec

from halodesk.engine.errors import RecorderError
from halodesk.recording.control import ControlType, Surroundings, parsed
from halodesk.recording.esl_wire import EslConnection
from halodesk.runtime.ports import RecorderAnswer, RecorderVerdict, is_beside

_TODO = "Take no card data now; if it stays so, call IT."
_ROUNDS = 4

Recording = tuple[str, str]
"""Channel and file."""


class FreeSwitchSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`expects_recording`: the PBX is known to record these calls, so finding nothing to mask fails."""

    host: str
    port: int = 8021
    password: str = ""
    expects_recording: bool = True


class _Row(msgspec.Struct):
    uuid: str
    call_uuid: str = ""


class _Rows(msgspec.Struct):
    rows: tuple[_Row, ...] = ()


class FreeSwitchControl:
    """A `Control` for one FreeSWITCH; belongs to one event loop."""

    def __init__(self, settings: FreeSwitchSettings, *, timeout_s: float) -> None:
        self.name = f"PBX (FreeSWITCH {settings.host})"
        self._set, self._timeout_s = settings, timeout_s
        self._lock = asyncio.Lock()
        self._connection: EslConnection | None = None

    def start(self) -> None:
        """Nothing is kept open until somebody asks."""

    async def close(self) -> None:
        """Hang up. What is masked stays masked."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
            await connection.closed()

    @property
    def tells_holders(self) -> bool:
        """No: this control works at the seat alone."""
        return False

    async def holders(self, sip_call_id: str) -> frozenset[str]:
        """Raises `RecorderError`."""
        raise RecorderError("This control cannot tell whose call it is.")

    async def mask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Mask every recording of this call."""
        expects = self._set.expects_recording and not is_beside(lease)
        return await self._bounded(sip_call_id, masking=True, expects=expects)

    async def unmask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Let them go on."""
        return await self._bounded(sip_call_id, masking=False)

    def moved(self, old: str, new: str) -> None:
        """Nothing is remembered of a call."""

    async def _bounded(self, sip_call_id: str, *, masking: bool, expects: bool = False) -> RecorderAnswer:
        if not sip_call_id:
            return self._answer("failed", "There is no SIP Call-ID to find the call by.")
        try:
            async with asyncio.timeout(self._timeout_s), self._lock:
                return await self._once_more(sip_call_id, masking, expects)
        except RecorderError as problem:
            return self._answer("failed", problem.message, problem.todo)
        except TimeoutError:
            return self._answer("failed", f"The PBX did not answer within {self._timeout_s:.1f} s.")

    async def _once_more(self, sip_call_id: str, masking: bool, expects: bool) -> RecorderAnswer:
        used = self._connection is not None
        try:
            return await self._bring(sip_call_id, masking, expects)
        except RecorderError:
            self._drop()
            if not used:
                raise
        except BaseException:
            self._drop()  # what still comes over this connection answers another question
            raise
        return await self._bring(sip_call_id, masking, expects)

    async def _bring(self, sip_call_id: str, masking: bool, expects: bool) -> RecorderAnswer:
        """Mask what records until nothing new does. Raises `RecorderError`."""
        done: set[Recording] = set()
        for _ in range(_ROUNDS):
            found = await self._recordings(sip_call_id)
            if found <= done:
                return self._proven(len(found), masking, expects)
            for channel, file in sorted(found - done):
                act = "mask" if masking else "unmask"
                said = await self._api(f"uuid_record {channel} {act} {file}")
                if not said.startswith("+OK"):
                    if (channel, file) in await self._recordings(sip_call_id):
                        raise RecorderError(f"The PBX refused to {act} a recording.", _TODO)
                    continue  # it ended meanwhile
                done.add((channel, file))
        raise RecorderError("The recordings of this call kept changing while they were asked.")

    def _proven(self, count: int, masking: bool, expects: bool) -> RecorderAnswer:
        if not count:
            if masking and expects:
                return self._answer(
                    "failed", "No PBX recording found to mask.", "Check that the PBX records it."
                )
            return self._answer("confirmed", "The PBX records nothing of this call.")
        many = f"{count} recording{'s' if count > 1 else ''} of this call"
        words = f"The PBX has masked {many}." if masking else f"The PBX records {many} again."
        return self._answer("confirmed", words)

    async def _recordings(self, sip_call_id: str) -> set[Recording]:
        """Every recording of the call's channels. Raises `RecorderError`."""
        return {
            (channel, file)
            for channel in await self._channels(sip_call_id)
            for file in await self._files(channel)
        }

    async def _channels(self, sip_call_id: str) -> list[str]:
        try:
            rows = msgspec.json.decode(await self._api("show channels as json"), type=_Rows).rows
        except msgspec.DecodeError:
            raise RecorderError("The PBX did not list its calls.", _TODO) from None
        for row in rows:
            if await self._api(f"uuid_getvar {row.uuid} sip_call_id") == sip_call_id:
                call = row.call_uuid or row.uuid
                return [one.uuid for one in rows if call in (one.call_uuid, one.uuid)]
        raise RecorderError(
            "The PBX knows no call with this SIP Call-ID.",
            "If a device between phone and PBX changes Call-IDs, this control cannot work: call IT.",
        )

    async def _files(self, channel: str) -> list[str]:
        said = await self._api(f"uuid_buglist {channel}")
        if said.startswith("-ERR"):
            return []  # the channel is gone
        try:
            bugs = xml.fromstring(said) if said else None  # noqa: S314 - of the PBX IT has named
        except xml.ParseError:
            raise RecorderError("The PBX did not say what records this call.", _TODO) from None
        if bugs is None:
            return []
        return [
            bug.findtext("target", "")
            for bug in bugs.iter("media-bug")
            if bug.findtext("function", "") == "session_record"
        ]

    async def _api(self, command: str) -> str:
        if self._connection is None:
            found = self._set
            self._connection = await EslConnection.open(found.host, found.port, found.password)
        return (await self._connection.api(command)).strip()

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _answer(self, verdict: RecorderVerdict, detail: str, todo: str = "") -> RecorderAnswer:
        if verdict != "confirmed" and not todo:
            todo = _TODO
        return RecorderAnswer(recorder=self.name, verdict=verdict, detail=detail, todo=todo)


def _build(settings: Mapping[str, Any], surroundings: Surroundings) -> FreeSwitchControl:
    found = parsed(CONTROL.key, settings, FreeSwitchSettings)
    return FreeSwitchControl(found, timeout_s=surroundings.timeout_s)


def _peer(settings: Mapping[str, Any]) -> tuple[str, int]:
    found = parsed(CONTROL.key, settings, FreeSwitchSettings)
    return found.host, found.port


CONTROL = ControlType(key="freeswitch", build=_build, peer=_peer)
