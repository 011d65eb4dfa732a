"""A halo flow as a flow agent's document, and its pages as forms.

Rules:
- A step that a flow agent may work (`engine.drivers`) is a node. What is said and asked there, and the
  ways on, come with the form of its page as it is now; the halo engine alone says where they lead.
- A page that is a human's has no node: its form says so, and the human is asked for.
- At an end that is a human's the conversation is over: the flow agent says goodbye and hangs up, and the
  wrap-up is the human's as after any call.
- No text of the flow is in an instruction: titles, scripts and labels are data, and so are values.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from halodesk.engine.drivers import driver_of
from halodesk.engine.flow import Flow, Step
from halodesk.engine.flow_agent import of_page
from halodesk.engine.flow_agent.document import ANYWHERE, Document, Function, internal_id, read
from halodesk.engine.flow_agent.form import Form
from halodesk.engine.page import Page
from halodesk.engine.subscripts import DEEPEST, template_of

LOOK, WORK, GOODBYE = "halo-page", "halo-work", "goodbye"
"""Ids of the two tools, and key of the last node; no step's key may be it, see `node_key`."""
PATIENCE_S = 45.0
"""How long the page may be at work before a human is asked for. Fillers are spoken meanwhile."""
MOST_NODES = 2_000
PROMPT = (
    "You speak with a caller for a company and work the pages of its call script, as an agent of the"
    " company does. The page in front of you is given as data. In its `script`, lines that begin with >"
    " are for the caller: say them in your own words, shortly; other lines are notes for you, never say"
    " them. `fields` is what to find out and `value` what is known already; `buttons` are the ways on."
    " Ask for one thing at a time. Write down what the caller tells you with note_answers as soon as you"
    " know it. When the page is done call the function of the button that fits. When a function is"
    " refused, the reason says what to mend or to ask. Say and promise nothing that the pages do not"
    " say. Card numbers, security codes, social security, insurance and bank account numbers are taken"
    " by a colleague: never ask for them, and stop a caller who begins to say one."
)
TASK = (
    "Work the page in front of you: say what it says to the caller, find out what its fields need, then"
    " go on by the function of one of its buttons."
)
LAST = "The call script is done. Thank the caller and say goodbye."


def document(flow: Flow) -> Document:
    """The document; its functions come with each page's form (`form_of`)."""
    first = next(_steps(flow), None)
    nodes = [_node(key, step, initial=step is first) for key, step in _driven(flow)]
    if not nodes:
        nodes = [_node(flow.start, first, initial=True)]  # its form says that it is a human's
    if not any(node["is_initial"] for node in nodes):
        nodes[0]["is_initial"] = True  # the first form says where the conversation really is
    raw = {
        "version": "1",
        "agent": {"name": flow.name, "prompt": PROMPT},
        "tools": [
            {"id": LOOK, "name": "look_at_page", "description": "Shows the page.", "timeout_s": 59},
            {"id": WORK, "name": "work_page", "description": "Works the page.", "timeout_s": 60},
        ],
        "flow_nodes": [
            *nodes,
            {
                "node_key": GOODBYE,
                "position": len(nodes),
                "is_terminal": True,
                "task_messages": [{"role": "system", "content": LAST}],
                "builtin_tools": ["end_call"],
            },
        ],
    }
    return read(raw, agent_of(flow))


def agent_of(flow: Flow) -> str:
    """Id of the agent that a flow becomes."""
    return f"halo:{flow.key}"


def form_of(flow: Flow, page: Page) -> Form:
    """The page as a form: what is shown, what may be done, or why a human is needed."""
    step = flow.step(page.step)
    if page.ended or (step is not None and step.type == "end" and driver_of(flow, step) == "human"):
        return Form(node=GOODBYE)
    if page.waiting:
        return Form(human=f"The step “{page.title}” is still at work: {page.waiting}")
    if step is None or driver_of(flow, step) == "human" or not of_page.workable(page):
        return Form(human=f"The step “{page.title}” is for a colleague.")
    handler = internal_id(agent_of(flow), WORK)
    functions = tuple(
        Function(
            name=way.name,
            description=way.description,
            schema=way.schema,
            target="",
            handler=handler,
            to=() if way.kind == "note" else (ANYWHERE,),
            moves=way.kind != "note",
        )
        for way in of_page.ways(page)
    )
    return Form(node=node_key(page.step), data=of_page.data(page), functions=functions)


def node_key(step: str) -> str:
    """The key of a step's node."""
    return f"{step}/" if step == GOODBYE else step


def _driven(flow: Flow) -> Iterator[tuple[str, Step]]:
    for number, step in enumerate(_steps(flow)):
        if number >= MOST_NODES:
            return
        if driver_of(flow, step) != "human":
            yield node_key(step.key), step


def _steps(flow: Flow) -> Iterator[Step]:
    """Every step as a session may enter it, the first one first."""
    start = flow.step(flow.start)
    outer = [step for step in flow.steps if step is not start]
    for step in ([start] if start is not None else []) + outer:
        yield from _within(flow, step, 0)


def _within(flow: Flow, step: Step, deep: int) -> Iterator[Step]:
    yield step
    template = template_of(flow, step)
    if template is None or deep >= DEEPEST:
        return
    for inner in template.steps:
        found = flow.step(f"{step.key}/{inner.key}") if inner.type != "end" else None
        if found is not None:
            yield from _within(flow, found, deep + 1)


def _node(key: str, step: Step | None, *, initial: bool) -> dict[str, Any]:
    spot = step.position if step is not None else None
    found: dict[str, Any] = {
        "node_key": key,
        "is_initial": initial,
        "form": True,
        "task_messages": [{"role": "system", "content": TASK}],
        "pre_actions": [{"tool_id": LOOK, "again": True, "timeout_s": 59}],
        "builtin_tools": [],
    }
    if spot is not None:
        found["position_xy"] = {"x": spot.x, "y": spot.y}
    return found
