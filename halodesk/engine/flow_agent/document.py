"""Flow agent documents, version 1: read without loss, written back as they came.

Rules:
- The document keeps its source, JSON as it was read. Writing gives exactly that back, so unknown
  keys, `position`, `position_xy`, `properties` or `parameters`, ids and absent keys survive. What
  the machine works with is a typed view beside it. A changed document is read anew (`with_nodes`).
- Tool ids are local to a document: a slug or a UUID. Inside, each tool has a UUID of its own, made
  from the agent's id and the local one (RFC 9562, version 5); writing restores the local id.
- `properties` with `required`, `parameters` as a JSON Schema, and `parameters` as a bare map of
  properties all become one JSON Schema of an object.
- A document without nodes is a simple agent: one prompt, all tools throughout.
- Reading refuses only what cannot be understood, with a JSON pointer (RFC 6901). What would fail a
  caller is a finding of `lints`.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from halodesk.engine.errors import DocumentError
from halodesk.engine.flow_agent import json_parts as json

VERSION = "1"
SPACE = uuid.UUID("5f0c1d0e-5a39-5b0b-9c4c-6f2f9d1f6a11")
"""Name space of the ids of tools."""
LARGEST = 4 << 20
"""Bytes of a document."""
END_CALL = "end_call"
ANYWHERE = "*"
"""In `Function.to` of a form: any node of the document. It is none, so the check finds it in a file."""

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """A context variable of an agent; an outbound call may give it as a custom parameter."""

    name: str
    type: str = "string"
    description: str = ""
    default: Any = None


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """A transition the model may call."""

    name: str
    description: str
    schema: dict[str, Any]
    target: str
    needs_tool: str = ""
    """Name of a tool that must have answered in this node before; `needs` is what it must have said."""
    needs: dict[str, Any] = {}
    handler: str = ""
    """Internal id of the tool that is asked, and says where the conversation goes or why it stays."""
    local_handler: str = ""
    to: tuple[str, ...] = ()
    """Where beside `target` the handler may lead."""
    moves: bool = True
    """False: its handler does something, and the conversation stays."""

    @property
    def targets(self) -> tuple[str, ...]:
        """Every node it can lead to."""
        return tuple(dict.fromkeys((*([self.target] if self.target else []), *self.to)))


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """A tool that runs as its node is entered. `tool` is an internal id; `arguments` are templates."""

    tool: str
    local_tool: str
    type: str = "tool_call"
    arguments: dict[str, Any] = {}
    timeout_s: float = 5.0
    again: bool = False
    """Runs anew, too, when a colleague has handed the call back, or what it looks at has changed."""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook. `idempotent`: its author says that doing it twice does no harm."""

    id: str
    local_id: str
    name: str
    description: str
    url: str
    method: Method
    schema: dict[str, Any]
    idempotent: bool = False
    timeout_s: float = 8.0
    headers: dict[str, str] = {}
    mock: Any = None
    """What it answers in simulation."""


class Node(msgspec.Struct, frozen=True, kw_only=True):
    """One step of the conversation. `tools` holds internal ids."""

    key: str
    position: float = 0
    initial: bool = False
    terminal: bool = False
    role: tuple[str, ...] = ()
    task: tuple[str, ...] = ()
    functions: tuple[Function, ...] = ()
    tools: tuple[str, ...] = ()
    local_tools: tuple[str, ...] = ()
    builtin: tuple[str, ...] = ()
    actions: tuple[Action, ...] = ()
    allow_interrupt: bool = True
    form: bool = False
    """It cannot be entered without a form from a pre-action (`form.Form`)."""
    x: float | None = None
    y: float | None = None

    def function(self, name: str) -> Function | None:
        """The transition of that name."""
        return next((function for function in self.functions if function.name == name), None)

    @property
    def ends(self) -> bool:
        """Whether the model may end the call from here."""
        return self.terminal or END_CALL in self.builtin


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a flow agent."""

    id: str
    name: str
    prompt: str
    greeting: str
    goodbye: str
    variables: tuple[Variable, ...]
    tools: tuple[Tool, ...]
    nodes: tuple[Node, ...]
    overwrite: bool
    source: dict[str, Any]
    lines: dict[str, tuple[str, ...]] = {}
    """The fixed lines in the agent's own words or language, by the name that `Manner` has for them."""

    @property
    def simple(self) -> bool:
        """One prompt, no nodes."""
        return not self.nodes

    @property
    def initial(self) -> Node | None:
        """Where a conversation begins."""
        return next((node for node in self.nodes if node.initial), None)

    def node(self, key: str) -> Node | None:
        """The node of that key."""
        return next((node for node in self.nodes if node.key == key), None)

    def tool(self, id: str) -> Tool | None:
        """The tool of that internal id."""
        return next((tool for tool in self.tools if tool.id == id), None)

    def tool_named(self, name: str) -> Tool | None:
        """The tool of that name."""
        return next((tool for tool in self.tools if tool.name == name), None)


def loads(data: bytes, agent_id: str = "") -> Document:
    """A document of JSON text. Raises `DocumentError`."""
    if len(data) > LARGEST:
        raise DocumentError("", f"at most {LARGEST >> 20} MB", "Shorten its texts.")
    try:
        raw = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError("", f"JSON ({error})", "Check brackets, commas and quotes.") from None
    return read(raw, agent_id)


def read(raw: Any, agent_id: str = "") -> Document:
    """A document of decoded JSON. Raises `DocumentError` with the place."""
    top = json.mapping(raw, "")
    json.shallow(top)
    version = top.get("version", VERSION)
    if str(version) != VERSION:
        raise DocumentError("/version", f'version "{VERSION}"', "Take a HaloDesk that knows this version.")
    agent = json.mapping(top.get("agent"), "/agent")
    name = json.text(agent, "name", "/agent", required=True)
    agent_id = agent_id or name
    context = json.mapping(agent.get("context_variables") or {}, "/agent/context_variables")
    tools = tuple(
        _tool(item, f"/tools/{index}", agent_id) for index, item in enumerate(json.entries(top, "tools", ""))
    )
    nodes = tuple(
        _node(item, f"/flow_nodes/{index}", agent_id)
        for index, item in enumerate(json.entries(top, "flow_nodes", ""))
    )
    return Document(
        id=agent_id,
        name=name,
        prompt=json.text(agent, "prompt", "/agent"),
        greeting=json.text(agent, "greeting", "/agent"),
        goodbye=json.text(agent, "goodbye", "/agent"),
        variables=tuple(_variable(key, value) for key, value in context.items()),
        tools=tools,
        nodes=nodes,
        overwrite=json.flag(top, "overwrite", "", False),
        source=top,
        lines=_lines(agent),
    )


def write(document: Document) -> dict[str, Any]:
    """The document as it was read, local ids and all."""
    return document.source


def dumps(document: Document) -> bytes:
    """As JSON text."""
    return msgspec.json.format(msgspec.json.encode(document.source), indent=2) + b"\n"


def with_nodes(document: Document, nodes: Any) -> Document:
    """The same agent with another flow: a bare node array. Raises `DocumentError`."""
    if not isinstance(nodes, list):
        raise DocumentError("", "a list of nodes", "Put square brackets around the nodes.")
    return read({**document.source, "flow_nodes": nodes}, document.id)


def internal_id(agent_id: str, local: str) -> str:
    """The UUID that a tool of a document has inside."""
    return str(uuid.uuid5(SPACE, f"{agent_id}/{local}"))


def schema_of(raw: Mapping[str, Any], pointer: str) -> dict[str, Any]:
    """One JSON Schema of what `properties` or `parameters` say."""
    parameters = json.mapping(raw.get("parameters") or {}, f"{pointer}/parameters")
    if raw.get("properties") is not None or not parameters:
        properties = json.mapping(raw.get("properties") or {}, f"{pointer}/properties")
        rest: dict[str, Any] = {}
        required = raw.get("required")
    elif isinstance(parameters.get("properties"), dict) or parameters.get("type") == "object":
        properties = json.mapping(parameters.get("properties") or {}, f"{pointer}/parameters/properties")
        rest = {key: value for key, value in parameters.items() if key not in ("type", "properties")}
        required = rest.pop("required", None) or raw.get("required")
    else:
        properties, rest, required = dict(parameters), {}, raw.get("required")
    names = [] if required is None else required
    if not isinstance(names, list) or not all(isinstance(one, str) for one in names):
        raise DocumentError(f"{pointer}/required", "a list of names", 'Write ["name", "other"].')
    for key, value in properties.items():
        json.mapping(value, f"{pointer}/properties/{key}")
    return {"type": "object", "properties": dict(properties), "required": list(names), **rest}


def _tool(raw: Any, pointer: str, agent_id: str) -> Tool:
    item = json.mapping(raw, pointer)
    local = json.text(item, "id", pointer) or json.text(item, "name", pointer, required=True)
    method = (json.text(item, "webhook_method", pointer) or "POST").upper()
    if method not in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        raise DocumentError(
            f"{pointer}/webhook_method", "GET, POST, PUT, PATCH or DELETE", "Use one of these."
        )
    headers = json.mapping(item.get("webhook_headers") or {}, f"{pointer}/webhook_headers")
    return Tool(
        id=internal_id(agent_id, local),
        local_id=local,
        name=json.text(item, "name", pointer, required=True),
        description=json.text(item, "description", pointer),
        url=json.text(item, "webhook_url", pointer),
        method=method,  # type: ignore[arg-type]  # one of the words, see above
        schema=schema_of(item, pointer),
        idempotent=json.flag(item, "idempotent", pointer, False),
        timeout_s=json.seconds(item, "timeout_s", pointer, 8.0),
        headers={str(key): str(value) for key, value in headers.items()},
        mock=item.get("mock_response"),
    )


def _node(raw: Any, pointer: str, agent_id: str) -> Node:
    item = json.mapping(raw, pointer)
    spot = json.mapping(item.get("position_xy") or {}, f"{pointer}/position_xy")
    local = json.words(item, "tool_ids", pointer)
    return Node(
        key=json.text(item, "node_key", pointer, required=True),
        position=json.number(item, "position", pointer) or 0,
        initial=json.flag(item, "is_initial", pointer, False),
        terminal=json.flag(item, "is_terminal", pointer, False),
        role=json.messages(item, "role_messages", pointer),
        task=json.messages(item, "task_messages", pointer),
        functions=tuple(
            _function(one, f"{pointer}/functions/{index}", agent_id)
            for index, one in enumerate(json.entries(item, "functions", pointer))
        ),
        tools=tuple(internal_id(agent_id, one) for one in local),
        local_tools=local,
        builtin=json.words(item, "builtin_tools", pointer),
        actions=tuple(
            _action(one, f"{pointer}/pre_actions/{index}", agent_id)
            for index, one in enumerate(json.entries(item, "pre_actions", pointer))
        ),
        allow_interrupt=json.flag(item, "allow_interrupt", pointer, True),
        form=json.flag(item, "form", pointer, False),
        x=json.number(spot, "x", f"{pointer}/position_xy"),
        y=json.number(spot, "y", f"{pointer}/position_xy"),
    )


def _function(raw: Any, pointer: str, agent_id: str) -> Function:
    item = json.mapping(raw, pointer)
    needs = json.mapping(item.get("requires_result") or {}, f"{pointer}/requires_result")
    handler = json.mapping(item.get("handler") or {}, f"{pointer}/handler")
    local = json.text(handler, "tool_id", f"{pointer}/handler", required=bool(handler))
    return Function(
        name=json.text(item, "name", pointer, required=True),
        description=json.text(item, "description", pointer),
        schema=schema_of(item, pointer),
        target=json.text(item, "next_node_key", pointer),
        needs_tool=json.text(needs, "tool", f"{pointer}/requires_result"),
        needs={key: value for key, value in needs.items() if key != "tool"},
        handler=internal_id(agent_id, local) if local else "",
        local_handler=local,
        to=json.words(handler, "to", f"{pointer}/handler"),
    )


def _action(raw: Any, pointer: str, agent_id: str) -> Action:
    item = {"tool_id": raw} if isinstance(raw, str) else json.mapping(raw, pointer)
    local = json.text(item, "tool_id", pointer)
    return Action(
        tool=internal_id(agent_id, local),
        local_tool=local,
        type=json.text(item, "type", pointer) or "tool_call",
        arguments=json.mapping(item.get("arguments") or {}, f"{pointer}/arguments"),
        timeout_s=json.seconds(item, "timeout_s", pointer, 5.0),
        again=json.flag(item, "again", pointer, False),
    )


def _lines(agent: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in json.mapping(agent.get("lines") or {}, "/agent/lines").items():
        many = value if isinstance(value, list) else [value]
        if not many or not all(isinstance(one, str) and one.strip() for one in many):
            raise DocumentError(f"/agent/lines/{name}", "text, or a list of texts", "Write what is said.")
        found[name] = tuple(many)
    return found


def _variable(name: str, raw: Any) -> Variable:
    if not isinstance(raw, dict):  # {"area": "North"}: short for a default
        return Variable(name=name, default=raw)
    pointer = f"/agent/context_variables/{name}"
    return Variable(
        name=name,
        type=json.text(raw, "type", pointer) or "string",
        description=json.text(raw, "description", pointer),
        default=raw.get("default"),
    )
