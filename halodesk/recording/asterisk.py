"""Masks what an Asterisk PBX records of a call, over its manager interface, with proof.

Rules:
- A call is all its channels (`pbx_calls`); one that refuses or stays silent spoils the whole answer.
  Channels that join while we ask are asked too, before the answer is given.
- While a call is to be masked it is watched: a recording that starts, a channel that joins and may
  record, someone else's unmask, a conference recorder and a lost connection are reported as failed at
  once, and what can be masked is masked at once; what came of it is reported too.
- Asking again asks the PBX again: it is how a lease learns that the PBX is alive and still masked.
- An unmask leaves channels alone that another held call shares (two agents in one conference).
- Nothing here unmasks on its own. `close` and a lost connection leave the PBX masked.

What counts as proof for one channel: see `mixmonitor`.
What is not seen: `Monitor`, ARI recordings and recorders outside of Asterisk. Policy must name those.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Iterable, Sequence
from weakref import WeakValueDictionary

import msgspec

from halodesk.engine.errors import RecorderError
from halodesk.recording.ami import AmiAccess, AmiClient, Backoff
from halodesk.recording.ami_wire import AmiMessage
from halodesk.recording.mixmonitor import MixMonitors, Outcome
from halodesk.recording.pbx_calls import Channel, unknown_call
from halodesk.runtime.ports import RecorderAnswer, RecorderVerdict, is_beside

MAX_EARLY_EVENTS = 20_000

Changed = Callable[[str, RecorderAnswer], None]


class _Held(msgspec.Struct, kw_only=True):
    """What is remembered of a call from its first mask to its confirmed unmask."""

    wanted: bool
    """Whether it is to be masked; False while an unmask is not confirmed yet."""
    uniqueids: set[str] = msgspec.field(default_factory=set)
    """Channels of the call so far: the way back to it after the agent's own channel is gone."""
    masked: set[str] = msgspec.field(default_factory=set)
    dirty: set[str] = msgspec.field(default_factory=set)
    """Channels whose state changed under us and which must be asked once more."""
    expects: bool = False
    """Whether finding nothing that records is a failure."""
    again: bool = False
    """A task that masks it again is about to start."""


class AmiRecorderControl:
    """A `RecorderControl` for one Asterisk. All of it belongs to one event loop.

    `expects_recording`: policy says every call is recorded there, so finding no recording is a failure.
    `on_changed(sip_call_id, answer)` tells what happened between requests. `timeout_s` bounds one `mask`
    or `unmask`. Give `tls` wherever the PBX is not on a network of its own.
    """

    def __init__(
        self,
        access: AmiAccess,
        *,
        expects_recording: bool,
        on_changed: Changed,
        timeout_s: float = 0.8,
        tls: ssl.SSLContext | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self.name = f"PBX (AMI {access.host})"
        self._expects = expects_recording
        self._on_changed = on_changed
        self._timeout_s = timeout_s
        self._client = AmiClient(access, self, tls=tls, backoff=backoff)
        self._pbx = MixMonitors(self._client)
        self._held: dict[str, _Held] = {}
        self._owners: dict[str, set[str]] = {}
        """Channel to the held calls it belongs to."""
        self._gone: set[str] = set()
        """Call-IDs whose calls go on under another one."""
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._tasks: set[asyncio.Task[None]] = set()
        self._ready = asyncio.Event()
        self._early: list[AmiMessage] = []
        """Events that came while the channels were being read: they may be newer than the list."""

    def start(self) -> None:
        """Connect and stay connected."""
        self._client.start()

    async def close(self) -> None:
        """Stop. What is masked stays masked."""
        await self._client.close()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def wait_ready(self) -> None:
        """Return once the PBX's channels are known. Waits as long as it takes."""
        await self._ready.wait()

    @property
    def problem(self) -> str:
        """Why the PBX cannot be asked at this moment, in words, or ""."""
        return self._client.problem or ("" if self._ready.is_set() else "The PBX's calls are being read.")

    @property
    def tells_holders(self) -> bool:
        """Yes, the PBX names every channel after its endpoint."""
        return True

    async def holders(self, sip_call_id: str) -> frozenset[str]:
        """Endpoints (authenticated by the PBX) whose channels carry this; "" for one of no endpoint.

        Every channel is asked for its Call-ID first: a forged second one shows. Raises `RecorderError`.
        """
        if not self._ready.is_set():
            raise RecorderError("The PBX manager interface is not connected.", self.problem)
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        await self._pbx.ask_call_ids(deadline)
        if not self._pbx.calls.of_sip_call(sip_call_id):
            await self._pbx.look_again(deadline)
        calls = self._pbx.calls
        found = [calls.get(uniqueid) for uniqueid in calls.of_sip_call(sip_call_id)]
        return frozenset(channel.endpoint for channel in found if channel is not None)

    # --- the port -----------------------------------------------------------------------------

    async def mask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Stop every recording of this call on the PBX. Channels are masked, not leases counted."""
        if (held := self._held.get(sip_call_id)) is not None:
            held.wanted = True
        expects = self._expects and not is_beside(lease)
        return await self._bounded(sip_call_id, masking=True, expects=expects)

    async def unmask(self, sip_call_id: str, lease: str) -> RecorderAnswer:
        """Let every recording of this call go on."""
        if (held := self._held.get(sip_call_id)) is not None:
            # Before the request: what its events do is no alarm.
            held.wanted = False
        return await self._bounded(sip_call_id, masking=False)

    def moved(self, old: str, new: str) -> None:
        """What is remembered of a call goes with it; a request under the old name ends by itself."""
        self._gone.add(old)
        held = self._held.pop(old, None)
        if held is None:
            return
        self._held[new] = held
        for uniqueid in held.uniqueids:
            owners = self._owners.setdefault(uniqueid, set())
            owners.discard(old)
            owners.add(new)

    async def _bounded(
        self, sip_call_id: str, *, masking: bool, expects: bool = False, only_if: _Held | None = None
    ) -> RecorderAnswer:
        """One request at a time for a call. `only_if`: drop it if that is not to be masked any more."""
        if not sip_call_id:
            return self._failed("There is no SIP Call-ID to find the call on the PBX by.")
        deadline = asyncio.get_running_loop().time() + self._timeout_s
        lock = self._locks.setdefault(sip_call_id, asyncio.Lock())
        try:
            async with asyncio.timeout_at(deadline + 0.05), lock:
                if only_if is not None and not only_if.wanted:
                    return self._failed("The call is not to be masked any more.")
                return await self._set(sip_call_id, masking, deadline, expects)
        except RecorderError as problem:
            return self._failed(problem.message, problem.todo)
        except TimeoutError:
            return self._failed(f"The PBX did not answer within {self._timeout_s:.1f} s.")

    async def _set(self, sip_call_id: str, masking: bool, deadline: float, expects: bool) -> RecorderAnswer:
        """Ask all channels of the call until none is left unasked. Raises `RecorderError`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        if not self._ready.is_set():
            raise RecorderError("The PBX manager interface is not connected.", self.problem)
        roots = await self._find(sip_call_id, deadline)
        if sip_call_id in self._gone:
            raise RecorderError("The call goes on under another SIP Call-ID.")
        held = self._held.setdefault(sip_call_id, _Held(wanted=masking))
        held.wanted, held.expects = masking, expects
        calls = self._pbx.calls
        outcomes: dict[str, Outcome] = {}
        while True:
            call = calls.call_of(roots) or calls.call_of(held.uniqueids)
            if not call or calls is not self._pbx.calls or sip_call_id in self._gone:
                raise RecorderError("The call on the PBX ended or the connection broke while it was asked.")
            self._own(sip_call_id, held, call)
            for uniqueid in held.dirty:
                outcomes.pop(uniqueid, None)
            held.dirty.clear()
            targets = call if masking else (call | held.masked) - self._shared(sip_call_id)
            todo = [c for uid in targets - outcomes.keys() if (c := calls.get(uid)) is not None]
            if not todo or loop.time() >= deadline:
                break
            found = await asyncio.gather(*(self._pbx.flip(c, masking, deadline) for c in todo))
            outcomes |= {channel.uniqueid: outcome for channel, outcome in zip(todo, found, strict=True)}
            acted = {uid for uid, outcome in outcomes.items() if outcome.kind in ("done", "no event")}
            held.masked = held.masked | acted if masking else held.masked - acted
        if todo:
            return self._failed("The call on the PBX kept changing while it was asked.")
        took_ms = round((loop.time() - began) * 1000)
        answer = self._judge(call, list(outcomes.values()), masking, took_ms, expects)
        if not masking and answer.verdict == "confirmed":
            self._let_go(sip_call_id)
        return answer

    def _judge(
        self, call: set[str], outcomes: Sequence[Outcome], masking: bool, took_ms: int, expects: bool
    ) -> RecorderAnswer:
        """One answer out of what the channels of the call answered."""
        for outcome in outcomes:
            if outcome.kind == "failed":
                return self._failed(outcome.words, outcome.todo)
        if masking and self._pbx.calls.conference_records(call):
            return self._failed(
                "A conference recorder of the PBX records this call and cannot be paused.",
                "Stop the recording of the conference on the PBX.",
            )
        if any(outcome.kind == "no event" for outcome in outcomes):
            return self._answer(
                "unconfirmed",
                "The PBX acknowledged but sent no event that proves it.",
                "Give the manager user read = call.",
            )
        count = sum(outcome.kind == "done" for outcome in outcomes)
        proven = f"of this call on {count} PBX channel{'' if count == 1 else 's'}, proven in {took_ms} ms."
        if not masking:
            return self._answer("confirmed", f"Recording goes on {proven}")
        if count and not self._pbx.masks_all:
            return self._answer(
                "unconfirmed",
                f"Asterisk {self._pbx.version} may pause only one of several recordings of a channel.",
                "Update Asterisk to 18.18 or 20.3; give the manager user write = call,reporting.",
            )
        if count:
            return self._answer("confirmed", f"Recording is paused {proven}")
        if expects:
            words = "No PBX recording found to mask."
            return self._failed(words, "Check that the PBX records this call, or the policy.")
        return self._answer("confirmed", "The PBX records nothing of this call.")

    async def _find(self, sip_call_id: str, deadline: float) -> set[str]:
        """Channels that carry the SIP Call-ID, or those of the call that are left. Raises `RecorderError`."""
        calls = self._pbx.calls
        roots = calls.of_sip_call(sip_call_id)
        if not roots:
            await self._pbx.ask_call_ids(deadline)
            roots = calls.of_sip_call(sip_call_id)
        if not roots and (held := self._held.get(sip_call_id)) is not None:
            roots = {uid for uid in held.uniqueids if calls.get(uid) is not None}
        if not roots:
            await self._pbx.look_again(deadline)
            roots = calls.of_sip_call(sip_call_id)
        if not roots:
            raise unknown_call()
        return roots

    # --- what the PBX says --------------------------------------------------------------------

    def ami_up(self) -> None:
        """Connected: read the PBX's calls, then mask again what is to be masked."""
        self._early.clear()
        self._spawn(self._first_look())

    def ami_down(self, words: str) -> None:
        """Connection lost: nothing can be vouched for until it is back."""
        self._ready.clear()
        for sip_call_id, held in list(self._held.items()):
            if held.wanted:
                self._on_changed(sip_call_id, self._failed(words, "Wait: HaloDesk is connecting again."))

    async def _first_look(self) -> None:
        try:
            if not await self._pbx.first_look():
                return
        except RecorderError as problem:
            self._client.drop(problem)
            return
        for event in self._early:
            self._pbx.calls.apply(event)
        self._early.clear()
        for uniqueid in [uid for uid in self._owners if self._pbx.calls.get(uid) is None]:
            self._hung_up(uniqueid)
        self._ready.set()
        for sip_call_id, held in list(self._held.items()):
            if held.wanted:
                self._mask_again(sip_call_id)

    def ami_event(self, event: AmiMessage) -> None:
        """Keep the table, hand proof to who waits, and look for what touches a held call."""
        if not self._ready.is_set():
            self._early.append(event)
            if len(self._early) > MAX_EARLY_EVENTS:
                self._client.drop(RecorderError("The PBX sends events faster than its calls can be read."))
            return
        kind = event.event
        channel = self._pbx.calls.apply(event)
        if kind == "Hangup":
            self._hung_up(event.get("Uniqueid"))
        elif kind == "ConfbridgeRecord":
            for sip_call_id in self._affected(self._pbx.calls.members(event.get("BridgeUniqueid"))):
                self._alarm(sip_call_id, "A conference recorder started on the PBX.")
        elif channel is None:
            return
        elif kind == "MixMonitorMute":
            if not self._pbx.mute_event(channel, event):
                self._disturbed(channel, "Someone else resumed the recording on the PBX.")
        elif kind == "MixMonitorStart":
            self._disturbed(channel, "A recording started on the PBX.")
        elif self._held:
            self._joined(channel)

    def _disturbed(self, channel: Channel, words: str) -> None:
        for sip_call_id in self._affected([channel.uniqueid]):
            self._held[sip_call_id].dirty.add(channel.uniqueid)
            self._alarm(sip_call_id, words)

    def _joined(self, channel: Channel) -> None:
        """A channel was born or moved: it, and what came with it, may be new to a held call."""
        calls = self._pbx.calls
        call = calls.call_of([channel.uniqueid])
        for sip_call_id in self._affected([channel.uniqueid]):
            held = self._held[sip_call_id]
            new = [c for uid in call - held.uniqueids if (c := calls.get(uid)) is not None]
            self._own(sip_call_id, held, call)
            if any(c.may_record for c in new) or (new and calls.conference_records(call)):
                self._alarm(sip_call_id, "A channel that may be recorded joined the call on the PBX.")
            elif new:
                self._mask_again(sip_call_id)

    def _hung_up(self, uniqueid: str) -> None:
        for sip_call_id in self._owners.pop(uniqueid, set()):
            if (held := self._held.get(sip_call_id)) is None:
                continue
            held.uniqueids.discard(uniqueid)
            held.masked.discard(uniqueid)
            if not held.uniqueids:
                held.wanted = False
                del self._held[sip_call_id]

    def _affected(self, uniqueids: Iterable[str]) -> list[str]:
        """Calls to be masked that these channels belong to, by now or since just now."""
        owners = [self._owners.get(uid, set()) for uid in self._pbx.calls.call_of(uniqueids)]
        wanted = {sip_call_id for sip_call_id, held in self._held.items() if held.wanted}
        return list(wanted.intersection(set().union(*owners)))

    def _alarm(self, sip_call_id: str, words: str) -> None:
        self._on_changed(sip_call_id, self._failed(words, "Wait a moment: it is being paused."))
        self._mask_again(sip_call_id)

    def _mask_again(self, sip_call_id: str) -> None:
        held = self._held.get(sip_call_id)
        if held is not None and not held.again:
            held.again = True
            self._spawn(self._masked_again(sip_call_id, held))

    async def _masked_again(self, sip_call_id: str, held: _Held) -> None:
        held.again = False
        answer = await self._bounded(sip_call_id, masking=True, expects=held.expects, only_if=held)
        if held.wanted:
            self._on_changed(sip_call_id, answer)

    # --- small things -------------------------------------------------------------------------

    def _own(self, sip_call_id: str, held: _Held, call: set[str]) -> None:
        for uniqueid in call - held.uniqueids:
            self._owners.setdefault(uniqueid, set()).add(sip_call_id)
        held.uniqueids |= call

    def _let_go(self, sip_call_id: str) -> None:
        held = self._held.pop(sip_call_id, None)
        for uniqueid in held.uniqueids if held is not None else ():
            owners = self._owners.get(uniqueid, set())
            owners.discard(sip_call_id)
            if not owners:
                self._owners.pop(uniqueid, None)

    def _shared(self, sip_call_id: str) -> set[str]:
        """Channels of other calls that are to stay masked."""
        others = [h.uniqueids for key, h in self._held.items() if key != sip_call_id and h.wanted]
        return set().union(*others)

    def _spawn(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _failed(self, detail: str, todo: str = "") -> RecorderAnswer:
        return self._answer("failed", detail, todo or "Take no card data now; if it stays so, call IT.")

    def _answer(self, verdict: RecorderVerdict, detail: str, todo: str = "") -> RecorderAnswer:
        return RecorderAnswer(recorder=self.name, verdict=verdict, detail=detail, todo=todo)
