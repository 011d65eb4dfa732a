"""What a completion means: its calls against the functions it was given.

Rules:
- Calls are resolved against the functions in force when the model was asked, never against those
  of a node that one of them leads to.
- Tools first, all at once; then at most one transition, the first; `end_call` last.
- A refused call is told to the model in words. After two completions with a refused call since the
  caller spoke, a fixed line is spoken and the caller has the word.
- A function with a handler asks it: it says where the conversation goes (of the nodes the function
  names), or why it stays, which counts as a refused call, or that a human is needed. Until it has said
  so nothing else moves the conversation on.
- A transition may need a tool's word (`requires_result`): the model cannot claim it, the tool must
  have said it in this node.
- A transition while locked is refused; where the model said something too, the turn is simply over.
- The same tool with the same arguments is not run twice in one turn.
- A tool that runs, and a transition that was accepted, are never cancelled.
- A completion without a word or a call gets one nudge, then a fixed line, then the human.
- A lost completion is tried again, then the next model, then the human; what was said before the
  stream broke stays said, and the model is told to go on from there.
"""

from __future__ import annotations

import msgspec

from halodesk.engine.flow_agent import arguments
from halodesk.engine.flow_agent import events as e
from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.data import cleaned, result
from halodesk.engine.flow_agent.document import ANYWHERE, END_CALL, Function, Tool
from halodesk.engine.flow_agent.form import Form, safe
from halodesk.engine.flow_agent.prompt import END_CALL_SCHEMA
from halodesk.engine.flow_agent.scene import Scene

_NO_USE_AGAIN = ("refused", "rate_limited")
"""Failures that the next try at the same model would meet again at once."""


def done(scene: Scene, news: i.ModelDone) -> None:
    """A completion is whole."""
    request = scene.state.request
    if request is None or request.id != news.request:
        return
    first = scene.next_id()
    calls = tuple(
        i.ToolCall(id=f"c{first + index}", name=call.name[:100], arguments=cleaned(call.arguments))
        for index, call in enumerate(news.calls)
    )
    scene.emit(
        e.ModelAnswered(
            request=request.id, usage=news.usage, model=news.model, calls=calls, first_ms=news.first_ms
        )
    )
    if _over_cap(scene):
        scene.give_up("cap")
        return
    _summarise(scene, news.usage.prompt)
    if not calls:
        _no_calls(scene, request.said)
        return
    refused = _take(scene, calls)
    accepted = scene.state.accepted is not None or scene.state.end_call is not None
    if accepted:
        protect(scene)
    if refused and not scene.state.open_tools and not accepted:
        _refused(scene, refused, request.said)
    else:
        settle(scene)


def settle(scene: Scene) -> None:
    """Goes on when every tool of the completion is through."""
    state = scene.state
    if state.open_tools or state.request is not None or state.ended:
        return
    if state.accepted is not None:
        scene.well()
        scene.enter(state.accepted.target, function=state.accepted.function)
    elif state.human or state.ending is not None:
        return
    elif state.end_call is not None:
        scene.end_by_call()
    elif state.barged:
        return  # the caller has the word
    else:
        scene.ask(fresh=state.words_wait)


def tool_done(scene: Scene, news: i.ToolDone) -> None:
    """A tool came back; late ones are told to the transcript all the same."""
    if news.call not in scene.state.open_tools:
        return
    routing = scene.state.routing
    if routing is not None and routing.call == news.call:
        _routed(scene, routing, news)
        return
    calls = (one.call for message in scene.state.messages for one in message.calls)
    call = next((call for call in calls if call.id == news.call), None)
    name, given = ("", "") if call is None else (call.name, call.arguments)
    node = scene.node
    function = None if node is None else node.function(name)
    words = _refusal(news) if function is not None and function.handler else ""
    if words:
        _turned_down(scene, news.call, name, given, "not_accepted", words, safe(news.form))
        return
    outcome = result(news.ok, news.value, news.error)
    scene.emit(e.ToolSettled(call=news.call, name=name, result=outcome, form=safe(news.form)))
    _elsewhere(scene, news.form)
    settle(scene)


def failed(scene: Scene, news: i.ModelFailed) -> None:
    """A try at a completion came to nothing."""
    request = scene.state.request
    if request is None or request.id != news.request:
        return
    scene.emit(e.ModelLost(request=request.id, failure=news.failure, detail=news.detail[:300]))
    note = scene.manner.go_on if request.said else ""
    model = scene.state.model
    if request.attempt == 1 and news.failure not in _NO_USE_AGAIN:
        scene.ask(note=note, attempt=2)
    elif model + 1 < scene.state.models:
        # attempt 2 would count as the retry of that model: it has one of its own
        scene.ask(note=note, attempt=1 if news.failure not in _NO_USE_AGAIN else 2, model=model + 1)
    elif request.attempt == 1 and news.failure == "rate_limited":
        scene.ask(note=note, attempt=2)
    else:
        scene.give_up(f"model: {news.failure}")


def _routed(scene: Scene, asked: e.ToolAsked, news: i.ToolDone) -> None:
    """What a function's handler said: a node to go to, why not, or that a human is needed."""
    said = news.value if isinstance(news.value, dict) else {}
    given = msgspec.json.encode(asked.arguments).decode()

    def no(code: e.Refusal, words: str) -> None:
        _turned_down(scene, asked.call, asked.function, given, code, words, form)

    route = asked.route or e.Route(function=asked.function)
    target = str(said.get("next_node") or route.target)
    form = safe(news.form)
    if not news.ok:
        no("handler_failed", cleaned(news.error)[:500] or "It failed.")
    elif _refusal(news):
        no("not_accepted", _refusal(news))
    elif said.get("human"):
        why = cleaned(str(said["human"]))[:200]
        outcome = {"ok": True, "now": f"A colleague is needed: {why}"}
        scene.emit(e.ToolSettled(call=asked.call, name=asked.name, result=outcome))
        scene.well()
        scene.give_up(why, page=True)
    elif not _open_to(route, target) or scene.document.node(target) is None:
        no("handler_failed", "It named no step to go on with.")
    else:
        scene.emit(
            e.TransitionAccepted(
                call=asked.call, function=route.function, target=target, arguments=asked.arguments
            )
        )
        protect(scene)
        settle(scene)


def _open_to(route: e.Route, target: str) -> bool:
    return target in (route.target, *route.to) or ANYWHERE in route.to


def _refusal(news: i.ToolDone) -> str:
    """Why a handler did not take a call, in its words."""
    said = news.value.get("refused") if news.ok and isinstance(news.value, dict) else None
    return cleaned(str(said))[:500] if said else ""


def _turned_down(
    scene: Scene, call: str, name: str, given: str, code: e.Refusal, words: str, form: Form | None
) -> None:
    """A handler said no: the model is told, and it counts like any refused call."""
    scene.emit(
        e.CallRefused(call=call, name=name, arguments=given[:2000], code=code, message=words, form=form)
    )
    times = scene.state.bad_rounds + 1
    scene.emit(e.BadRound(times=times))
    _elsewhere(scene, form)
    state = scene.state
    stuck = times > scene.manner.bad_rounds and state.end_call is None and not state.open_tools
    if stuck and not (state.human or state.ending is not None or state.barged or state.words_wait):
        scene.trouble("bad_calls")
    else:
        settle(scene)


def _elsewhere(scene: Scene, form: Form | None) -> None:
    """A form of another node, or of none: the conversation has to look where it is."""
    if form is not None and (form.human or form.node not in ("", scene.state.node)):
        scene.emit(e.PageMoved())


def protect(scene: Scene) -> None:
    """What is queued leads to another node and is said to its end."""
    free = tuple(one.id for one in scene.state.queue if one.interruptible)
    if free:
        scene.emit(e.Protected(speeches=free))


def _no_calls(scene: Scene, said: bool) -> None:
    if said:
        scene.well()
        return
    if scene.state.trouble == 0:
        scene.emit(e.Nudged())
        scene.ask(note=scene.manner.nudge)
    else:
        scene.trouble("empty")


def _refused(scene: Scene, codes: list[str], said: bool) -> None:
    if said and set(codes) <= {"transition_locked", "repeated_call"}:
        return  # the caller has heard an answer and has the word
    times = scene.state.bad_rounds + 1
    scene.emit(e.BadRound(times=times))
    if times > scene.manner.bad_rounds:
        scene.trouble("bad_calls")
    else:
        scene.ask()


def _take(scene: Scene, calls: tuple[i.ToolCall, ...]) -> list[str]:
    """Accept or refuse each call; the codes of what was refused."""
    node = scene.node
    refused: list[str] = []

    def refuse(call: i.ToolCall, code: e.Refusal, message: str) -> None:
        refused.append(code)
        scene.emit(
            e.CallRefused(
                call=call.id, name=call.name, arguments=call.arguments[:2000], code=code, message=message
            )
        )

    tools = {tool.name: tool for tool in _tools_in_force(scene)}
    ends = node is None or node.ends
    for index, call in enumerate(calls):
        function = None if node is None else node.function(call.name)
        tool = tools.get(call.name)
        if index >= scene.manner.calls:
            refuse(call, "too_many_calls", f"At most {scene.manner.calls} calls at once.")
            continue
        if function is None and tool is None and not (ends and call.name == END_CALL):
            names = [*([] if node is None else [one.name for one in node.functions]), *tools]
            known = ", ".join([*names, *([END_CALL] if ends else [])]) or "none"
            refuse(call, "unknown_function", f'There is no function "{call.name}". There are: {known}.')
            continue
        try:
            given = arguments.parsed(call.arguments)
        except arguments.WrongArguments as problem:
            refuse(call, "malformed_arguments", str(problem))
            continue
        try:
            if function is not None and not function.moves:
                code = _handled(scene, call, function, arguments.checked(given, function.schema))
            elif function is not None:
                code = _transition(scene, call, function, arguments.checked(given, function.schema))
            elif tool is not None:
                code = _tool(scene, call, tool, given)
            else:
                checked = arguments.checked(given, END_CALL_SCHEMA)
                scene.emit(e.EndAccepted(call=call.id, goodbye=checked.get("goodbye", "")))
                code = None
        except arguments.WrongArguments as problem:
            refuse(call, "invalid_arguments", str(problem))
            continue
        if code is not None:
            refuse(call, *code)
    return refused


def _transition(
    scene: Scene, call: i.ToolCall, function: Function, given: dict[str, object]
) -> tuple[e.Refusal, str] | None:
    if scene.state.locked:
        return (
            "transition_locked",
            "The conversation moved on already. Speak to the caller and wait for the answer first.",
        )
    if scene.state.accepted is not None or scene.state.routing is not None:
        return "one_transition", "Only one function may move the conversation on. The first one counts."
    if function.needs_tool and not _has_result(scene, function):
        wanted = msgspec.json.encode(function.needs).decode()
        return "result_missing", f"Use {function.needs_tool} first; its result must be {wanted}."
    if function.handler:
        return _handled(scene, call, function, given)
    scene.emit(
        e.TransitionAccepted(call=call.id, function=function.name, target=function.target, arguments=given)
    )
    return None


def _handled(
    scene: Scene, call: i.ToolCall, function: Function, given: dict[str, object]
) -> tuple[e.Refusal, str] | None:
    """Ask the function's handler. Each call is one of its own: what was refused may be tried again."""
    state, tool = scene.state, scene.document.tool(function.handler)
    if tool is None:
        return "handler_failed", f'There is no tool "{function.local_handler or function.handler}".'
    wanted = given
    if tool.schema["properties"]:
        wanted = arguments.bound(
            tool, given, collected=state.collected, context=state.context, call=state.call
        )
    epoch = state.epoch * 1000 + state.turn
    key = arguments.key_of(state.call.id, f"{state.node}/{call.id}", epoch, tool.id, wanted)
    route = e.Route(function=function.name, target=function.target, to=function.to)
    scene.emit(
        e.ToolAsked(
            call=call.id,
            tool=tool.id,
            name=function.name,
            arguments=wanted,
            key=key,
            timeout_s=tool.timeout_s,
            function=function.name,
            route=route if function.moves else None,
        )
    )
    return None


def _has_result(scene: Scene, function: Function) -> bool:
    """Whether the tool's newest answer in this node says what the function needs."""
    state = scene.state
    said: object = None
    for message in state.messages[state.entered_at :]:
        for one in message.calls:
            if one.call.name == function.needs_tool and one.result is not None:
                said = one.result.get("value") if one.result.get("ok") else None
    if not isinstance(said, dict):
        return said is not None and not function.needs
    return all(said.get(key) == value for key, value in function.needs.items())


def _tool(
    scene: Scene, call: i.ToolCall, tool: Tool, given: dict[str, object]
) -> tuple[e.Refusal, str] | None:
    state = scene.state
    bound = arguments.bound(tool, given, collected=state.collected, context=state.context, call=state.call)
    key = arguments.key_of(state.call.id, state.node, state.epoch * 1000 + state.turn, tool.id, bound)
    if (tool.name, key) in state.done_calls:
        return "repeated_call", "You called this with the same arguments already. Use its result above."
    scene.emit(
        e.ToolAsked(
            call=call.id,
            tool=tool.id,
            name=tool.name,
            arguments=bound,
            key=key,
            timeout_s=tool.timeout_s,
        )
    )
    return None


def _tools_in_force(scene: Scene) -> list[Tool]:
    node = scene.node
    if node is None:
        return list(scene.document.tools)
    found = (scene.document.tool(id) for id in node.tools)
    return [tool for tool in found if tool is not None]


def _over_cap(scene: Scene) -> bool:
    spent, manner = scene.state.spent, scene.manner
    tokens = spent.prompt + spent.completion
    return bool(
        (manner.most_tokens and tokens > manner.most_tokens)
        or (manner.most_cost and spent.cost > manner.most_cost)
    )


def _summarise(scene: Scene, prompt_tokens: int) -> None:
    """At 70 % of the budget, in the background; swapped in when the caller has spoken next."""
    state, manner = scene.state, scene.manner
    upto = len(state.messages) - manner.keep_messages
    if prompt_tokens < manner.context_tokens * manner.summarise_at or state.summary_request:
        return
    # an agent's message is kept together with the results of its calls, they are one entry
    if upto - state.base >= manner.keep_messages:
        scene.emit(e.SummaryAsked(request=scene.next_id(), upto=upto))
