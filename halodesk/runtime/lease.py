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
- Legs beside the customer's call (`beside`) are masked by those recorders that record each call for
  itself. One that is new takes "held" away until it is proved, too; one that ended is forgotten; one
  that goes on without us is let go; a release lifts all.
- A recorder that two calls' leases need masked is unmasked by the last of them only.
- Every change of what a call wants starts a new epoch. An answer of an older epoch changes nothing.
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
from collections.abc import Coroutine, Iterable, Sequence

import msgspec

from halodesk.runtime.lease_ask import Asking
from halodesk.runtime.lease_book import Book, Booked, Call, Lease, Leg
from halodesk.runtime.lease_book import LeaseState as LeaseState
from halodesk.runtime.lease_book import MaskPhase as MaskPhase
from halodesk.runtime.lease_book import OnState as OnState
from halodesk.runtime.ports import Clock, RecorderAnswer, RecorderControl
from halodesk.runtime.ports import beside as beside_token

NO_CALL = "no call"
PUSHED_GAP_SECONDS = 0.1
"""A recorder that keeps reporting changes is asked ten times a second at most."""


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
        self._leases: dict[str, Lease] = {}
        self._calls = Book()
        self._asking = Asking(self._calls, self._answered, period_s=period_s, answer_s=answer_s)
        self._watch: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def hold(
        self,
        lease: str,
        sip_call_id: str,
        recorders: Sequence[RecorderControl],
        on_state: OnState,
        *,
        beside: Sequence[Leg] = (),
        max_seconds: float | None = None,
    ) -> LeaseState:
        """Ask for `lease`; everything that follows comes through `on_state`, the first word at once.

        Holding it again asks all recorders anew at once (after a hold, a transfer): a held lease stays
        held unless one of them fails or is new. With another SIP Call-ID the lease moves to that call.
        `beside`: all that is to be masked of legs beside that call, in place of what was told before.
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
            mine = self._leases[lease] = Lease(lease, on_state, self._clock.mono(), longest)
        mine.on_state = on_state
        if self._watch is None:
            self._watch = self._spawn(self._watch_time())
        if refusal:
            self._say(mine, "lost", refusal, "Call IT: the policy must name every recorder once.")
        elif not sip_call_id:
            self._without_call(mine, "There is no call.")
        else:
            self._join(mine, sip_call_id, recorders, beside)
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
        call.stop()
        controls, legs = call.controls(), call.legs()
        for control in controls:
            control.moved(old, new)
        there = self._calls.setdefault(new, Call(new, call.token))
        held, call.leases = call.leases, []
        given_back, call.releasing = call.releasing, []
        for mine in (*held, *given_back):
            self._join(mine, new, controls, legs)
        for mine in given_back:  # in the same turn: no recorder is asked to mask
            mine.call = None
            self._say(mine, "releasing")
            self._give_back(mine, there)

    def call_ended(self, sip_call_id: str) -> None:
        """The call, or leg, is over: nothing is left to mask or to unmask. Legs beside it are let go."""
        for other in list(self._calls.values()):
            if other.unbook([leg for leg in other.legs() if leg[1] == sip_call_id]):
                self._review(other)
        call = self._calls.pop(sip_call_id, None)
        if call is None:
            return
        self._let_go(call, call.unbook(call.legs()))
        call.stop()
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
        for call, booked in list(self._calls.bookings(name, sip_call_id)):
            if not call.masking:
                continue
            if not self._good(answer):
                call.epoch += 1
                booked.counts_from, booked.proved = call.epoch, -1
                booked.answer = msgspec.structs.replace(answer, recorder=booked.name)
                self._review(call)
            booked.pushed = True
            booked.not_before = booked.pushed_at + PUSHED_GAP_SECONDS
            booked.kick.set()

    def legs_are(self, sip_call_id: str, beside: Sequence[Leg]) -> None:
        """All that is to be masked of legs beside a call that is masked; others of it are let go."""
        call = self._calls.get(sip_call_id)
        if call is not None and (call.leases or call.releasing):
            self._follow_legs(call, beside)
            self._review(call)

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

    def _join(
        self, mine: Lease, sip_call_id: str, recorders: Sequence[RecorderControl], beside: Sequence[Leg]
    ) -> None:
        call = self._calls.get(sip_call_id)
        if call is None:
            call = self._calls[sip_call_id] = Call(sip_call_id, mine.state.lease)
        if not call.leases and not call.releasing:
            call.token = mine.state.lease
        mine.call = call
        renewed = mine.state.state == "held" and mine in call.leases
        if mine not in call.leases:
            call.leases.append(mine)
        for control in recorders:
            self._book(call, control)
        self._follow_legs(call, beside)
        if renewed:
            self._report(mine)
        else:
            self._say(mine, "wanted", f"Pausing {_listed(booked.name for booked in call.booked.values())}.")
            call.epoch += 1
            mine.epoch = call.epoch
        if not call.masking:
            self._turn(call, masking=True)
            stopped, call.releasing = call.releasing, []
            for other in stopped:
                self._say(other, "open", "Recording stays paused: another page of this call needs it.")
        for recorder in call.booked.values():
            recorder.not_before = 0.0
            recorder.kick.set()
        self._review(call)

    def _give_back(self, mine: Lease, call: Call) -> None:
        call.leases.remove(mine)
        if call.leases:
            self._say(mine, "open", "Recording stays paused: another page of this call needs it.")
            return
        call.releasing.append(mine)
        self._turn(call, masking=False)

    def _without_call(self, mine: Lease, what: str) -> None:
        if self._allow_without_call:
            self._say(mine, "held", f"{what} Nothing is recorded.", confirmed_by=(NO_CALL,))
        else:
            todo = "Take these details during a call, or ask your supervisor to allow them without one."
            self._say(mine, "lost", f"{what} Recording cannot be proved to be paused.", todo)

    def _turn(self, call: Call, *, masking: bool) -> None:
        """From now on the call's recorders are to be masked, or unmasked."""
        call.masking = masking
        call.epoch += 1
        for recorder in call.booked.values():
            recorder.counts_from, recorder.proved, recorder.answer = call.epoch, -1, None
            recorder.not_before = 0.0
            recorder.kick.set()

    # --- recorders and legs -------------------------------------------------------------------

    def _book(self, call: Call, control: RecorderControl, leg: str = "") -> None:
        booked = call.book(control, leg)
        if booked is not None:
            booked.task = self._spawn(self._asking.drive(call, booked))

    def _follow_legs(self, call: Call, beside: Sequence[Leg]) -> None:
        wanted = {(control.name, leg) for control, leg in beside}
        gone = [(control, leg) for control, leg in call.legs() if (control.name, leg) not in wanted]
        self._let_go(call, call.unbook(gone))
        for control, leg in beside:
            alone = self._calls.get(leg)
            if alone is not None and not (alone.leases or alone.releasing):
                alone.stop()  # it was being let go
                del self._calls[leg]
            self._book(call, control, leg)

    def _let_go(self, call: Call, legs: Sequence[Booked]) -> None:
        """Legs that go on without this call: unmasked, as calls of their own that nobody holds."""
        for booked in legs:
            alone = self._calls.get(booked.leg)
            if alone is None:
                alone = self._calls[booked.leg] = Call(booked.leg, beside_token(call.token))
                alone.masking = False
            if not alone.masking:
                self._book(alone, booked.control)

    # --- what they answer ---------------------------------------------------------------------

    def _answered(
        self, call: Call, recorder: Booked, masking: bool, epoch: int, answer: RecorderAnswer
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

    def _review(self, call: Call) -> None:
        """Tell every lease of the call what the recorders' words mean for it."""
        recorders = list(call.booked.values())
        answers = tuple(recorder.answer for recorder in recorders if recorder.answer is not None)
        bad = [answer for answer in answers if not self._good(answer)]
        words = " ".join(f"{answer.recorder}: {answer.detail}" for answer in bad)
        todo = next((answer.todo for answer in bad if answer.todo), "")
        good = tuple(answer.recorder for answer in answers if self._good(answer))
        if not call.masking:
            done = all(recorder.proved >= 0 for recorder in recorders)
            if done and self._calls.get(call.sip_call_id) is call:
                del self._calls[call.sip_call_id]
                asyncio.get_running_loop().call_soon(call.stop)
            for mine in list(call.releasing):
                # A listener may have held the call again.
                if mine in call.releasing:
                    self._say(mine, "open" if done else "releasing", words, todo, good, answers)
            return
        for mine in list(call.leases):
            if mine not in call.leases:
                continue
            if all(recorder.proved >= mine.epoch for recorder in recorders):
                self._say(mine, "held", _held(good, answers), "", good, answers)
            elif bad:
                todo = todo or "Take no card data until it is paused again; if it stays so, call IT."
                self._say(mine, "lost", f"Recording may be going on. {words}", todo, good, answers)
            elif mine.state.state == "held":
                self._say(mine, "lost", "One more recorder must be paused.", "Wait a moment.", good, answers)

    def _say(
        self,
        mine: Lease,
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

    def _report(self, mine: Lease) -> None:
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


def _held(good: Sequence[str], answers: Sequence[RecorderAnswer]) -> str:
    bare = [answer.recorder for answer in answers if answer.verdict == "unconfirmed"]
    return f"Paused: {_listed(good)}." + (f" Without proof: {_listed(bare)}." if bare else "")


def _unheard(state: LeaseState) -> None:
    """Nobody listens to this lease any more."""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
