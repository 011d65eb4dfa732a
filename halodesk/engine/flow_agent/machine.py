"""`decide(document, manner, state, news) -> events`: all rules of a flow agent's conversation.

Rules:
- Pure: no clock, no randomness, no I/O. The same news gives the same events for ever, so a log
  replays on the same path.
- News of something that nobody waits for (a completion that was cancelled, a timer that was
  cleared, a pre-action of a node that was left) gives no event at all.
- Entry: prompt and functions are built aside and swapped in one event; pre-actions run in parallel,
  a failed one is a result like any other; what cannot be built leaves the old node in force.
- Lock: set at the start and by each transition. Only final words of the caller, or keys, release it:
  not noise, not an echo of ourselves, not what came while the caller's voice did not count.
- Words of the caller cancel the completion under way, never a tool that runs nor a transition that
  was accepted: they are answered in the node that follows.
- Barge-in: what may be interrupted is cut and the transcript says no more than was heard. A sound
  without words gives the agent the word back.
- A human may take over at any time, and hand back: the node is built again with the transcript and
  with what its pre-actions brought; those run twice that say so (`again`).
- A node may work on a form from outside (`form`): a page of a halo flow. Where that goes on without the
  model, the node is built again; a form of another node leads there, one for a human asks for them.
- `end_call` has the goodbye played, then hangs up. In a terminal node silence ends the call too.

What a completion means is in `completion`, timers and the mute in `duties`, the moves in `scene`.
"""

from __future__ import annotations

from halodesk.engine.flow_agent import completion, duties
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.data import result, spoken
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.evolve import evolve as evolve
from halodesk.engine.flow_agent.form import safe
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.scene import Scene
from halodesk.engine.flow_agent.state import State


def decide(document: Document, manner: Manner, state: State, news: i.AnyNews) -> list[e.AnyEvent]:
    """The facts that follow from the news; none where it means nothing any more."""
    if state.ended or state.began == isinstance(news, i.Started):
        return []
    scene = Scene(document, manner, state)
    match news:
        case i.Started():
            _start(scene, news)
        case i.Heard() | i.VoiceBegan() | i.VoiceEnded():
            _caller(scene, news)
        case i.ModelSaid() | i.ModelDone() | i.ModelFailed() | i.SummaryDone():
            _model(scene, news)
        case i.ToolDone():
            completion.tool_done(scene, news)
        case i.ActionDone():
            _action(scene, news)
        case i.SpeechOver():
            _over(scene, news)
        case i.TimerFired():
            _timer(scene, news.timer)
        case i.TakenOver() | i.HumanSaid() | i.HandedBack() | i.Whispered():
            _human(scene, news)
        case i.Moved():
            _moved(scene, news)
        case i.HungUp():
            _hung_up(scene, news)
        case i.SpeechCharged():
            scene.emit(e.SpeechPaid(cost=news.cost))
        case i.SpeechBegan():
            pass
    duties.keep(scene)
    return scene.events


def _start(scene: Scene, news: i.Started) -> None:
    document = scene.document
    defaults = {
        variable.name: variable.default for variable in document.variables if variable.default is not None
    }
    scene.emit(
        e.Began(
            agent=document.name,
            call=news.call,
            context={**defaults, **news.parameters},
            colleague=news.colleague,
            models=news.models,
        )
    )
    scene.emit(e.Locked())
    scene.speak(scene.fill(document.greeting), "greeting")
    initial = document.initial
    if initial is not None:
        scene.enter(initial.key)
    elif document.simple:
        scene.enter("")
    else:
        scene.give_up("no first step")


def _caller(scene: Scene, news: i.Heard | i.VoiceBegan | i.VoiceEnded) -> None:
    state = scene.state
    keys = isinstance(news, i.Heard) and news.kind == "dtmf"
    if state.muted and not keys:
        if not isinstance(news, i.VoiceEnded):
            scene.emit(e.Ignored(why="muted"))
        elif state.voice:
            scene.emit(e.CallerVoice(on=False))
        return
    match news:
        case i.VoiceBegan():
            _voice_began(scene)
        case i.VoiceEnded():
            if state.voice:
                scene.emit(e.CallerVoice(on=False))
        case i.Heard(final=True):
            _heard(scene, news)


def _voice_began(scene: Scene) -> None:
    state = scene.state
    if state.voice:
        return
    busy = any(one.interruptible for one in state.queue) or state.request is not None
    barge_in = busy and not state.human and state.ending is None
    if barge_in:
        scene.cancel("barge_in")
        scene.silence("barge_in")
    scene.emit(e.CallerVoice(on=True, barge_in=barge_in))


def _heard(scene: Scene, news: i.Heard) -> None:
    state = scene.state
    text = spoken(news.text)
    if news.echo or not any(sign.isalnum() or sign in "*#" for sign in text):
        scene.emit(e.Ignored(why="echo" if news.echo else "noise"))
        if scene.state.barged and not scene.state.voice:
            _resume(scene)
        return
    if state.ending is not None:
        scene.emit(e.Ignored(why="late"))
        return
    if state.voice:  # the words are final: so is the sound they came in
        scene.emit(e.CallerVoice(on=False))
    if not state.human:
        scene.cancel("more_words")
        scene.silence("barge_in")
    scene.emit(e.CallerSaid(turn=state.turn + 1, text=text, kind=news.kind))
    if scene.state.locked:
        scene.emit(e.Unlocked(by=news.kind))
    if not scene.state.open_tools and scene.state.accepted is None:
        scene.ask(fresh=True)


def _resume(scene: Scene) -> None:
    """The agent was cut for nothing: it says the rest, or is asked again."""
    state = scene.state
    if state.human or state.ending is not None or state.entering is not None or state.open_tools:
        return
    if state.rest:
        scene.speak(state.rest, "reply")
    else:
        scene.ask(fresh=state.words_wait)


def _model(scene: Scene, news: i.ModelSaid | i.ModelDone | i.ModelFailed | i.SummaryDone) -> None:
    request = scene.state.request
    match news:
        case i.ModelSaid():
            if request is not None and request.id == news.request:
                scene.speak(spoken(news.text), "reply", request=request.id)
        case i.ModelDone():
            completion.done(scene, news)
        case i.ModelFailed():
            completion.failed(scene, news)
        case i.SummaryDone():
            _summary(scene, news)


def _summary(scene: Scene, news: i.SummaryDone) -> None:
    state = scene.state
    if not state.summary_request or news.request != state.summary_request:
        return
    upto, text = state.summary_upto, spoken(news.text)
    if text:
        scene.emit(e.SummaryKept(request=news.request, upto=upto, text=text, usage=news.usage))
    else:
        scene.emit(e.Summarised(request=news.request, upto=state.base, text=""))


def _action(scene: Scene, news: i.ActionDone) -> None:
    entering = scene.state.entering
    if entering is None or entering.epoch != news.epoch:
        return
    tool = next((tool for call, tool in entering.pending if call == news.call), "")
    if not tool:
        return
    outcome = result(news.ok, news.value, news.error)
    form = safe(news.form)
    scene.emit(e.ActionSettled(epoch=news.epoch, call=news.call, tool=tool, result=outcome, form=form))
    scene.entered()


def _over(scene: Scene, news: i.SpeechOver) -> None:
    state = scene.state
    known = {one.id: one.text for one in (*state.queue, *state.cut)}
    if news.speech not in known:
        return
    text = known[news.speech]
    played = text if news.whole else news.played if text.startswith(news.played) else ""
    scene.emit(e.SpeechPlayed(speech=news.speech, played=played, whole=news.whole))
    scene.hang_up_when_silent()


def _timer(scene: Scene, id: int) -> None:
    timer = next((one for one in scene.state.timers if one.id == id), None)
    if timer is None:
        return
    scene.emit(e.TimerCleared(timer=id))
    match timer.name:
        case "quiet":
            lines = scene.manner.fillers
            scene.speak(lines[scene.state.fillers % len(lines)] if lines else "", "filler")
        case "resume":
            _resume(scene)
        case "human":
            scene.nobody_comes()
        case "idle" if scene.state.asked_for < scene.manner.idle_times:
            scene.speak(scene.manner.still_there, "idle")
        case "idle":
            scene.speak(scene.fill(scene.document.goodbye) or scene.manner.goodbye, "goodbye")
            scene.end("caller_silent")
        case "terminal" | "cap":
            if not scene.state.said_since:
                scene.speak(scene.fill(scene.document.goodbye) or scene.manner.goodbye, "goodbye")
            scene.end("terminal_net")


def _human(scene: Scene, news: i.TakenOver | i.HumanSaid | i.HandedBack | i.Whispered) -> None:
    state = scene.state
    match news:
        case i.TakenOver():
            if state.human or state.hang_up_asked:
                return
            scene.cancel("taken_over")
            scene.silence("taken_over", all_of_it=True)
            scene.emit(e.HumanTook(by=news.by))
        case i.HumanSaid():
            if state.human and spoken(news.text):
                scene.emit(e.HumanSpoke(text=spoken(news.text)))
        case i.HandedBack():
            if not state.human:
                return
            scene.emit(e.HumanGave(by=news.by, note=spoken(news.note), variables=news.variables))
            if state.entering is None and not state.open_tools:
                scene.enter(scene.here, again=True)
            elif state.form is not None:  # a human has worked on it: to be looked at when that is through
                scene.emit(e.PageMoved(by=news.by))
        case i.Whispered():
            if spoken(news.text):
                scene.emit(e.WhisperHeard(by=news.by, text=spoken(news.text)))


def _moved(scene: Scene, news: i.Moved) -> None:
    """What the node's form is of went on without the model."""
    state = scene.state
    if state.human or state.ending is not None:
        return  # a human has the call; the end is the end
    if state.human_wanted and not state.human_page:
        return  # they are wanted for something else
    scene.emit(e.PageMoved(by=news.by))
    if state.human_wanted:
        scene.emit(e.HumanGave(by=news.by, note="", variables={}))
    scene.look_again()


def _hung_up(scene: Scene, news: i.HungUp) -> None:
    scene.cancel("ended")
    reason: e.EndReason = scene.state.ending or ("human_ended" if news.by == "human" else "hung_up")
    scene.emit(e.Ended(reason=reason, by=news.by))
