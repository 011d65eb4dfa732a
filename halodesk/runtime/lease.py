"""Mask leases: a page takes secrets only while every recorder of its call has proved that it is masked.

Rules:
- "held" means: every recorder of the call answered `confirmed` to a request that went out after the
  last bad news about it and after this lease was asked for. Anything else keeps the page locked.
  `unconfirmed` counts only where policy says so.
- Each recorder is asked again every `period_s`. With its time limit `answer_s` a recorder that stops
  confirming is noticed, and the lease "lost", within period_s + answer_s (1.9 s).
- One recorder that fails loses the lease at once. The others stay masked, all are asked again, and
  the lease is held again when all confirm.
- Recorders belong to the call, not to the lease: a second lease that brings one more recorder makes
  every lease of that call wait for it.
- A recorder's own word between requests (`recorder_changed`) can only take away. Good news from there
  makes us ask at once; only the answer to that counts.
- Every change of what a call wants starts a new epoch. An answer of an older epoch changes nothing.
- One request at a time for each recorder, also when we have stopped waiting for it: a mask is never
  on its way beside an unmask. A recorder that cannot even be cancelled is not asked again: failed.
- Only the last lease of a call unmasks. A recorder that does not confirm its unmask is asked until it
  does, until a new lease wants it masked, or until `call_ended`.
- Recorders hear one lease name for a call as long as it is masked, whichever leases come and go: some
  of them count by name.
- A call that goes on under another SIP Call-ID (`call_moved`) takes its leases along: they are asked for
  anew there, and nothing is unmasked on the way.
- Nothing unmasks when we stop: `close` leaves all as it is, a crash does too.

Belongs to one event loop (the io thread's). Callbacks run there, in order, at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Literal

import msgspec

from halodesk.runtime.ports import Clock, RecorderAnswer, RecorderControl

MaskPhase = Literal["wanted", "held", "lost", "releasing", "open"]

NO_CALL = "no call"
PUSHED_GAP_SECONDS = 0.1
"""A recorder that keeps reporting changes is asked ten times a second at most."""


class LeaseState(msgspec.Struct, frozen=True, kw_only=True):
    """Where a lease stands. Only "held" unlocks anything."""

    lease: str
    state: MaskPhase
    confirmed_by: tuple[str, ...] = ()
    """Names of the recorders whose word counts; "no call" where policy allows a lease without one."""
    answers: tuple[RecorderAnswer, ...] = ()
    since_wall: float = 0.0
    """Unix seconds at which this phase began."""
    message: str = ""
    todo: str = ""
    alarm: bool = False
    """Held or asked for longer than allowed. Nothing is unmasked for it."""


OnState = Callable[[LeaseState], None]


class _Recorder:
    """One recorder of one call: its last word, and since when a good word counts."""

    def __init__(self, control: RecorderControl) -> None:
        self.control = control
        self.answer: RecorderAnswer | None = None
        self.counts_from = 0
        """Epoch in which a request must have gone out for its good answer to count."""
        self.proved = -1
        """Epoch of the request that the last good answer came to; -1: the last word is not good."""
        self.kick = asyncio.Event()
        self.pushed = False
        """Its own word is why it is asked next."""
        self.pushed_at = 0.0
        self.not_before = 0.0
        """Loop times: of the last request for that reason, and before which the next must not go out."""
        self.task: asyncio.Task[None] | None = None


class _Call:
    def __init__(self, sip_call_id: str, token: str) -> None:
        self.sip_call_id = sip_call_id
        self.token = token
        self.masking = True
        self.epoch = 0
        self.recorders: dict[str, _Recorder] = {}
        self.leases: list[_Lease] = []
        self.releasing: list[_Lease] = []


class _Lease:
    def __init__(self, name: str, on_state: OnState, since_mono: float, max_seconds: float) -> None:
        self.on_state = on_state
        self.since_mono = since_mono
        self.max_seconds = max_seconds
        self.epoch = 0
        self.call: _Call | None = None
        self.state = LeaseState(lease=name, state="open")


class MaskLeases:
    """All mask leases of a seat, or of a server."""

    def __init__(
        self,
        clock: Clock,
        *,
        allow_unconfirmed: bool = False,
        allow_without_call: bool = False,
        period_s: float = 1.0,
        answer_s: float = 0.9,
        max_seconds: float = 900.0,
    ) -> None:
        self._clock = clock
        self._allow_unconfirmed = allow_unconfirmed
        self._allow_without_call = allow_without_call
        self._period_s = period_s
        self._answer_s = answer_s
        self._max_seconds = max_seconds
        self._leases: dict[str, _Lease] = {}
        self._calls: dict[str, _Call] = {}
        self._watch: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def hold(
        self,
        lease: str,
        sip_call_id: str,
        recorders: Sequence[RecorderControl],
        on_state: OnState,
        *,
        max_seconds: float | None = None,
    ) -> LeaseState:
        """Ask for `lease`; everything that follows comes through `on_state`, the first word at once.

        Holding it again asks all recorders anew at once (after a hold, a transfer): a held lease stays
        held unless one of them fails or is new. With another SIP Call-ID the lease moves to that call.
        A hold that policy refuses is "lost" with words and asks nobody.
        """
        refusal = _refusal(recorders)
        mine = self._leases.get(lease)
        if mine is not None and mine.call is not None and (refusal or mine.call.sip_call_id != sip_call_id):
            # What becomes of the old call's mask is no word about this lease any more.
            mine.on_state = _unheard
            self.release(lease)
            mine = None
        if mine is None:
            longest = self._max_seconds if max_seconds is None else max_seconds
            mine = self._leases[lease] = _Lease(lease, on_state, self._clock.mono(), longest)
        mine.on_state = on_state
        if self._watch is None:
            self._watch = self._spawn(self._watch_time())
        if refusal:
            self._say(mine, "lost", refusal, "Call IT: the policy must name every recorder once.")
        elif not sip_call_id:
            self._without_call(mine, "There is no call.")
        else:
            self._join(mine, sip_call_id, recorders)
        return mine.state

    def release(self, lease: str) -> LeaseState:
        """Give `lease` back: "open" once every recorder confirmed, or at once where others hold the call.

        Lock and wipe before you call this. A lease that nobody holds is "open".
        """
        mine = self._leases.pop(lease, None)
        if mine is None:
            return LeaseState(lease=lease, state="open", since_wall=self._clock.wall())
        call, mine.call = mine.call, None
        self._say(mine, "releasing")
        if call is None:
            self._say(mine, "open")
            return mine.state
        self._give_back(mine, call)
        return mine.state

    def call_moved(self, old: str, new: str) -> None:
        """The call goes on under the SIP Call-ID `new`: the phone that held it was replaced."""
        call = self._calls.pop(old, None)
        if call is None:
            return
        self._stop(call)
        controls = [recorder.control for recorder in call.recorders.values()]
        for control in controls:
            control.moved(old, new)
        there = self._calls.setdefault(new, _Call(new, call.token))
        held, call.leases = call.leases, []
        given_back, call.releasing = call.releasing, []
        for mine in (*held, *given_back):
            self._join(mine, new, controls)
        for mine in given_back:  # in the same turn: no recorder is asked to mask
            mine.call = None
            self._say(mine, "releasing")
            self._give_back(mine, there)

    def call_ended(self, sip_call_id: str) -> None:
        """The call is over: nothing is left to mask or to unmask."""
        call = self._calls.pop(sip_call_id, None)
        if call is None:
            return
        self._stop(call)
        for mine in call.releasing:
            self._say(mine, "open", "The call has ended.")
        ended, call.leases = call.leases, []
        for mine in ended:
            mine.call = None
        for mine in ended:
            if self._leases.get(mine.state.lease) is mine:  # not given back by a listener just now
                self._without_call(mine, "The call has ended.")

    def recorder_changed(self, name: str, sip_call_id: str, answer: RecorderAnswer) -> None:
        """A recorder's own word between two requests."""
        call = self._calls.get(sip_call_id)
        recorder = call.recorders.get(name) if call is not None else None
        if call is None or recorder is None or not call.masking:
            return
        if not self._good(answer):
            call.epoch += 1
            recorder.counts_from, recorder.proved, recorder.answer = call.epoch, -1, answer
            self._review(call)
        recorder.pushed = True
        recorder.not_before = recorder.pushed_at + PUSHED_GAP_SECONDS
        recorder.kick.set()

    def state(self, lease: str) -> LeaseState | None:
        """The last word on a lease that was not given back."""
        mine = self._leases.get(lease)
        return None if mine is None else mine.state

    async def close(self) -> None:
        """Stop asking. Unmasks nothing."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            # A recorder that cannot be cancelled must not keep the program from ending.
            await asyncio.wait(self._tasks, timeout=self._answer_s)

    # --- calls and leases ---------------------------------------------------------------------

    def _join(self, mine: _Lease, sip_call_id: str, recorders: Sequence[RecorderControl]) -> None:
        call = self._calls.get(sip_call_id)
        if call is None:
            call = self._calls[sip_call_id] = _Call(sip_call_id, mine.state.lease)
        mine.call = call
        renewed = mine.state.state == "held" and mine in call.leases
        if mine not in call.leases:
            call.leases.append(mine)
        for control in recorders:
            recorder = call.recorders.get(control.name)
            if recorder is None:
                recorder = call.recorders[control.name] = _Recorder(control)
                recorder.task = self._spawn(self._drive(call, recorder))
            recorder.control = control
        if renewed:
            self._report(mine)
        else:
            self._say(mine, "wanted", f"Pausing {_listed(call.recorders)}.")
            call.epoch += 1
            mine.epoch = call.epoch
        if not call.masking:
            self._turn(call, masking=True)
            stopped, call.releasing = call.releasing, []
            for other in stopped:
                self._say(other, "open", "Recording stays paused: another page of this call needs it.")
        for recorder in call.recorders.values():
            recorder.not_before = 0.0
            recorder.kick.set()
        self._review(call)

    def _give_back(self, mine: _Lease, call: _Call) -> None:
        call.leases.remove(mine)
        if call.leases:
            self._say(mine, "open", "Recording stays paused: another page of this call needs it.")
            return
        call.releasing.append(mine)
        self._turn(call, masking=False)

    def _without_call(self, mine: _Lease, what: str) -> None:
        if self._allow_without_call:
            self._say(mine, "held", f"{what} Nothing is recorded.", confirmed_by=(NO_CALL,))
        else:
            todo = "Take these details during a call, or ask your supervisor to allow them without one."
            self._say(mine, "lost", f"{what} Recording cannot be proved to be paused.", todo)

    def _turn(self, call: _Call, *, masking: bool) -> None:
        """From now on the call's recorders are to be masked, or unmasked."""
        call.masking = masking
        call.epoch += 1
        for recorder in call.recorders.values():
            recorder.counts_from, recorder.proved, recorder.answer = call.epoch, -1, None
            recorder.not_before = 0.0
            recorder.kick.set()

    def _stop(self, call: _Call) -> None:
        for recorder in call.recorders.values():
            if recorder.task is not None:
                recorder.task.cancel()

    # --- one recorder -------------------------------------------------------------------------

    async def _drive(self, call: _Call, recorder: _Recorder) -> None:
        """Ask one recorder of one call, for as long as the call wants something of it."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(0.0, recorder.not_before - loop.time()))
            recorder.kick.clear()
            began, masking, epoch = loop.time(), call.masking, call.epoch
            if recorder.pushed:
                recorder.pushed, recorder.pushed_at = False, began
            ask = recorder.control.mask if masking else recorder.control.unmask
            request = loop.create_task(ask(call.sip_call_id, call.token))
            try:
                await asyncio.wait([request], timeout=self._answer_s)
                self._answered(call, recorder, masking, epoch, self._word(recorder, request))
            finally:
                request.cancel()
                # Not before it has really ended may the next one go out.
                await asyncio.wait([request])
                if not request.cancelled():
                    request.exception()
            if not call.masking and recorder.proved >= 0:
                await recorder.kick.wait()
                continue
            try:
                async with asyncio.timeout_at(began + self._period_s):
                    await recorder.kick.wait()
            except TimeoutError:
                pass

    def _word(self, recorder: _Recorder, request: asyncio.Task[RecorderAnswer]) -> RecorderAnswer:
        name = recorder.control.name
        if not request.done():
            detail = f"{name} did not answer within {self._answer_s:.1f} s."
            return RecorderAnswer(recorder=name, verdict="failed", detail=detail)
        if not request.cancelled() and (problem := request.exception()) is None:
            return request.result()
        # The port says it never raises; one that does has surely not proved anything.
        why = "cancelled" if request.cancelled() else type(problem).__name__
        return RecorderAnswer(recorder=name, verdict="failed", detail=f"{name} failed ({why}).")

    def _answered(
        self, call: _Call, recorder: _Recorder, masking: bool, epoch: int, answer: RecorderAnswer
    ) -> None:
        if masking is not call.masking:
            return
        good = self._good(answer)
        if good and epoch < recorder.counts_from:
            return
        recorder.answer, recorder.proved = answer, epoch if good else -1
        self._review(call)

    def _good(self, answer: RecorderAnswer) -> bool:
        return answer.verdict == "confirmed" or (answer.verdict == "unconfirmed" and self._allow_unconfirmed)

    # --- words --------------------------------------------------------------------------------

    def _review(self, call: _Call) -> None:
        """Tell every lease of the call what the recorders' words mean for it."""
        recorders = list(call.recorders.values())
        answers = tuple(recorder.answer for recorder in recorders if recorder.answer is not None)
        bad = [answer for answer in answers if not self._good(answer)]
        words = " ".join(f"{answer.recorder}: {answer.detail}" for answer in bad)
        todo = next((answer.todo for answer in bad if answer.todo), "")
        good = tuple(answer.recorder for answer in answers if self._good(answer))
        if not call.masking:
            done = all(recorder.proved >= 0 for recorder in recorders)
            if done and self._calls.get(call.sip_call_id) is call:
                del self._calls[call.sip_call_id]
                asyncio.get_running_loop().call_soon(self._stop, call)
            for mine in list(call.releasing):
                # A listener may have held the call again.
                if mine in call.releasing:
                    self._say(mine, "open" if done else "releasing", words, todo, good, answers)
            return
        for mine in list(call.leases):
            if mine not in call.leases:
                continue
            if all(recorder.proved >= mine.epoch for recorder in recorders):
                self._say(mine, "held", f"Paused: {_listed(good)}.", "", good, answers)
            elif bad:
                todo = todo or "Take no card data until it is paused again; if it stays so, call IT."
                self._say(mine, "lost", f"Recording may be going on. {words}", todo, good, answers)
            elif mine.state.state == "held":
                self._say(mine, "lost", "One more recorder must be paused.", "Wait a moment.", good, answers)

    def _say(
        self,
        mine: _Lease,
        phase: MaskPhase,
        message: str = "",
        todo: str = "",
        confirmed_by: tuple[str, ...] = (),
        answers: tuple[RecorderAnswer, ...] = (),
    ) -> None:
        """Set the lease's state and report it, where something changed that a person would care about."""
        old = mine.state
        state = LeaseState(
            lease=old.lease,
            state=phase,
            confirmed_by=confirmed_by,
            answers=answers,
            since_wall=old.since_wall if phase == old.state else self._clock.wall(),
            message=message,
            todo=todo,
            alarm=old.alarm,
        )
        same = (old.state, old.confirmed_by, old.message, old.todo) == (phase, confirmed_by, message, todo)
        if same and [a.verdict for a in old.answers] == [a.verdict for a in answers]:
            return
        mine.state = state
        self._report(mine)

    def _report(self, mine: _Lease) -> None:
        loop = asyncio.get_running_loop()
        try:
            mine.on_state(mine.state)
        except Exception as problem:
            # A listener's fault must not end the asking: the lease would seem held for ever.
            loop.call_exception_handler({"message": "a mask lease's listener failed", "exception": problem})

    async def _watch_time(self) -> None:
        while self._leases:
            await asyncio.sleep(self._period_s)
            now = self._clock.mono()
            for mine in list(self._leases.values()):
                if not mine.state.alarm and now - mine.since_mono > mine.max_seconds:
                    mine.state = msgspec.structs.replace(mine.state, alarm=True)
                    self._report(mine)
        self._watch = None

    def _spawn(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _refusal(recorders: Sequence[RecorderControl]) -> str:
    names = [recorder.name for recorder in recorders]
    if not names:
        return "No recorder is configured, so nothing can prove that none records."
    return "Two recorders have the same name." if len(set(names)) < len(names) else ""


def _unheard(state: LeaseState) -> None:
    """Nobody listens to this lease any more."""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
