"""The control `feature_code`: a code of the PBX, pressed on the call as keypad tones, pauses its recording.

Rules:
- Nothing answers a code. It counts as confirmed only where the PBX's manager, asked beside it (`ami`),
  tells that no channel of the call is recorded any more; without that the verdict is "unconfirmed",
  and policy decides what it is worth.
- A code is pressed once for one wish. Asking again, as a lease does each second, looks and does not press.
  Only where the PBX tells, `SETTLE_S` later, that it still records is it pressed again, `MOST_PRESSES`
  times in all: a wrong code would be heard by the other side for ever.
- A code that toggles (`toggle`) needs `ami`, and is pressed only while the state of the recording is known
  and no earlier press can still be on its way: pressed blind it could start what it is to stop.
- What was not paused here is not resumed here, unless a life before this one may have paused it.
- A recording that starts while the call is to be paused is told at once, and the lease asks at once.
- Nothing here resumes on its own. `close` and a lost connection leave the PBX as it is.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Mapping
from typing import Any, Literal
from weakref import WeakValueDictionary

import msgspec

from halodesk.engine.errors import RecorderError, SettingsError
from halodesk.recording.ami import AmiAccess
from halodesk.recording.control import Changed, ControlType, Press, Surroundings, parsed
from halodesk.recording.feature_watch import RecordingWatch, Tape
from halodesk.runtime.ports import RecorderAnswer, RecorderVerdict, is_beside

SETTLE_S = 3.0
"""Tones of a code take half a second, a PBX waits for more digits for one or two."""
MOST_PRESSES = 2
MANY = 64
"""Calls remembered at most: one that ends while it is paused is never resumed."""

_CODE = re.compile(r"[0-9*#A-D]{1,11}")
_TODO = "Take no card data now; if it stays so, call IT."
_NEVER = float("-inf")

Act = Literal["pause", "resume"]


class CodeAmi(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The manager that proves: its user needs `read = call`, `write = reporting` and can act on nothing."""

    host: str
    port: int = 5038
    username: str = ""
    secret: str = ""
    tls: bool = False


class FeatureCodeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`pause` and `resume`, or one `toggle` for both. `expects_recording`: finding none fails (`ami`)."""

    pause: str = ""
    resume: str = ""
    toggle: str = ""
    ami: CodeAmi | None = None
    expects_recording: bool = True
    name: str = "PBX (code)"


class _Call(msgspec.Struct, kw_only=True):
    """What is remembered of a call."""

    wanted: Act
    ours: bool | None
    """Whether the recording was paused from here; None: perhaps, before this program was started."""
    sent: Act | None = None
    sent_at: float = _NEVER
    presses: int = 0
    """Since the PBX last did what was wanted."""
    channels: set[str] = msgspec.field(default_factory=set)
    told: Tape | None = None
    asking: bool = False
    """A request looks at it: what happens meanwhile is its own to tell."""


class FeatureCodeControl:
    """A `Control`. Raises `SettingsError` for settings that cannot work."""

    def __init__(
        self, settings: FeatureCodeSettings, *, press: Press, on_changed: Changed, timeout_s: float
    ) -> None:
        self.name = settings.name
        self._codes = _codes(settings)
        self._toggles = bool(settings.toggle)
        self._expects = settings.expects_recording
        self._press, self._on_changed, self._timeout_s = press, on_changed, timeout_s
        self._calls: dict[str, _Call] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._pressing: set[asyncio.Task[None]] = set()
        self._watch: RecordingWatch | None = None
        if (ami := settings.ami) is not None:
            self._watch = RecordingWatch(
                AmiAccess(host=ami.host, port=ami.port, username=ami.username, secret=ami.secret),
                on_news=self._look,
                on_lost=self._lost,
                tls=ssl.create_default_context() if ami.tls else None,
            )

    def start(self) -> None:
        """Connect to the manager, where there is one."""
        if self._watch is not None:
            self._watch.start()

    async def close(self) -> None:
        """Stop. What is paused stays paused."""
        if self._pressing:
            await asyncio.wait(self._pressing, timeout=self._timeout_s)
        if self._watch is not None:
            await self._watch.close()

    @property
    def tells_holders(self) -> bool:
        """No: codes are pressed at a seat, on its own call."""
        return False

    async def holders(self, sip_call_id: str) -> frozenset[str]:
        """Raises `RecorderError`."""
        raise RecorderError("A feature code does not say whose call this is.")

    # --- the port -----------------------------------------------------------------------------

    async def mask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Pause the recording of this call, with proof where there is a manager to give it."""
        call = self._calls.get(sip_call_id)
        if call is None:
            call = self._calls[sip_call_id] = _Call(wanted="pause", ours=False)
            while len(self._calls) > MANY:
                del self._calls[next(iter(self._calls))]
        return await self._bounded(sip_call_id, call, "pause", self._expects and not is_beside(lease))

    async def unmask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Let it go on, where it was paused from here."""
        call = self._calls.setdefault(sip_call_id, _Call(wanted="resume", ours=None))
        answer = await self._bounded(sip_call_id, call, "resume", False)
        if answer.verdict == "confirmed" and self._calls.get(sip_call_id) is call:
            del self._calls[sip_call_id]
        return answer

    def moved(self, old: str, new: str) -> None:
        """The recording stays with the other side's channel: what was pressed holds."""
        if (call := self._calls.pop(old, None)) is not None:
            call.channels.clear()
            self._calls[new] = call

    async def _bounded(self, sip_call_id: str, call: _Call, act: Act, expects: bool) -> RecorderAnswer:
        """One request at a time for a call."""
        if call.wanted != act:
            call.wanted, call.presses, call.told = act, 0, None
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        lock = self._locks.setdefault(sip_call_id, asyncio.Lock())
        try:
            async with asyncio.timeout_at(deadline), lock:
                if call.wanted != act:
                    return self._failed("Something else was asked meanwhile.")
                if self._watch is None:
                    return await self._unproven(sip_call_id, call, act)
                call.asking = True
                try:
                    return await self._bring(self._watch, sip_call_id, call, act, expects, deadline)
                finally:
                    call.asking = False
        except RecorderError as problem:
            return self._failed(problem.message, problem.todo)
        except TimeoutError:
            return self._failed(f"No sign within {self._timeout_s:.1f} s that the PBX follows its code.")

    async def _bring(
        self, watch: RecordingWatch, sip_call_id: str, call: _Call, act: Act, expects: bool, deadline: float
    ) -> RecorderAnswer:
        """Press where that is needed and wait for the PBX's word. Raises `RecorderError`, `TimeoutError`."""
        call.channels = await watch.find(sip_call_id, deadline)
        while True:
            state = call.told = watch.state(call.channels)
            if state == "unknown":
                return await self._unproven(sip_call_id, call, act)
            answer = self._judge(state, call, act, expects)
            if answer is not None:
                return answer
            if self._due(call, act):
                await self._send(sip_call_id, call, act)
            elif call.presses >= MOST_PRESSES and self._settled(call):
                words = f"The PBX does not follow the code {self._codes[act]}."
                return self._failed(words, "Take no card data; call IT: the code may be wrong.")
            if watch.state(call.channels) == state:
                await watch.changed(deadline)

    def _judge(self, state: Tape, call: _Call, act: Act, expects: bool) -> RecorderAnswer | None:
        """The word of the PBX where nothing is to be pressed (any more); else None."""
        if state == "gone":
            return self._failed("The call on the PBX has ended.")
        if act == "resume":
            pausing = call.sent == "pause" and not self._settled(call)  # what is on its way is not undone yet
            if call.ours is False or state == "nothing" or (state == "recording" and not pausing):
                return self._answer("confirmed", "The PBX records as before.")
            return None
        if state == "conference":
            words = "A conference recorder of the PBX records this call and cannot be paused."
            return self._failed(words, "Stop the recording of the conference on the PBX.")
        if state == "nothing" and expects:
            words = "No PBX recording found to pause."
            return self._failed(words, "Check that the PBX records this call, or the policy.")
        if state == "recording":
            return None
        call.presses = 0
        told = "Recording is paused, as the PBX tells." if state == "paused" else "The PBX records nothing."
        return self._answer("confirmed", told)

    async def _unproven(self, sip_call_id: str, call: _Call, act: Act) -> RecorderAnswer:
        """Nobody tells how the recording stands. Raises `RecorderError`: the code could not be pressed."""
        if act == "resume" and call.ours is False:
            return self._answer("confirmed", "It was not paused from here.")
        if self._toggles:
            words = (
                f"Whether the PBX records this call is not known: {self._codes[act]} would only toggle it."
            )
            return self._failed(words, "Take no card data on this call; ask for it on the next one.")
        if call.sent != act:
            await self._send(sip_call_id, call, act)
        words = f"The code {self._codes[act]} was sent; nothing proves what it did."
        return self._answer("unconfirmed", words, "Let the PBX's manager prove it: see docs/it.md.")

    # --- pressing -----------------------------------------------------------------------------

    def _settled(self, call: _Call) -> bool:
        """What was pressed last has had the time to take effect."""
        return asyncio.get_running_loop().time() - call.sent_at >= SETTLE_S

    def _due(self, call: _Call, act: Act) -> bool:
        another = call.sent != act and not self._toggles
        return call.presses < MOST_PRESSES and (another or self._settled(call))

    async def _send(self, sip_call_id: str, call: _Call, act: Act) -> None:
        """Press, and remember it before: what was begun may have been heard. Raises `RecorderError`."""
        loop = asyncio.get_running_loop()
        call.sent, call.sent_at = act, loop.time()
        call.presses += 1
        call.ours = True if act == "pause" else call.ours
        pressing = loop.create_task(self._pressed(sip_call_id, call, act))
        self._pressing.add(pressing)
        pressing.add_done_callback(self._pressing.discard)
        await asyncio.shield(pressing)

    async def _pressed(self, sip_call_id: str, call: _Call, act: Act) -> None:
        try:
            await self._press(sip_call_id, self._codes[act])
        except RecorderError:
            call.presses = max(0, call.presses - 1)
            if call.sent == act and not self._toggles:
                call.sent = None  # pressing such a code twice does no harm
            raise

    # --- what the PBX says between requests ---------------------------------------------------

    def _look(self) -> None:
        """Something happened on the PBX: tell what it means for the calls that are to be paused."""
        watch = self._watch
        for sip_call_id, call in list(self._calls.items()):
            if watch is None or call.wanted != "pause" or not call.channels:
                continue
            state = watch.state(call.channels)
            if state in (call.told, "gone"):
                continue
            call.told = state
            if call.asking:
                continue
            if state in ("paused", "nothing"):
                self._on_changed(sip_call_id, self._answer("confirmed", "The PBX does not record."))
            else:
                words = "A recording goes on, or may go on, on the PBX."
                self._on_changed(sip_call_id, self._failed(words, "Wait a moment: it is being paused."))

    def _lost(self, words: str) -> None:
        for sip_call_id, call in list(self._calls.items()):
            if call.wanted == "pause":
                call.told = None
                self._on_changed(sip_call_id, self._failed(words, "Wait: HaloDesk is connecting again."))

    def _failed(self, detail: str, todo: str = "") -> RecorderAnswer:
        return self._answer("failed", detail, todo or _TODO)

    def _answer(self, verdict: RecorderVerdict, detail: str, todo: str = "") -> RecorderAnswer:
        return RecorderAnswer(recorder=self.name, verdict=verdict, detail=detail, todo=todo)


def _codes(settings: FeatureCodeSettings) -> Mapping[Act, str]:
    """The code of each act. Raises `SettingsError`."""
    if settings.toggle:
        if settings.pause or settings.resume:
            raise SettingsError(
                "Recorder “feature_code” has `toggle` beside `pause` or `resume`.", "Leave one out."
            )
        if settings.ami is None:
            raise SettingsError(
                "Recorder “feature_code”: a code that toggles needs `ami`.",
                "Pressed without knowing whether the call is recorded it could start what it is to stop.",
            )
        found: dict[Act, str] = {"pause": settings.toggle, "resume": settings.toggle}
    else:
        found = {"pause": settings.pause, "resume": settings.resume}
        if settings.pause == settings.resume:
            raise SettingsError(
                "Recorder “feature_code” needs two different codes, `pause` and `resume`, or one `toggle`.",
                'As in "pause": "*5", "resume": "*6".',
            )
    if wrong := [act for act, code in found.items() if not _CODE.fullmatch(code)]:
        raise SettingsError(
            f"Recorder “feature_code”: the code to {wrong[0]} is missing or no code.",
            "Digits, *, # and A to D; Asterisk takes eleven at most.",
        )
    return found


def _build(settings: Mapping[str, Any], surroundings: Surroundings) -> FeatureCodeControl:
    found = parsed(CONTROL.key, settings, FeatureCodeSettings)
    if surroundings.press is None:
        raise SettingsError(
            "Recorder “feature_code” presses keys on a call: only a desk can, the server has no phone.",
            "Name it in the settings of the seats, or let the server use `ami`.",
        )
    return FeatureCodeControl(
        found,
        press=surroundings.press,
        on_changed=surroundings.on_changed,
        timeout_s=surroundings.timeout_s,
    )


def _peer(settings: Mapping[str, Any]) -> tuple[str, int] | None:
    ami = parsed(CONTROL.key, settings, FeatureCodeSettings).ami
    return None if ami is None else (ami.host, ami.port)


def manager_of(settings: Mapping[str, Any]) -> CodeAmi:
    """The manager in the settings of a seat, for whoever looks whether it may do what is needed.

    Raises `SettingsError`: there is none, or it is written wrongly.
    """
    own = {name: value for name, value in settings.items() if name != "control"}
    ami = parsed(CONTROL.key, own, FeatureCodeSettings).ami
    if ami is None:
        raise SettingsError("Recorder “feature_code” has no `ami`.", "Name the PBX's manager.")
    return ami


CONTROL = ControlType(key="feature_code", build=_build, peer=_peer)
