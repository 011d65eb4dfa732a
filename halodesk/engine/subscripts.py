"""Sub-scripts: a template's steps as steps of the flow that uses it.

Rules:
- A step `gather` of the template that the step `caller` uses is called `caller/gather`; so two
  uses of a template never meet, and a path says where it is.
- It is made when it is asked for, never all at once: templates that use each other twice
  would otherwise fill the memory.
- A template's `end` is the way back: what leads to it leads to the step that uses it.
- A config key that begins with `on_` names a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

if TYPE_CHECKING:
    from halodesk.engine.flow import Flow, Step, Template

DEEPEST = 8
"""Templates inside each other."""


def inner_step(flow: Flow, key: str) -> Step | None:
    """The step `caller/inner`, or None where there is none, or where it lies too deep."""
    head, _, last = key.rpartition("/")
    if not head or key.count("/") > DEEPEST:
        return None
    caller = flow.step(head)
    template = template_of(flow, caller) if caller is not None else None
    step = next((step for step in template.steps if step.key == last), None) if template else None
    return named_within(step, head, template) if step is not None and template is not None else None


def template_of(flow: Flow, step: Step) -> Template | None:
    """The template a sub_script step uses; version 0 is the newest there is."""
    if step.type != "sub_script":
        return None
    wanted, version = step.config.get("template"), step.config.get("version", 0)
    found = [template for template in flow.templates if template.key == wanted]
    if version:
        found = [template for template in found if template.version == version]
    return max(found, key=lambda template: template.version, default=None)


def named_within(step: Step, head: str, template: Template) -> Step:
    """A template's step under its name in the flow, and all it leads to."""
    ends = {inner.key for inner in template.steps if inner.type == "end"}

    def to(target: Any) -> Any:
        if not isinstance(target, str) or not target:
            return target
        return head if target in ends else f"{head}/{target}"

    return replace(
        step,
        key=f"{head}/{step.key}",
        routes=tuple(replace(route, to=to(route.to)) for route in step.routes),
        fallback=to(step.fallback),
        functions=tuple(replace(function, on_error=to(function.on_error)) for function in step.functions),
        config={name: to(value) if name.startswith("on_") else value for name, value in step.config.items()},
    )


def targets(step: Step) -> Iterator[str]:
    """Where a step can lead."""
    yield from (route.to for route in step.routes)
    yield from (function.on_error for function in step.functions if function.on_error)
    if step.fallback:
        yield step.fallback
    for name, value in step.config.items():
        if name.startswith("on_") and isinstance(value, str) and value:
            yield value


def cycle(flow: Flow, template: Template) -> tuple[str, ...]:
    """Templates that lead from this one back to itself, or nothing."""
    seen: set[int] = set()
    trail: list[tuple[Template, tuple[str, ...]]] = [(template, (template.key,))]
    while trail:
        here, way = trail.pop()
        for step in here.steps:
            used = template_of(flow, step)
            if used is template:
                return (*way, template.key)
            if used is not None and id(used) not in seen:
                seen.add(id(used))
                trail.append((used, (*way, used.key)))
    return ()


def outermost(key: str) -> str:
    """The flow's own step in which a step lies."""
    return key.split("/", 1)[0]
