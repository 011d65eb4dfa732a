"""The control `webhook`: a hosted platform over its HTTP interface, masked with proof by read-back.

Rules:
- A request that was taken proves nothing. Only what the platform says when it is read back does:
  every recording it names must be in a `masked` state. One that is in no known state is not masked.
- Asking again reads again; a request goes out only where the reading does not say what is wanted.
  A call that was proven masked and is found recording is bad news first, then asked for again.
- `find` leads from the SIP Call-ID to the platform's own names for the call, in as many requests as it
  takes; their values are kept for the call and found anew once the platform does not know them.
- `account` is the found value that says whose leg it is: without it a server cannot use this control.
- The whole of a mask, waiting included, is bounded; what is not proven by then is not confirmed.
- Nothing here unmasks on its own; what the platform does when nobody asks is the platform's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import httpx
import msgspec

from halodesk.engine.errors import RecorderError, SettingsError
from halodesk.recording import json_path
from halodesk.recording import web_request as web
from halodesk.recording.control import Changed, ControlType, Surroundings, parsed
from halodesk.recording.json_path import Scalar
from halodesk.recording.web_request import WebRequest
from halodesk.runtime.ports import RecorderAnswer, RecorderVerdict

READ_AGAIN_S = 0.1
MANY = 1000
"""Calls whose names are remembered at most."""
CALL = "call"


class Lookup(WebRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request whose answer says something: name to path (`json_path`)."""

    values: dict[str, str]


class SignIn(Lookup, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How access is had; asked again after `lasts_s` seconds, or when the platform answers 401."""

    lasts_s: float = 3000.0


class WebhookSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`state`: path of the recordings' states in the answer to `read`; `masked` and `recording`: what they
    are called there. See docs/webhook.md for two worked examples."""

    name: str = "Hosted PBX"
    headers: dict[str, str] = {}
    secrets: dict[str, str] = {}
    sign_in: SignIn | None = None
    find: tuple[Lookup, ...] = ()
    account: str = ""
    mask: WebRequest
    unmask: WebRequest
    read: WebRequest
    state: str
    masked: tuple[Scalar, ...]
    recording: tuple[Scalar, ...]
    over: tuple[Scalar, ...] = ()
    """What a recording is called that has ended: it counts neither way."""
    expects_recording: bool = True
    timeout_s: float = 0.0
    """Seconds for one mask; 0: as long as the seat's lease waits."""


State = Literal["masked", "recording", "nothing", "strange"]


class _Call(msgspec.Struct, kw_only=True):
    """What is known of a call."""

    values: dict[str, str] = {}
    asked: bool = False
    """A mask went out, and no unmask was proven since."""
    proven: bool = False
    """The last reading said masked."""
    open: bool = False
    """The request was taken and nothing was read since: all there is, is the platform's word."""


class WebhookControl:
    """A `Control` for one hosted platform. Raises `SettingsError` for settings that cannot work."""

    def __init__(self, settings: WebhookSettings, *, on_changed: Changed, timeout_s: float) -> None:
        _check(settings)
        self.name = settings.name
        self._set, self._on_changed = settings, on_changed
        self._timeout_s = min(settings.timeout_s or timeout_s, timeout_s)
        self._secrets = web.read_secrets(settings.secrets)
        self._http: httpx.AsyncClient | None = None
        self._access: dict[str, str] = {}
        self._access_until = 0.0
        self._calls: dict[str, _Call] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def start(self) -> None:
        """Nothing is kept open until somebody asks."""

    async def close(self) -> None:
        """Let go of the connections. What is masked stays masked."""
        http, self._http = self._http, None
        if http is not None:
            await http.aclose()

    @property
    def tells_holders(self) -> bool:
        """Whether the settings say where the platform names the account."""
        return bool(self._set.account)

    async def holders(self, sip_call_id: str) -> frozenset[str]:
        """The account the platform names for this call. Raises `RecorderError`."""
        if not self._set.account:
            raise RecorderError(f"{self.name} does not say whose call this is.", "Set `account`.")
        try:
            async with asyncio.timeout(self._timeout_s):
                values = await self._found(sip_call_id)
        except web.UnknownThereError:
            return frozenset()
        except TimeoutError:
            raise RecorderError(f"{self.name} did not answer in time.") from None
        return frozenset({values[self._set.account]})

    # --- the port -----------------------------------------------------------------------------

    async def mask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Have the platform stop recording, and read back that it did."""
        return await self._bounded(sip_call_id, masking=True)

    async def unmask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Have the platform record again, and read back that it does."""
        return await self._bounded(sip_call_id, masking=False)

    def moved(self, old: str, new: str) -> None:
        """The platform's names for the call are found anew under `new`."""
        call = self._calls.pop(old, None)
        if call is not None:
            self._calls[new] = _Call(asked=call.asked)

    async def _bounded(self, sip_call_id: str, *, masking: bool) -> RecorderAnswer:
        if not sip_call_id:
            return self._answer("failed", "There is no SIP Call-ID to find the call by.")
        lock = self._locks.setdefault(sip_call_id, asyncio.Lock())
        while len(self._calls) >= MANY:
            self._calls.pop(next(iter(self._calls)))
        call = self._calls.setdefault(sip_call_id, _Call())
        try:
            async with asyncio.timeout(self._timeout_s), lock:
                return await self._bring(sip_call_id, call, masking)
        except web.UnknownThereError as problem:
            call.values = {}
            return self._answer("failed", problem.message, "Check how calls are found: call IT.")
        except RecorderError as problem:
            return self._answer("unconfirmed" if call.open else "failed", problem.message, problem.todo)
        except TimeoutError:
            words = f"{self.name} proved nothing within {self._timeout_s:.1f} s."
            return self._answer("unconfirmed" if call.open else "failed", words)

    async def _bring(self, sip_call_id: str, call: _Call, masking: bool) -> RecorderAnswer:
        """Read, ask where needed, read until it is so. Raises `RecorderError`; bounded by the caller."""
        call.open = False
        if not call.values:
            call.values = await self._found(sip_call_id)
        wanted: State = "masked" if masking else "recording"
        if call.asked or not masking:
            state = await self._state(call)
            if state == wanted:
                return self._done(call, masking)
            if masking and call.proven:
                call.proven = False
                bad = self._answer("failed", "It records again, though it was paused.")
                self._on_changed(sip_call_id, bad)
        if masking:
            call.asked = True
        await self._send(self._set.mask if masking else self._set.unmask, call.values)
        call.open = True
        while True:
            state = await self._state(call)
            if state == wanted:
                return self._done(call, masking)
            if state == "nothing":
                return self._nothing(masking)
            await asyncio.sleep(READ_AGAIN_S)

    def _done(self, call: _Call, masking: bool) -> RecorderAnswer:
        call.asked = call.proven = masking
        words = "Recording is paused, read back." if masking else "Recording goes on, read back."
        return self._answer("confirmed", words)

    def _nothing(self, masking: bool) -> RecorderAnswer:
        if not masking or not self._set.expects_recording:
            return self._answer("confirmed", "Nothing records this call.")
        return self._answer("failed", "No recording found to mask.", "Check that this call is recorded.")

    async def _state(self, call: _Call) -> State:
        """What the platform says of all its recordings of the call. Raises `RecorderError`."""
        answer = await self._send(self._set.read, call.values)
        call.open = False
        found = json_path.find(answer, self._set.state, lambda text: web.filled(text, call.values))
        found = [value for value in found if not _is_one_of(value, self._set.over)]
        if not found:
            return "nothing"
        if all(_is_one_of(value, self._set.masked) for value in found):
            return "masked"
        return "recording" if all(_is_one_of(value, self._set.recording) for value in found) else "strange"

    # --- asking -------------------------------------------------------------------------------

    async def _found(self, sip_call_id: str) -> dict[str, str]:
        """The platform's names for the call. Raises `UnknownThereError`, `RecorderError`."""
        values = {CALL: sip_call_id}
        for lookup in self._set.find:
            answer = await self._send(lookup, values)
            for name, path in lookup.values.items():
                fill = _filler(values)
                if not json_path.find(answer, path, fill):
                    raise web.UnknownThereError(f"{self.name} knows no call with this SIP Call-ID.")
                values[name] = json_path.the_one(answer, path, fill)
        return values

    async def _send(self, request: WebRequest, values: Mapping[str, str]) -> Any:
        """One request, signed in. Raises `RecorderError`."""
        try:
            return await self._once(request, values)
        except web.NotSignedInError:
            if self._set.sign_in is None:
                raise
        self._access_until = 0.0
        return await self._once(request, values)

    async def _once(self, request: WebRequest, values: Mapping[str, str]) -> Any:
        loop = asyncio.get_running_loop()
        sign_in = self._set.sign_in
        if sign_in is not None and loop.time() >= self._access_until:
            answer = await web.send(self._client(), sign_in, self._secrets, {})
            fill = _filler(self._secrets)
            self._access = {n: json_path.the_one(answer, path, fill) for n, path in sign_in.values.items()}
            self._access_until = loop.time() + sign_in.lasts_s
        known = {**values, **self._access, **self._secrets}
        return await web.send(self._client(), request, known, self._set.headers)

    def _client(self) -> httpx.AsyncClient:
        """Connections are kept: a lease is renewed each second, and every request may be sent twice."""
        if self._http is None:
            self._http = httpx.AsyncClient(
                verify=httpx.create_ssl_context(trust_env=False),
                trust_env=False,
                follow_redirects=False,
                timeout=httpx.Timeout(self._timeout_s),
                headers={"Accept": "application/json"},
            )
        return self._http

    def _answer(self, verdict: RecorderVerdict, detail: str, todo: str = "") -> RecorderAnswer:
        if verdict != "confirmed" and not todo:
            todo = "Take no card data now; if it stays so, call IT."
        return RecorderAnswer(recorder=self.name, verdict=verdict, detail=detail, todo=todo)


def _filler(values: Mapping[str, str]) -> Any:
    """Fills the templates inside a path."""
    return lambda text: web.filled(text, values)


def _is_one_of(value: Scalar, words: tuple[Scalar, ...]) -> bool:
    """1 is not true here."""
    return any(value == word and isinstance(value, bool) is isinstance(word, bool) for word in words)


def _check(settings: WebhookSettings) -> None:
    secrets = {web.KEPT + name for name in settings.secrets}
    if settings.sign_in is not None:
        web.check(settings.sign_in, frozenset(secrets))
        secrets |= settings.sign_in.values.keys()
    known = {CALL} | secrets
    paths = [settings.state, *(settings.sign_in.values.values() if settings.sign_in else ())]
    for lookup in settings.find:
        web.check(lookup, frozenset(known))
        known |= lookup.values.keys()
        paths += lookup.values.values()
    for request in (settings.mask, settings.unmask, settings.read):
        web.check(request, frozenset(known))
    web.check(WebRequest(url=settings.read.url, headers=settings.headers), frozenset(known))
    for path in paths:
        json_path.checked(path)
    if settings.account and settings.account not in known - secrets - {CALL}:
        raise SettingsError(f"`account` names “{settings.account}”, which no `find` finds.")
    words = (*settings.masked, *settings.recording, *settings.over)
    twice = any(_is_one_of(word, words[:number]) for number, word in enumerate(words))
    if not settings.masked or not settings.recording or twice:
        raise SettingsError(
            "`masked` and `recording` must name the platform's words for both, and no word twice.",
            "Look them up in the platform's reference.",
        )


def _build(settings: Mapping[str, Any], surroundings: Surroundings) -> WebhookControl:
    found = parsed(CONTROL.key, settings, WebhookSettings)
    return WebhookControl(found, on_changed=surroundings.on_changed, timeout_s=surroundings.timeout_s)


def _peer(settings: Mapping[str, Any]) -> tuple[str, int]:
    parts = urlsplit(parsed(CONTROL.key, settings, WebhookSettings).read.url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


CONTROL = ControlType(key="webhook", build=_build, peer=_peer)
