"""`halodesk flow simulate`: a flow without a call, by answers or by exploring all of it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.engine.coverage import Edge, Outcome
    from halodesk.engine.explore import Report
    from halodesk.engine.flow import Flow
    from halodesk.engine.simulate_answers import Answers, Walk


def simulate(
    file: Annotated[Path, typer.Argument(help="A *.flow.json file.")],
    answers: Annotated[
        Path | None,
        typer.Option(help="Answers by field, choices by step, outcomes by step or effect (JSON)."),
    ] = None,
    explore: Annotated[bool, typer.Option("--explore", help="Find a way to every edge and outcome.")] = False,
    seed: Annotated[int, typer.Option(help="Another seed draws other combinations.")] = 0,
    start: Annotated[str, typer.Option(help="Begin at this step.")] = "",
    state: Annotated[
        Path | None, typer.Option(help="Values and cart to begin with, for --start (JSON).")
    ] = None,
    states: Annotated[int, typer.Option(help="Explore at most so many states.", min=1)] = 20_000,
    seconds: Annotated[float, typer.Option(help="Explore at most so long.", min=0.1)] = 300.0,
    keep: Annotated[
        bool, typer.Option("--keep/--no-keep", help="Keep failing paths as test cases beside the flow.")
    ] = True,
    as_json: Json = False,
) -> None:
    """Run a flow without a call; time is virtual, functions really run.

    By answers: what is not given is filled with something fitting. With --explore: report which
    edges and outcomes of conditions were reached, and why the others were not; failing paths
    become test cases beside the flow. Exit code 1 when something fails or was not reached.
    """
    with failing(as_json):
        from halodesk.runtime.flow_files import load_file
        from halodesk.runtime.functions import FunctionDesk

        if explore and answers is not None:
            raise typer.BadParameter("choose --answers or --explore")
        flow = load_file(file)
        given = _answers(answers, start, state)
        with FunctionDesk(seed=seed) as functions:
            if not explore:
                from halodesk.engine.simulate_answers import walk

                _tell_walk(flow, walk(flow, given, functions, seed=seed), as_json=as_json)
                return
            from halodesk.engine.explore import explore as run

            ends = time.monotonic() + seconds
            report = run(
                flow,
                functions,
                start=given.begin,
                seed=seed,
                most_states=states,
                expired=lambda: time.monotonic() > ends,
            )
        kept = _keep(file, flow, report) if keep else ""
        _tell_report(flow, report, kept, as_json=as_json)


def _answers(path: Path | None, start: str, state: Path | None) -> Answers:
    from halodesk.cli.files import read_bytes
    from halodesk.engine.simulate import Begin
    from halodesk.engine.simulate_answers import Answers

    given = _read(read_bytes(path), Answers, path) if path is not None else Answers()
    begin = given.begin
    if state is not None:
        begin = _read(read_bytes(state), Begin, state)
        if not (start or begin.step):
            raise typer.BadParameter("--state needs --start")
    if start:
        begin = msgspec.structs.replace(begin, step=start)
    return msgspec.structs.replace(given, begin=begin)


def _read(data: bytes, shape: type[Any], path: Path) -> Any:
    from halodesk.engine.errors import SettingsError

    try:
        return msgspec.json.decode(data, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SettingsError(
            f"{path} cannot be used: {error}.", "Compare with the supervisors' guide."
        ) from None


def _keep(file: Path, flow: Flow, report: Report) -> str:
    """Where failing paths were added; empty where there are none."""
    if not report.failures:
        return ""
    from halodesk.engine.cases import with_failures
    from halodesk.runtime.flow_cases import load_cases, save_cases

    return str(save_cases(file, with_failures(load_cases(file, flow), report.failures)))


def _tell_walk(flow: Flow, done: Walk, *, as_json: bool) -> None:
    from halodesk.engine import events as e
    from halodesk.engine.session import scope

    state = done.played.state
    steps = [event for event in done.events if isinstance(event, e.StepEntered)]
    incidents = [event for event in done.events if isinstance(event, e.Incident)]
    ok = state.status == "ended" and not done.stopped
    result: dict[str, Any] = {
        "ok": ok,
        "stopped": done.stopped,
        "steps": [event.step for event in steps],
        "disposition": state.disposition,
        "values": {name: value for name, value in state.values.items() if ":" not in name},
        "cart": scope(state)["cart"],
        "incidents": [{"code": one.code, "step": one.step, "message": one.message} for one in incidents],
        "seconds": done.played.now,
        "turns": done.turns,
    }

    def words() -> str:
        lines = [
            f"{'→' if event.reason != 'back' else '←'} {event.step:24} {event.route or event.reason}"
            for event in steps
        ]
        lines += [f"! {one.step}: {one.message}" for one in incidents]
        lines.append(
            done.stopped or f"Ended: {state.disposition or 'no disposition'}, cart {result['cart']['total']}"
        )
        return "\n".join(lines)

    from halodesk.engine.simulate import BEGIN

    result["seconds"] = round(done.played.now - BEGIN, 3)
    show(result, as_json=as_json, words=words)
    raise typer.Exit(0 if ok else 1)


_WORDS = {"proven": "unreachable", "not reached": "not reached"}


def _tell_report(flow: Flow, report: Report, kept: str, *, as_json: bool) -> None:
    ok = report.covered and not report.failures
    result = {
        "ok": ok,
        "edges": {"all": report.edges, "covered": report.edges_covered},
        "outcomes": {"all": report.outcomes, "covered": report.outcomes_covered},
        "missed": [{"what": one.what, "why": one.why, "reason": one.reason} for one in report.missed],
        "failures": report.failures,
        "dead": report.dead,
        "states": report.states,
        "turns": report.turns,
        "complete": report.complete,
        "cases": kept,
    }

    def words() -> str:
        lines = [f"{_WORDS[one.why]:12} {place(flow, one.what)}: {one.reason}" for one in report.missed]
        lines += [
            f"{'fails':12} {one.step}: {one.message} [{one.code}, {len(one.turns)} turns]"
            for one in report.failures
        ]
        lines += [
            f"{'dead':12} {step}: nothing that was tried leads from here to an end" for step in report.dead
        ]
        lines += [f"Failing paths are kept in {kept}; publishing replays them."] if kept else []
        lines.append(
            f"{flow.name}: {report.edges_covered} of {report.edges} edges and {report.outcomes_covered} of "
            f"{report.outcomes} outcomes reached in {report.states} states. "
            + ("Everything else is proven unreachable." if report.covered and report.missed else "")
        )
        return "\n".join(lines)

    show(result, as_json=as_json, words=words)
    raise typer.Exit(0 if ok else 1)


def place(flow: Flow, what: Edge | Outcome) -> str:
    """An edge or the outcome of a condition in words."""
    from halodesk.engine.coverage import Edge, condition_of

    step = flow.step(what.step)
    if isinstance(what, Edge):
        label = what.way
        if step is not None and what.way.startswith("route:"):
            route = step.routes[int(what.way.removeprefix("route:"))]
            label = f"route “{route.label}”" if route.label else what.way
        return f"{what.step} → {what.to} ({label})"
    condition = condition_of(step, what) if step is not None else None
    said = f"{condition.variable} {condition.op} {condition.value!r}" if condition is not None else what.guard
    return f"{what.step}, {what.guard} {what.index}: {said} is {'true' if what.held else 'false'}"
