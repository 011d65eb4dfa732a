"""Work on flows: the health check of a large one, exploring the one that ships."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from halodesk.engine.explore import explore
from halodesk.engine.flow import Flow, from_builtins
from halodesk.engine.health import findings
from halodesk.runtime.flow_files import load_file
from halodesk.runtime.functions import FunctionDesk
from halodesk.runtime.paths import resources_dir
from tests.bench.measure import Figure, figure

SAMPLE = resources_dir() / "flows" / "supplement-order.flow.json"
STEPS = 10_000
RUNS = 5


def large(count: int = STEPS) -> Flow:
    """So many steps in a row: pages, choices, decisions with functions, mails and requests."""
    steps: list[dict[str, Any]] = [{"key": "s", "type": "start", "fallback": "n0"}]
    for index in range(count):
        onward = f"n{index + 1}" if index < count - 1 else "end"
        steps.append({"key": f"n{index}", "fallback": onward, **_step(index, onward)})
    options = [{"value": "sale"}, {"value": "no_sale"}]
    disposition: dict[str, Any] = {
        "name": "disposition",
        "type": "dropdown",
        "required": True,
        "options": options,
    }
    steps.append({"key": "end", "type": "end", "fields": [disposition]})
    return from_builtins({"schema": 1, "key": "large", "name": "Large", "start": "s", "steps": steps})


def _step(index: int, onward: str) -> dict[str, Any]:
    name, before = f"f{index}", f"f{index - 1}"

    def to_end(op: str, value: Any) -> dict[str, Any]:
        return {"to": "end", "when": [{"variable": name, "op": op, "value": value}]}

    if index % 5 == 0:
        body = f"Hello {{{{ {name} }}}}, is {{{{ {name} | upper }}}} right?"
        fields: list[dict[str, Any]] = [{"name": name, "type": "text"}]
        return {
            "type": "script",
            "config": {"body": body},
            "fields": fields,
            "routes": [to_end("equals", "x")],
        }
    if index % 5 == 1:
        options = [{"value": "a"}, {"value": "b"}]
        choices: list[dict[str, Any]] = [
            {"name": name, "type": "dropdown", "required": True, "options": options}
        ]
        return {"type": "script", "fields": choices, "routes": [to_end("equals", "a"), to_end("equals", "b")]}
    if index % 5 == 2:
        functions = [{"target": name, "expression": f"{before} + 1"}]
        return {"type": "decision", "functions": functions, "routes": [to_end("greater_than", 3)]}
    if index % 5 == 3:
        template = {"subject": "Hi", "text": f"{{{{ {before} }}}}"}
        return {"type": "email", "config": {"to": "a@example.com", "template": template}}
    config = {"operation": "http", "connection": "crm", "method": "GET", "url": "/a", "on_failure": "end"}
    return {"type": "api_call", "config": {**config, "response": {name: "$.a"}}}


def figures() -> Iterator[Figure]:
    """Milliseconds and seconds of one thread's own time."""
    yield figure(
        f"health check of {STEPS:,} steps",
        [_check() * 1e3 for _ in range(RUNS)],
        "ms",
        goal="< 1000",
        met=lambda value: value < 1000,
    )
    flow = load_file(SAMPLE)
    spent = []
    for _ in range(RUNS):
        with FunctionDesk() as functions:
            functions("1", {}, 1000, 0.0)  # the worker's start is not what is measured
            begun = time.perf_counter()
            report = explore(flow, functions)
            spent.append(time.perf_counter() - begun)
    missed = sum(one.why != "proven" for one in report.missed)
    yield figure(
        "explore the shipped sample to full coverage",
        spent,
        "s",
        note=f"{report.edges_covered} of {report.edges} edges, {missed} missed without proof, "
        f"{report.states} states",
    )


def _check() -> float:
    flow = large()  # a new one: an index of the flow is kept
    begun = time.process_time()
    found = findings(flow)
    spent = time.process_time() - begun
    if found:
        raise ValueError(found[0].message)
    return spent
