"""The agent's state in words and colours."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from halodesk.runtime.agent_ports import AgentView, QueueMember, QueueView
from halodesk.ui.parts import pill
from halodesk.ui.parts.pill import Tone

_TONES: dict[str, tuple[Tone, str]] = {
    "ready": (pill.GOOD, ""),
    "not_ready": (pill.WARN, "pause"),
    "offline": (pill.PLAIN, "close"),
    "ringing": (pill.ACCENT, "incoming"),
    "talking": (pill.ACCENT, "answer"),
    "wrap_up": (pill.WANTED, "timer"),
}


def tr(words: str) -> str:
    """In the person's language."""
    return QCoreApplication.translate("AgentState", words)


def state_words(view: AgentView) -> str:
    """One or two words."""
    if view.shown == "not_ready":
        return view.reason or tr("Not ready")
    return {
        "ready": tr("Ready"),
        "offline": tr("Offline"),
        "ringing": tr("Call coming in"),
        "talking": tr("On a call"),
        "wrap_up": tr("Wrap-up"),
    }[view.shown]


def state_look(view: AgentView) -> tuple[Tone, str]:
    """Colours and sign. Red where the queues are not as they should be."""
    tone, icon = _TONES[view.shown]
    return (pill.BAD, "alert") if is_troubled(view) else (tone, icon)


def is_troubled(view: AgentView) -> bool:
    """Whether the PBX does not have what this agent wants."""
    queues = view.queues
    if queues is None:
        return False
    wrong = view.shown == "ready" and any(not one.member or one.paused for one in queues.members)
    return bool(queues.problem) or wrong


def queue_words(view: QueueView | None) -> tuple[str, ...]:
    """A line for each queue, and what is wrong."""
    if view is None:
        return ()
    lines = [member_words(one) for one in view.members]
    if view.told and not view.members:
        lines.append(tr("Told to the PBX by feature code; it gives no answer back."))
    if view.problem:
        lines.append(" ".join(filter(None, (view.problem, view.todo))))
    return tuple(lines)


def member_words(one: QueueMember) -> str:
    """What the PBX says of one queue."""
    if not one.member:
        state = tr("logged out")
    elif one.paused:
        state = tr("paused ({reason})").format(reason=one.reason) if one.reason else tr("paused")
    else:
        state = tr("taking calls")
    return f"{one.queue}: {state}"
