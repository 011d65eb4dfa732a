"""`halodesk flow diff | fork | state | replay-history`: versions of a flow."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from halodesk.cli.output import Json, failing, show

if TYPE_CHECKING:
    from halodesk.engine.diff import Change
    from halodesk.engine.flow import Flow
    from halodesk.engine.lifecycle import Lifecycle
    from halodesk.store.history import Rehearsed

FlowFile = Annotated[Path, typer.Argument(help="A *.flow.json file.")]


def diff(
    old: FlowFile,
    new: Annotated[Path, typer.Argument(help="The other *.flow.json file.")],
    as_json: Json = False,
) -> None:
    """What changed from one version to another: steps, fields, routes, texts. Exit code 1 if anything."""
    with failing(as_json):
        from halodesk.engine.diff import diff as compare
        from halodesk.runtime.flow_files import load_file

        changes = compare(load_file(old), load_file(new))
    show(
        {"changes": changes},
        as_json=as_json,
        words=lambda: "\n".join(map(_words, changes)) or "The same flow.",
    )
    raise typer.Exit(1 if changes else 0)


def _words(change: Change) -> str:
    place = " ".join(part for part in (change.step, change.name) if part)
    if change.kind == "renamed":
        return f"renamed  {change.what:12} {change.step}: {change.old} → {change.new}"
    shown = f"{change.kind:8} {change.what:12} {place}"
    if change.kind in ("changed", "moved"):
        return f"{shown}: {_short(change.old)} → {_short(change.new)}"
    return shown


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = " ".join(text.split())
    return f"“{text[:60]}{'…' if len(text) > 60 else ''}”"


def fork(
    file: FlowFile,
    key: Annotated[str, typer.Option(help="Key of the new flow.")],
    name: Annotated[str, typer.Option(help="Its name.")] = "",
    out: Annotated[
        Path | None, typer.Option(help="File to write (default: KEY.flow.json beside it).")
    ] = None,
    as_json: Json = False,
) -> None:
    """Copy a flow into a draft of its own; where it came from is kept beside it."""
    with failing(as_json):
        from halodesk.engine import flow as flows
        from halodesk.engine import lifecycle
        from halodesk.engine.errors import SettingsError
        from halodesk.runtime.flow_cases import beside, replace_file
        from halodesk.runtime.flow_files import load_file

        flow = load_file(file)
        if not key.strip() or "/" in key or key == flow.key:
            raise SettingsError(f'"{key}" cannot be the key of the copy.', "Choose another one.")
        target = out or file.with_name(f"{key}.flow.json")
        if target.exists():
            raise SettingsError(f"{target} is there already.", "Choose another file with --out.")
        copy, origin = lifecycle.fork(flow, key.strip(), name)
        replace_file(target, flows.dump(copy))
        replace_file(beside(target, ".state.json"), lifecycle.dump(origin))
    show(
        {"file": str(target), "flow": key, "forked_from": origin.forked_from},
        as_json=as_json,
        words=lambda: f"Written: {target}, a draft of {flow.name}, version {flow.version}.",
    )


class To(StrEnum):
    """Where a version can be moved by hand."""

    DRAFT = "draft"
    TESTING = "testing"
    ARCHIVED = "archived"


def state(
    file: FlowFile,
    to: Annotated[To | None, typer.Option(help="Move this version there.")] = None,
    by: Annotated[str, typer.Option(help="Who moves it.")] = "",
    as_json: Json = False,
) -> None:
    """The state of this version, or a move of it: draft, testing, archived. Publishing makes it active."""
    with failing(as_json):
        from halodesk.engine.commands import Refused
        from halodesk.engine.errors import SettingsError
        from halodesk.engine.lifecycle import content_of, move
        from halodesk.runtime.flow_files import load_file

        flow = load_file(file)
        known = load_state(file, flow)
        content = content_of(flow)
        if to is not None:
            if to is To.TESTING:
                check_health(flow, file)
            moved = move(known, content, to.value, at=time.time(), by=by)
            if isinstance(moved, Refused):
                raise SettingsError(moved.message, moved.todo)
            known = moved
            save_state(file, known)
    version, active = known.of(content), known.active
    result = {"flow": flow.key, "version": version, "active": active, "forked_from": known.forked_from}

    def words() -> str:
        lines = [f"{flow.name}: {version.state}" + (f", version {version.number}" if version.number else "")]
        if active is not None and active.content != content:
            lines.append(f"Callers are served by version {active.number}.")
        if known.forked_from is not None:
            lines.append(f"Forked from {known.forked_from.flow}, version {known.forked_from.version}.")
        return "\n".join(lines)

    show(result, as_json=as_json, words=words)


def load_state(file: Path, flow: Flow) -> Lifecycle:
    """The lifecycle beside a flow file; a new one where there is none. Raises `SettingsError`."""
    from halodesk.engine import lifecycle
    from halodesk.engine.errors import DocumentError, SettingsError
    from halodesk.runtime.flow_cases import beside, read_if_there

    path = beside(file, ".state.json")
    data = read_if_there(path)
    if data is None:
        return lifecycle.Lifecycle(flow=flow.key)
    try:
        found = lifecycle.load(data)
    except DocumentError as error:
        raise SettingsError(f"{path.name} cannot be used: {error.message}", error.todo) from None
    if found.flow != flow.key:
        raise SettingsError(
            f'{path.name} belongs to the flow "{found.flow}".', "Move it away, or fork the flow properly."
        )
    return found


def save_state(file: Path, known: Lifecycle) -> None:
    """Write it beside the flow file. Raises `OSError`."""
    from halodesk.engine import lifecycle
    from halodesk.runtime.flow_cases import beside, replace_file

    replace_file(beside(file, ".state.json"), lifecycle.dump(known))


def check_health(flow: Flow, file: Path) -> None:
    """Raises `SettingsError` where the health check blocks."""
    from halodesk.engine.errors import SettingsError
    from halodesk.engine.health import findings
    from halodesk.runtime.sandbox import SyntaxChecker

    with SyntaxChecker() as js_problem:
        bad = [found for found in findings(flow, js_problem) if found.severity == "error"]
    if bad:
        raise SettingsError(
            f"{flow.name} must not be used: {bad[0].message}", f"Run: halodesk flow check {file}"
        )


def check_cases(flow: Flow, file: Path) -> None:
    """Raises `SettingsError` where a test case beside the flow does not hold."""
    from halodesk.engine.errors import SettingsError
    from halodesk.runtime.flow_cases import beside, failing, load_cases
    from halodesk.runtime.functions import FunctionDesk

    cases = load_cases(file, flow)
    if not cases.cases:
        return
    with FunctionDesk() as functions:
        bad = failing(flow, cases, functions)
    if bad:
        more = f" So do {len(bad) - 1} more." if len(bad) > 1 else ""
        raise SettingsError(
            f'{flow.name} must not be used: the test case "{bad[0].name}" fails. {bad[0].message}{more}',
            f"Mend the flow, or the case in {beside(file, '.cases.json').name}.",
        )


def replay_history(
    candidate: FlowFile,
    data: Annotated[Path | None, typer.Option("--data", help="Data folder of the seat.")] = None,
    as_json: Json = False,
) -> None:
    """Which recorded sessions would go another way on this version, and where. Exit code 1 if any."""
    with failing(as_json):
        from halodesk.cli.session import open_store
        from halodesk.runtime.flow_files import load_file
        from halodesk.runtime.functions import FunctionDesk
        from halodesk.store.history import on_candidate

        flow = load_file(candidate)
        with open_store(data) as store, FunctionDesk() as functions:
            found = on_candidate(store.sessions, flow, functions)
    changed = [one for one in found if one.divergence is not None]
    left_out = [one for one in found if one.problem]
    result = {
        "sessions": len(found),
        "changed": len(changed),
        "left_out": left_out,
        "divergences": changed,
    }

    def words() -> str:
        lines = [_way(one) for one in changed]
        lines += [f"{one.number:>5}  left out: {one.problem}" for one in left_out]
        lines.append(f"This edit changes {len(changed)} of {len(found) - len(left_out)} sessions.")
        return "\n".join(lines)

    show(result, as_json=as_json, words=words)
    raise typer.Exit(1 if changed else 0)


def _way(one: Rehearsed) -> str:
    way = one.divergence
    if way is None:
        return ""
    went = f"went to {way.went} ({way.went_by})" if way.went else f"took: {way.went_by}"
    would = f"would go to {way.would} ({way.would_by})" if way.would else way.reason
    return f"{one.number:>5}  v{one.version}  at {way.step}: {went}; {would}"
