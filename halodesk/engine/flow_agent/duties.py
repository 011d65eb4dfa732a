"""Timers and the mute: both follow from the state, so they are compared with it after each decision.

Rules:
- quiet: the caller waits for us and hears nothing: a filler. It starts anew when a speech ends.
- resume: the agent was cut by a sound that turned out to be no speech: it goes on.
- terminal: in a terminal node nothing is said any more: hang up. From the end of what is played,
  anew after each word of the caller. cap: the same for all of the node, never anew.
- human: a colleague was asked for and does not come.
- The caller's voice is muted while the call is being ended and while protected speech plays.
"""

from __future__ import annotations

from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent.scene import Scene
from halodesk.engine.flow_agent.state import State


def keep(scene: Scene) -> None:
    """Set and clear timers, mute and unmute, until they fit the state."""
    wanted = _wanted(scene)
    for timer in scene.state.timers:
        if wanted.get(timer.name, ("", 0.0))[0] != timer.key:
            scene.emit(e.TimerCleared(timer=timer.id))
    running = {timer.name for timer in scene.state.timers}
    for name, (key, seconds) in wanted.items():
        if name not in running:
            scene.emit(e.TimerSet(timer=scene.next_id(), name=name, seconds=seconds, key=key))
    mute = _mute(scene.state)
    if mute != scene.state.muted:
        scene.emit(e.MuteChanged(on=mute))


def _wanted(scene: Scene) -> dict[e.TimerName, tuple[str, float]]:
    state, manner = scene.state, scene.manner
    found: dict[e.TimerName, tuple[str, float]] = {}
    if not state.began or state.ended or state.human:
        return found
    if state.human_wanted:
        found["human"] = ("wanted", manner.human_s)
    silent = not state.queue and not state.voice and not state.barged and state.ending is None
    if state.our_turn and silent:
        found["quiet"] = (f"{state.turn}.{state.spoken}", manner.quiet_s)
    if state.barged and not state.voice and state.ending is None:
        found["resume"] = (f"{state.voices}", manner.resume_s)
    if state.terminal and state.ending is None and not state.human_wanted:
        idle = silent and not state.our_turn
        if idle:
            found["terminal"] = (
                f"{state.epoch}.{state.turn}.{state.voices}.{state.spoken}",
                manner.terminal_s,
            )
        cap = f"cap.{state.epoch}"
        if idle or state.cap == cap:
            found["cap"] = (cap, manner.cap_s)
    return found


def _mute(state: State) -> bool:
    if state.human or state.ended or not state.began:
        return False
    return state.ending is not None or bool(state.queue and not state.queue[0].interruptible)
