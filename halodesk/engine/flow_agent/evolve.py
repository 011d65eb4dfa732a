"""`evolve(state, event) -> state`: folds facts, decides nothing."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import state as s
from halodesk.engine.flow_agent.form import Form
from halodesk.engine.flow_agent.inputs import Usage


def evolve(state: s.State, event: e.AnyEvent) -> s.State:
    """The state after the event."""
    match event:
        case e.EntryBegan() | e.ActionAsked() | e.ActionSettled() | e.NodeEntered() | e.EntryFailed():
            return _entry(state, event)
        case e.SpeechQueued() | e.SpeechCut() | e.SpeechPlayed() | e.Protected():
            return _speech(state, event)
        case e.ModelAsked() | e.ModelCancelled() | e.ModelAnswered() | e.ModelLost():
            return _model(state, event)
        case e.CallRefused() | e.TransitionAccepted() | e.EndAccepted() | e.ToolAsked() | e.ToolSettled():
            return _calls(state, event)
        case (
            e.PageMoved()
            | e.HumanWanted()
            | e.HumanTook()
            | e.HumanSpoke()
            | e.HumanGave()
            | e.WhisperHeard()
        ):
            return _people(state, event)
        case _:
            return _rest(state, event)


def _entry(state: s.State, event: e.AnyEvent) -> s.State:
    match event:
        case e.EntryBegan():
            accepted = state.accepted
            collected = dict(state.collected)
            if accepted is not None and not event.again:
                collected |= accepted.arguments
            return replace(
                state,
                collected=collected,
                accepted=None,
                moved=False,
                entering=s.Entering(
                    epoch=event.epoch,
                    node=event.node,
                    function=event.function,
                    call="" if accepted is None or event.again else accepted.call,
                    again=event.again,
                    moved=event.moved,
                    results=state.results if event.again else (),
                ),
            )
        case e.ActionAsked() if state.entering is not None:
            pending = (*state.entering.pending, (event.call, event.tool))
            return replace(_counted(state, event.call), entering=replace(state.entering, pending=pending))
        case e.ActionSettled() if state.entering is not None:
            entering, kept = state.entering, state.entering.results
            if entering.again:  # in place of what it brought before
                kept = tuple(one for one in kept if one[0] != event.tool)
            return replace(
                _counted(state, event.call),
                entering=replace(
                    entering,
                    pending=tuple(one for one in entering.pending if one[0] != event.call),
                    results=(*kept, (event.tool, event.result)),
                    form=event.form or entering.form,
                ),
            )
        case e.NodeEntered():
            built = state.entering
            state = replace(
                state,
                node=event.node,
                epoch=event.epoch,
                in_force=True,
                terminal=event.terminal,
                role=event.role,
                results=() if built is None else built.results,
                form=None if built is None else built.form,
                entering=None,
                visits=(*state.visits, event.node),
                entered_at=state.entered_at if built is not None and built.again else len(state.messages),
                round=0,
            )
            return _result(state, event.call, {"ok": True, "now": "The conversation moved on."})
        case e.EntryFailed():
            failed = {"ok": False, "error": "node_unavailable", "message": event.problem}
            return _result(replace(state, entering=None), event.call, failed)
    return state


def _speech(state: s.State, event: e.AnyEvent) -> s.State:
    match event:
        case e.SpeechQueued():
            queued = s.Queued(
                id=event.speech, text=event.text, kind=event.kind, interruptible=event.interruptible
            )
            request = state.request
            if request is not None and event.request == request.id:
                request = replace(request, said=True)
            own = event.kind != "filler"
            state = replace(
                state,
                queue=(*state.queue, queued),
                request=request,
                counter=max(state.counter, event.speech),
                said_since=state.said_since or own,
                barged=False,
                rest="" if own else state.rest,
                fillers=state.fillers + (event.kind == "filler"),
                asked_for=state.asked_for + (event.kind == "idle"),
            )
            return _said(state, event) if own else state
        case e.SpeechCut():
            gone = tuple(one for one in state.queue if one.id in event.speeches)
            left = tuple(one for one in state.queue if one.id not in event.speeches)
            return replace(state, queue=left, cut=(*state.cut, *gone), spoken=state.spoken + 1)
        case e.SpeechPlayed():
            found = next((one for one in (*state.queue, *state.cut) if one.id == event.speech), None)
            state = replace(
                state,
                queue=tuple(one for one in state.queue if one.id != event.speech),
                cut=tuple(one for one in state.cut if one.id != event.speech),
                spoken=state.spoken + 1,
            )
            if event.whole or found is None:
                return state
            lost = found.text[len(event.played) :].strip() if found.kind == "reply" else ""
            state = replace(state, rest=f"{state.rest} {lost}".strip())
            return _heard_of(state, event.speech, event.played)
        case e.Protected():
            return replace(
                state,
                queue=tuple(
                    replace(one, interruptible=False) if one.id in event.speeches else one
                    for one in state.queue
                ),
            )
    return state


def _model(state: s.State, event: e.AnyEvent) -> s.State:
    match event:
        case e.ModelAsked():
            return replace(
                state,
                request=s.Request(id=event.request, round=event.round, attempt=event.attempt),
                model=event.model,
                round=event.round,
                counter=max(state.counter, event.request),
                words_wait=False,
                barged=False,
            )
        case e.ModelCancelled():
            return replace(state, request=None)
        case e.ModelLost():
            return replace(state, request=None)
        case e.ModelAnswered():
            calls = tuple(s.Call(call=call) for call in event.calls)
            state = replace(state, request=None, spent=_sum(state.spent, event.usage), whispers=())
            for call in event.calls:
                state = _counted(state, call.id)
            if not calls:
                return state
            last = state.messages[-1] if state.messages else None
            if last is not None and last.who == "agent" and last.request == event.request:
                return _with_last(state, replace(last, calls=calls))
            message = s.Message(who="agent", calls=calls, request=event.request, node=state.node)
            return replace(state, messages=(*state.messages, message))
    return state


def _calls(state: s.State, event: e.AnyEvent) -> s.State:
    match event:
        case e.CallRefused():
            state = _through(state, event.call, event.form)
            return _result(state, event.call, {"ok": False, "error": event.code, "message": event.message})
        case e.TransitionAccepted():
            return replace(_through(state, event.call), accepted=event)
        case e.EndAccepted():
            return _result(replace(state, end_call=event), event.call, {"ok": True})
        case e.ToolAsked():
            return replace(
                state,
                open_tools=(*state.open_tools, event.call),
                routing=event if event.route is not None else state.routing,
                done_calls=(*state.done_calls, (event.name, event.key)),
            )
        case e.ToolSettled():
            return _result(_through(state, event.call, event.form), event.call, event.result)
    return state


def _through(state: s.State, call: str, form: Form | None = None) -> s.State:
    """The tool of that call, if it was one, is at work no longer."""
    routing = state.routing
    return replace(
        state,
        open_tools=tuple(one for one in state.open_tools if one != call),
        routing=None if routing is not None and routing.call == call else routing,
        form=form if form is not None and form.node in ("", state.node) else state.form,
    )


def _people(state: s.State, event: e.AnyEvent) -> s.State:
    match event:
        case e.PageMoved():
            return replace(state, moved=True)
        case e.HumanWanted():
            return replace(state, human_wanted=True, human_page=event.page)
        case e.HumanTook():
            return replace(
                state,
                human=event.by,
                human_wanted=False,
                human_page=False,
                ending=None,
                end_call=None,
                barged=False,
                rest="",
                voice=False,
            )
        case e.HumanSpoke():
            return _note(state, "human", event.text)
        case e.HumanGave():
            state = replace(
                state,
                human="",
                human_wanted=False,
                human_page=False,
                trouble=0,
                bad_rounds=0,
                collected={**state.collected, **event.variables},
            )
            return _note(state, "note", event.note) if event.note else state
        case e.WhisperHeard():
            return replace(state, whispers=(*state.whispers, event.text))
    return state


def _rest(state: s.State, event: e.AnyEvent) -> s.State:
    match event:
        case e.Began():
            return replace(
                state,
                began=True,
                call=event.call,
                context=event.context,
                colleague=event.colleague,
                models=max(1, event.models),
            )
        case e.Locked():
            return replace(state, locked=True)
        case e.Unlocked():
            return replace(state, locked=False)
        case e.CallerSaid():
            state = replace(
                state,
                turn=event.turn,
                words_wait=True,
                barged=False,
                rest="",
                said_since=False,
                asked_for=0,
                bad_rounds=0,
                done_calls=(),
            )
            return _note(state, "caller", event.text)
        case e.CallerVoice():
            return replace(
                state,
                voice=event.on,
                voices=state.voices + 1,
                barged=state.barged or event.barge_in,
            )
        case e.MuteChanged():
            return replace(state, muted=event.on)
        case e.TimerSet():
            timer = s.Timer(id=event.timer, name=event.name, key=event.key)
            cap = event.key if event.name == "cap" else state.cap
            return replace(
                state, timers=(*state.timers, timer), counter=max(state.counter, event.timer), cap=cap
            )
        case e.TimerCleared():
            return replace(state, timers=tuple(one for one in state.timers if one.id != event.timer))
        case e.Troubled():
            return replace(state, trouble=event.times, bad_rounds=0)
        case e.BadRound():
            return replace(state, bad_rounds=event.times)
        case e.Nudged():
            return replace(state, trouble=state.trouble + 1)
        case e.WellDone():
            return replace(state, trouble=0, bad_rounds=0)
        case e.SummaryAsked():
            return replace(
                state,
                summary_request=event.request,
                summary_upto=event.upto,
                counter=max(state.counter, event.request),
            )
        case e.SummaryKept():
            return replace(state, summary_ready=event, spent=_sum(state.spent, event.usage))
        case e.SpeechPaid():
            return replace(state, spent=_sum(state.spent, Usage(cost=event.cost)))
        case e.Summarised():
            state = replace(state, summary_ready=None, summary_request=0)
            return replace(state, summary=event.text, base=event.upto) if event.text else state
        case e.Ending():
            return replace(state, ending=event.reason, human_wanted=False, end_call=None)
        case e.HangUpAsked():
            return replace(state, hang_up_asked=True)
        case e.Ended():
            return replace(state, ended=True, request=None, open_tools=(), routing=None, queue=())
    return state


def _said(state: s.State, event: e.SpeechQueued) -> s.State:
    part = s.Part(speech=event.speech, text=event.text)
    last = state.messages[-1] if state.messages else None
    if event.request and last is not None and last.who == "agent" and last.request == event.request:
        return _with_last(state, replace(last, parts=(*last.parts, part)))
    message = s.Message(who="agent", parts=(part,), request=event.request, node=state.node)
    return replace(state, messages=(*state.messages, message))


def _heard_of(state: s.State, speech: int, played: str) -> s.State:
    """The transcript says no more than the caller heard."""
    messages = list(state.messages)
    for index in range(len(messages) - 1, -1, -1):
        parts = messages[index].parts
        if any(part.speech == speech for part in parts):
            kept = tuple(replace(part, text=played) if part.speech == speech else part for part in parts)
            messages[index] = replace(messages[index], parts=kept)
            return replace(state, messages=tuple(messages))
    return state


def _result(state: s.State, call: str, result: dict[str, Any]) -> s.State:
    if not call:
        return state
    messages = list(state.messages)
    for index in range(len(messages) - 1, -1, -1):
        if any(one.call.id == call for one in messages[index].calls):
            calls = tuple(
                replace(one, result=result) if one.call.id == call else one for one in messages[index].calls
            )
            messages[index] = replace(messages[index], calls=calls)
            return replace(state, messages=tuple(messages))
    return state


def _note(state: s.State, who: Any, text: str) -> s.State:
    message = s.Message(who=who, parts=(s.Part(speech=0, text=text),), node=state.node)
    return replace(state, messages=(*state.messages, message))


def _with_last(state: s.State, message: s.Message) -> s.State:
    return replace(state, messages=(*state.messages[:-1], message))


def _counted(state: s.State, call: str) -> s.State:
    return replace(state, counter=max(state.counter, int(call[1:])))


def _sum(one: Usage, other: Usage) -> Usage:
    return Usage(
        prompt=one.prompt + other.prompt,
        completion=one.completion + other.completion,
        cost=one.cost + other.cost,
    )
