"""A conversation without clock or network: scripted completions, tools that answer as told.

Rules: everything that was asked is kept; nothing comes by itself, except that speech is played at
once and tools answer at once unless told otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from halodesk.engine.flow_agent import document as documents
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.document import Document
from halodesk.engine.flow_agent.form import Form
from halodesk.engine.flow_agent.log import Line
from halodesk.engine.flow_agent.machine import decide, evolve
from halodesk.engine.flow_agent.manner import Manner
from halodesk.engine.flow_agent.state import State

CALL = i.CallMeta(id="call-1", direction="out", number="+15550100", name="Ann", called="+15550199")


def call(name: str, arguments: Any = None, id: str = "x") -> i.ToolCall:
    """A function call of a model; arguments as an object, or as the text it wrote."""
    text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments or {}).decode()
    return i.ToolCall(id=id, name=name, arguments=text)


def node(key: str, **fields: Any) -> dict[str, Any]:
    """A node as JSON; `to` is short for functions without arguments."""
    functions = [
        {"name": name, "description": f"Call {name} when the caller agrees.", "next_node_key": target}
        for name, target in fields.pop("to", {}).items()
    ]
    told = ", ".join(one["name"] for one in [*functions, *fields.get("functions", [])])
    return {
        "node_key": key,
        "position": 0,
        "is_initial": False,
        "is_terminal": False,
        "role_messages": [],
        "task_messages": [{"role": "system", "content": f"Task of {key}: {told}, end_call."}],
        "tool_ids": [],
        "builtin_tools": ["end_call"],
        "pre_actions": [],
        **fields,
        "functions": [*functions, *fields.get("functions", [])],
    }


def tool(name: str, properties: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """A tool as JSON, with the id `t-NAME`."""
    return {
        "id": f"t-{name}",
        "name": name,
        "description": f"Does {name} for the caller.",
        "webhook_url": f"https://example.com/{name}",
        "webhook_method": "POST",
        "parameters": {"properties": properties or {}, "required": fields.pop("required", [])},
        **fields,
    }


def agent(*nodes: dict[str, Any], tools: Sequence[dict[str, Any]] = (), **fields: Any) -> Document:
    """A document of these nodes."""
    return documents.read(
        {
            "version": "1",
            "agent": {"name": "test-agent", "prompt": "You are an agent of Acme.", **fields},
            "tools": list(tools),
            "flow_nodes": list(nodes),
        }
    )


SIZE = {"type": "string", "enum": ["small", "large"]}
CHOOSE = {
    "name": "chosen",
    "description": "Call when the caller chose a size.",
    "properties": {"size": SIZE},
    "required": ["size"],
    "next_node_key": "two",
}


def sample_flow(**fields: Any) -> Document:
    """Four nodes, two tools; `fields` of the first node."""
    return agent(
        node("one", is_initial=True, to={"next": "two", "other": "three"}, functions=[CHOOSE], **fields),
        node(
            "two",
            to={"on": "three"},
            tool_ids=["t-look"],
            pre_actions=[{"type": "tool_call", "tool_id": "t-book"}],
        ),
        node("three", to={"finish": "bye"}),
        node("bye", is_terminal=True),
        tools=[
            tool("look", {"day": {"type": "string"}}, required=["day"]),
            tool("book", {"size": SIZE, "phone_number": {"type": "string"}}, required=["phone_number"]),
        ],
        greeting="Hello {{name}}, do you have a moment?",
    )


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A tool's answer with more than a value."""

    value: Any = None
    error: str = ""
    form: Form | None = None


def _outcome(value: Any) -> dict[str, Any]:
    if not isinstance(value, Answer):
        return {"ok": True, "value": value}
    return {"ok": not value.error, "value": value.value, "error": value.error, "form": value.form}


class Talk:
    """A conversation that is driven step by step."""

    def __init__(
        self,
        document: Document,
        *,
        manner: Manner | None = None,
        plays: bool = True,
        answers: Callable[[str, dict[str, Any]], Any] | None = None,
        **started: Any,
    ) -> None:
        self.document, self.manner = document, manner or Manner()
        self.state = State()
        self.events: list[e.AnyEvent] = []
        self.lines: list[Line] = []
        self.plays, self.answers = plays, answers or (lambda name, arguments: {"done": name})
        self.asked: list[e.ModelAsked] = []
        self.tell(i.Started(**{"call": CALL, **started}))

    def tell(self, news: i.AnyNews) -> list[e.AnyEvent]:
        """News, and what follows from it by itself; the events of it all."""
        before = len(self.events)
        waiting: list[i.AnyNews] = [news]
        while waiting:
            one = waiting.pop(0)
            self.lines.append(Line(seq=len(self.lines) + 1, at=0.0, news=one))
            for event in decide(self.document, self.manner, self.state, one):
                self.state = evolve(self.state, event)
                self.events.append(event)
                self.lines.append(Line(seq=len(self.lines) + 1, at=0.0, event=event))
                waiting.extend(self._outside(event))
        return self.events[before:]

    def _outside(self, event: e.AnyEvent) -> list[i.AnyNews]:
        match event:
            case e.ModelAsked():
                self.asked.append(event)
            case e.SpeechQueued() if self.plays:
                return [i.SpeechOver(speech=event.speech, played=event.text)]
            case e.ToolAsked() if self.answers is not None:
                value = self.answers(event.name, event.arguments)
                return [] if value is None else [i.ToolDone(call=event.call, **_outcome(value))]
            case e.ActionAsked():
                found = self.document.tool(event.tool)
                value = self.answers("" if found is None else found.name, event.arguments)
                if value is not None:
                    return [i.ActionDone(epoch=event.epoch, call=event.call, **_outcome(value))]
            case e.HangUpAsked():
                return [i.HungUp(by="agent")]
        return []

    def hear(self, text: str, **fields: Any) -> list[e.AnyEvent]:
        """Final words of the caller."""
        return self.tell(i.Heard(text=text, **fields))

    def model(self, text: str = "", *calls: i.ToolCall, **fields: Any) -> list[e.AnyEvent]:
        """The completion that is asked for."""
        request = self.state.request
        assert request is not None, f"nothing was asked; {self.state.phase}"
        found = self.tell(i.ModelSaid(request=request.id, text=text)) if text else []
        return found + self.tell(i.ModelDone(request=request.id, calls=calls, **fields))

    def fail(self, failure: i.Failure = "timeout") -> list[e.AnyEvent]:
        """The completion that is asked for fails."""
        assert self.state.request is not None
        return self.tell(i.ModelFailed(request=self.state.request.id, failure=failure))

    def fire(self, name: str) -> list[e.AnyEvent]:
        """A timer runs out."""
        timer = next(one for one in self.state.timers if one.name == name)
        return self.tell(i.TimerFired(timer=timer.id))

    def of(self, kind: type[Any]) -> list[Any]:
        """The events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def is_(self, name: str) -> bool:
        """Whether that flag of the state is set."""
        return bool(getattr(self.state, name))

    @property
    def spoken(self) -> list[str]:
        """All that was queued to say."""
        return [event.text for event in self.of(e.SpeechQueued)]
