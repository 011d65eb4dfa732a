"""The control `ari`: recordings an ARI application of Asterisk makes, paused with proof by read-back.

Rules:
- ARI does not list live recordings: settings say how the application names them, from the id of a
  channel or of a bridge. Every name that could be of this call is asked for; one that is there must be
  read back as paused.
- A call is every channel with its SIP Call-ID (`protocol_id`), and all that share a bridge with one.
- `pause` and never `mute`: what is muted cannot be read back. A pause cuts the timeline of that file.
- Asking again reads again: a recording that began since, or goes on, is found by the next renewal (1 s).
- Nothing here unmasks on its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from halodesk.engine.errors import RecorderError, SettingsError
from halodesk.recording.control import ControlType, Surroundings, parsed
from halodesk.runtime.ports import RecorderAnswer, RecorderVerdict, is_beside

_TODO = "Take no card data now; if it stays so, call IT."
_PLACES = ("{channel}", "{bridge}")


class AriSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`url`: of ARI, as in `http://pbx:8088/ari`. `names`: how the application names its recordings, with
    `{channel}` or `{bridge}` where their ids stand. `expects_recording`: finding none is a failure."""

    url: str
    username: str = ""
    password: str = ""
    names: tuple[str, ...]
    expects_recording: bool = True
    name: str = "PBX (ARI)"


class AriControl:
    """A `Control` for one Asterisk. Raises `SettingsError` for settings that cannot work."""

    def __init__(self, settings: AriSettings, *, timeout_s: float) -> None:
        parts = urlsplit(settings.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise SettingsError("`url` of ARI is no web address.", "As in http://pbx:8088/ari.")
        if not settings.names or any(all(p not in name for p in _PLACES) for name in settings.names):
            raise SettingsError(
                "`names` must say how recordings are called, each with {channel} or {bridge}.",
                'As in "names": ["rec-{channel}"].',
            )
        self.name = settings.name
        self._set, self._timeout_s = settings, timeout_s
        self._http: httpx.AsyncClient | None = None

    def start(self) -> None:
        """Nothing is kept open until somebody asks."""

    async def close(self) -> None:
        """Let go of the connections. What is paused stays paused."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    @property
    def tells_holders(self) -> bool:
        """No: what ARI says of a channel's endpoint is part of a name a user may choose."""
        return False

    async def holders(self, sip_call_id: str) -> frozenset[str]:
        """Raises `RecorderError`."""
        raise RecorderError("ARI does not say whose call this is.")

    async def mask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Pause every recording of this call, and read back that it is."""
        expects = self._set.expects_recording and not is_beside(lease)
        return await self._bounded(sip_call_id, "paused", expects)

    async def unmask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Let them go on, and read back that they do."""
        return await self._bounded(sip_call_id, "recording", False)

    def moved(self, old: str, new: str) -> None:
        """Nothing is remembered of a call."""

    async def _bounded(self, sip_call_id: str, wanted: str, expects: bool) -> RecorderAnswer:
        if not sip_call_id:
            return self._answer("failed", "There is no SIP Call-ID to find the call by.")
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._bring(sip_call_id, wanted, expects)
        except RecorderError as problem:
            return self._answer("failed", problem.message, problem.todo)
        except TimeoutError:
            return self._answer("failed", f"{self.name} proved nothing within {self._timeout_s:.1f} s.")

    async def _bring(self, sip_call_id: str, wanted: str, expects: bool) -> RecorderAnswer:
        names = await self._names(sip_call_id)
        states = await asyncio.gather(*(self._settled(name, wanted) for name in names))
        found = [state for state in states if state]
        if any(state != wanted for state in found):
            return self._answer("failed", f"A recording is {found[0]} where it should be {wanted}.")
        if not found:
            if expects:
                return self._answer("failed", "No recording found to pause.", "Check `names`: call IT.")
            return self._answer("confirmed", "No ARI recording of this call.")
        many = f"{len(found)} recording{'s' if len(found) > 1 else ''}"
        return self._answer("confirmed", f"{many} read back as {wanted}.")

    async def _names(self, sip_call_id: str) -> list[str]:
        """What recordings of this call may be called. Raises `RecorderError`."""
        channels, bridges = await asyncio.gather(self._get("/channels"), self._get("/bridges"))
        mine = {one["id"] for one in channels or () if one.get("protocol_id") == sip_call_id}
        if not mine:
            raise RecorderError("The PBX knows no call with this SIP Call-ID.", _TODO)
        ours = [one for one in bridges or () if mine & set(one.get("channels", ()))]
        members = mine.union(*(one["channels"] for one in ours))
        places = [("{channel}", one) for one in members] + [("{bridge}", one["id"]) for one in ours]
        return sorted(
            name.replace(place, id) for name in self._set.names for place, id in places if place in name
        )

    async def _settled(self, name: str, wanted: str) -> str:
        """State of a recording after it was asked for what is wanted; "" where there is none of that name."""
        path = f"/recordings/live/{quote(name, safe='')}"
        state = await self._state(path)
        if state in ("", wanted):
            return state
        await self._send("POST" if wanted == "paused" else "DELETE", f"{path}/pause")
        return await self._state(path)

    async def _state(self, path: str) -> str:
        found = await self._get(path)
        return str(found.get("state", "unknown")) if found is not None else ""

    async def _get(self, path: str) -> Any:
        answer = await self._send("GET", path)
        return None if answer.status_code == httpx.codes.NOT_FOUND else answer.json()

    async def _send(self, method: str, path: str) -> httpx.Response:
        """Raises `RecorderError`: not reached, refused, no JSON."""
        if self._http is None:
            self._http = httpx.AsyncClient(
                auth=(self._set.username, self._set.password),
                verify=httpx.create_ssl_context(trust_env=False),
                trust_env=False,
                timeout=httpx.Timeout(self._timeout_s),
            )
        try:
            answer = await self._http.request(method, self._set.url.rstrip("/") + path)
        except httpx.HTTPError as problem:
            raise RecorderError(f"{self.name} cannot be reached ({type(problem).__name__}).") from None
        gone = answer.status_code == httpx.codes.NOT_FOUND
        if not answer.is_success and not gone:
            words = {401: "does not know this user", 403: "does not allow this"}.get(answer.status_code)
            raise RecorderError(f"{self.name} {words or f'answered {answer.status_code}'}.", _TODO)
        if method == "GET" and not gone and "json" not in answer.headers.get("content-type", ""):
            raise RecorderError(f"{self.name} answered something else than ARI does.", "Check `url`.")
        return answer

    def _answer(self, verdict: RecorderVerdict, detail: str, todo: str = "") -> RecorderAnswer:
        if verdict != "confirmed" and not todo:
            todo = _TODO
        return RecorderAnswer(recorder=self.name, verdict=verdict, detail=detail, todo=todo)


def _build(settings: Mapping[str, Any], surroundings: Surroundings) -> AriControl:
    return AriControl(parsed(CONTROL.key, settings, AriSettings), timeout_s=surroundings.timeout_s)


def _peer(settings: Mapping[str, Any]) -> tuple[str, int]:
    parts = urlsplit(parsed(CONTROL.key, settings, AriSettings).url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


CONTROL = ControlType(key="ari", build=_build, peer=_peer)
