"""The part of the health check that keeps secrets apart from everything that keeps, sends or computes.

Rules:
- Digits that are captured go from their field to a payment page's tokeniser, and nowhere else: no
  other key of any step's config may name them, to read or to fill.
- What says so already in words of its own (texts, conditions, expressions, requests, mails, web
  pages) is left to those checks; this one is for every other place, also of step types to come.
- A field is captured where a payment page takes it; anywhere else it would be typed for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from halodesk.engine.errors import TemplateError
from halodesk.engine.findings import Finding, error
from halodesk.engine.flow import Step
from halodesk.engine.places import Index
from halodesk.engine.steps.payment_form import ROLES
from halodesk.engine.template import names

_TEXTS = ("body", "verbatim")
_SAID_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "api_call": ("url", "headers", "query", "request", "find_out", "success"),
    "email": ("to", "template"),
    "web_browser": ("url", "fields", "fill"),
    "zip_lookup": ("targets",),
    "function": ("expression", "target"),
    "switch": ("expression",),
}


def edges(step: Step, known: Index) -> Iterator[Finding]:
    """Secrets that a step's config names where none belongs, and captured ones that nothing takes."""
    found: dict[str, str] = {}
    for key, value in step.config.items():
        if key.startswith("on_") or key in (*_TEXTS, *_SAID_ELSEWHERE.get(step.type, ())):
            continue
        if step.type == "payment_form" and key in ROLES:
            continue
        for name in _named(value) & known.secret:
            found.setdefault(name, key)
    for name, key in sorted(found.items()):
        yield error(
            "secret_edge",
            step,
            f'"{key}" names the secret "{name}", which may go to a payment gateway or its envelope only.',
            "Name another value.",
            name,
        )
    yield from _captured_for_nothing(step)


def _captured_for_nothing(step: Step) -> Iterator[Finding]:
    taken = {step.config.get(role) for role in ROLES} if step.type == "payment_form" else set()
    if not taken <= {field.name for field in step.fields}:
        return  # a role without its field is a finding of its own
    for field in step.fields:
        if field.type == "encrypted" and field.retention == "capture" and field.name not in taken:
            yield error(
                "capture_for_nothing",
                step,
                f'"{field.label or field.name}" is captured where no gateway takes it, and wiped unused.',
                'Name it in the config of a payment page, or set "retention": "sealed".',
                field.name,
            )


def _named(value: Any) -> set[str]:
    """First names that a part of a config reads or fills."""
    if isinstance(value, str):
        if "{" in value:
            try:
                return set(names(value))
            except TemplateError:
                return set()
        return {value.split(".")[0].strip()}
    if isinstance(value, Mapping):
        return {name for key, inner in value.items() for name in (*_named(key), *_named(inner))}
    if isinstance(value, list | tuple):
        return {name for inner in value for name in _named(inner)}
    return set()
