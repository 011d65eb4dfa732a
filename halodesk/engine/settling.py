"""How outside work is answered, and what time does: the second half of `halodesk.engine.core`.

Rules:
- An answer counts once. One that comes after its page was left is kept and moves nothing.
- `unknown` is an answer only of what may have been done without one (`effects.UNSURE`); such an
  effect stays open until it is known, and its step never goes on by routes or fallback meanwhile.
- The end of a page's time waits for work that is under way.
"""

from __future__ import annotations

from msgspec.structs import replace

from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine import sealed
from halodesk.engine.effects import BACKGROUND, CAPTURE, CHARGE, FUNCTION, REFUND, UNSURE, VOID, Timer
from halodesk.engine.paying import Paying
from halodesk.engine.registry import step_types
from halodesk.engine.rules import missing, wants_time
from halodesk.engine.steps.base import Ask


class Settling(Paying):
    """Answers to effects, and the clock."""

    def resolve(self, command: c.Resolve) -> c.Refused | None:
        """What came of an effect."""
        ask = self.state.effects.get(command.id)
        if ask is None:
            return c.Refused(code="no_such_effect", message="This was answered already.")
        here = (ask.step, ask.visit) == (self.state.step, self.state.visit)
        if ask.kind == FUNCTION:
            self.resolve_function(ask, command, here)
            return None
        if ask.kind == Timer.kind:
            self.time_up(ask, command)
            return None
        if ask.kind == sealed.KIND:
            self.resolve_seal(ask, command, here)
            return None
        if ask.kind in (VOID, REFUND):
            self.taken_back(ask, command)
            return None
        if command.outcome == "unknown" and not _may_be_unknown(ask):
            # what cannot have been done without an answer is simply asked for again
            command = replace(command, outcome="failed")
        step = self.flow.step(ask.step)
        settled = step_types()[step.type].settle(self.flow, step, self.state, ask, command) if step else None
        self.emit(e.EffectResolved(id=command.id, outcome=command.outcome, result=command.result))
        if ask.kind == "tokenise":
            self.wipe("used")
        if settled is None or not (settled.go or settled.stay or settled.ask):
            return None
        self.apply(settled, ask.kind)
        if not here:
            self._tell_late(ask, command)
        elif settled.ask is not None and self.state.call_left:
            self.to_wrap_up()  # nothing is charged any more
        elif settled.ask is not None:
            self.ask(settled.ask)
        elif ask.kind in BACKGROUND and self.state.here is not None:
            pass  # the page is being left already
        elif ask.kind in BACKGROUND and settled.go and not settled.to:
            if not missing(self.step, self.state):
                self.advance()
        else:
            self.follow_up(settled)
        return None

    def resolve_function(self, ask: e.EffectRequested, command: c.Resolve, here: bool) -> None:
        """The value of a function of the submit; then on to the next."""
        outcome = "failed" if command.outcome != "ok" else "ok"
        self.emit(e.EffectResolved(id=command.id, outcome=outcome, result=command.result))  # type: ignore[arg-type]  # one of two of its words
        if not here:
            return
        value = command.result.get("value") if outcome == "ok" else None
        self.emit(e.VariableSet(name=ask.args["target"], value=value, source="function"))
        on_error = ""
        if outcome != "ok":
            self.incident("function_failed", str(command.result.get("reason", "The function failed.")))
            on_error = self.step.functions[self.state.function - 1].on_error
        if self.state.call_left:
            self.to_wrap_up()  # nothing is charged or asked for any more
        elif on_error:
            self.follow(on_error, "error")
        else:
            self.proceed()

    def resolve_seal(self, ask: e.EffectRequested, command: c.Resolve, here: bool) -> None:
        """The envelopes of this submit; without all of them it does not go on."""
        made = sealed.envelopes(ask.args, command.result) if command.outcome == "ok" else None
        reason = str(command.result.get("reason") or "The value could not be sealed. Nothing was kept.")
        if made is None:
            self.emit(e.EffectResolved(id=command.id, outcome="failed", result={"reason": reason}))
        else:
            holders = [str(holder) for holder in command.result.get("holders", ())]
            result = {"fields": list(made), "holders": holders}
            self.emit(e.EffectResolved(id=command.id, outcome="ok", result=result))
            for name, envelope in made.items():
                value = sealed.value_of(envelope, holders)
                self.emit(e.AnswerGiven(step=ask.step, field=name, value=value))
        if not here:
            self._tell_late(ask, command)
            return
        if made is not None:
            self.emit(e.SecretsWiped(step=ask.step, reason="used", fields=tuple(made)))
        if self.state.call_left:
            self.to_wrap_up()
        elif made is not None:
            self.proceed()
        else:
            self.send_back(reason)

    def tick(self, command: c.Tick) -> None:
        """The time of day: sets when the page's time is up, or ends it."""
        if not wants_time(self.flow, self.state):
            return
        timer = self.state.timer
        if timer is None:
            seconds = self.kind.seconds(self.step)
            self.ask(Ask.of(Timer(until=command.now + seconds, seconds=seconds)))
        elif command.now >= timer.args["until"]:
            self.time_up(timer, c.Resolve(id=timer.id, outcome="ok", result={"now": command.now}))

    def time_up(self, timer: e.EffectRequested, command: c.Resolve) -> None:
        """The page's time is over; while its submit is under way a later tick says so again."""
        if timer not in self.state.beside or self.state.stage != "page" or self.state.here is not None:
            return
        settled = self.kind.elapsed(self.flow, self.step, self.state)
        self.emit(e.EffectResolved(id=timer.id, outcome="ok", result=command.result))
        self.apply(settled, Timer.kind)
        if settled.go and not settled.to:
            self.advance()
        else:
            self.follow_up(settled)

    def late(self, command: c.Command) -> list[e.AnyEvent]:
        """Facts that arrive after the end are kept; nothing moves any more."""
        match command:
            case c.LoseCall() if not self.state.call_left:
                self.emit(e.CallLeft(reason=command.reason, by=command.by))
            case c.KeepRecording():
                self.keep_recording(command)
            case c.ReportMask():
                self.report_mask(command)
            case c.Resolve() if command.id in self.state.effects:
                ask = self.state.effects[command.id]
                if ask.kind in (VOID, REFUND):
                    self.taken_back(ask, command)
                    return self.events
                self.emit(e.EffectResolved(id=command.id, outcome=command.outcome, result=command.result))
                if ask.kind in UNSURE and command.outcome != "unknown":
                    self._tell_late(ask, command)
            case _:
                pass
        return self.events

    def leave_unknown(self) -> c.Refused | None:
        """The agent goes on without an answer, where the step allows it."""
        ask = self.state.here
        target = str(self.step.config.get("on_unknown", ""))
        if ask is None or self.flow.step(target) is None:
            who = "gateway" if ask is None or ask.kind in (CHARGE, CAPTURE) else "other system"
            return c.Refused(
                code="must_wait", message=f"The {who} has not answered yet: this step has to wait."
            )
        words = self.state.unknown.get(ask.id) or "no answer"
        if ask.kind in (CHARGE, CAPTURE):
            code, what = "charge_unsettled", f"The charge {ask.id}"
        else:
            code, what = "call_unsettled", f"The request {ask.id}"
        self.incident(code, f"{what} is not settled: {words}. It must be looked up.")
        if self.state.call_left:
            self.to_wrap_up()
        else:
            self.enter(target, "error")
        return None

    def restart(self) -> None:
        """The process is a new one: what it had in memory only is gone."""
        self.wipe("restart")
        for ask in list(self.state.effects.values()):
            if ask.kind in ("tokenise", sealed.KIND):  # its digits died with the old process
                nothing = "charged" if ask.kind == "tokenise" else "kept: ask for it again"
                reason = f"HaloDesk was restarted. Nothing was {nothing}."
                self.resolve(c.Resolve(id=ask.id, outcome="failed", result={"reason": reason}))

    def report_mask(self, command: c.ReportMask) -> None:
        """The lease manager's word on a mask."""
        mask, phase = self.state.mask, command.phase
        wanted = mask.phase in ("wanted", "held", "lost")
        if command.lease != mask.lease or not (wanted or (phase == "none" and mask.phase == "releasing")):
            return
        if wanted and phase == "none":
            phase = "lost"  # it records again, and nobody has given the mask up
        if (phase, command.confirmed_by, command.message, command.todo) == (
            mask.phase,
            mask.confirmed_by,
            mask.message,
            mask.todo,
        ):
            return
        self.emit(
            e.MaskChanged(
                phase=phase,
                step=self.state.step,
                lease=command.lease,
                confirmed_by=command.confirmed_by,
                message=command.message,
                todo=command.todo,
                positions=command.positions,
            )
        )
        if phase == "lost":
            self.wipe("mask_lost")

    def keep_recording(self, command: c.KeepRecording) -> None:
        """A finished recording."""
        if command.path not in self.state.recordings:
            self.emit(e.RecordingKept(**{name: getattr(command, name) for name in command.__struct_fields__}))

    def _tell_late(self, ask: e.EffectRequested, command: c.Resolve) -> None:
        message = f"The {ask.kind} of an earlier step was settled: {command.outcome}."
        self.incident("late_answer", message, ask.step)


def _may_be_unknown(ask: e.EffectRequested) -> bool:
    return ask.kind in UNSURE and ask.args.get("method") not in ("GET", "HEAD")
