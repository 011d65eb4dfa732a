"""Texts of a flow in other languages.

Rules:
- A flow is written in the first of its `languages`; `translations` gives, for each other one, what
  stands in place of each text, by the text itself. A text without a translation stays as it is
  written, and the health check says so.
- A session speaks the language that its value `language` names, once that is one of them: a field
  for the agent, a variable, or what a function has found out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from msgspec.structs import replace

from halodesk.engine.flow import Field, Flow, Step

VALUE = "language"
"""Name of the value that says which language is spoken."""
_CONFIG = ("body", "label", "verbatim")
_FIELD_CONFIG = ("true_label", "false_label", "pattern_help")


def spoken(flow: Flow, step: Step, values: Mapping[str, Any]) -> Step:
    """The step with its texts in the language of the session; the step itself where that is the first."""
    language = values.get(VALUE)
    known = flow.translations.get(language) if isinstance(language, str) else None
    if not known:
        return step

    def say(text: Any) -> Any:
        return known.get(text, text) if isinstance(text, str) else text

    return replace(
        step,
        title=say(step.title),
        fallback_label=say(step.fallback_label),
        config={name: say(value) if name in _CONFIG else value for name, value in step.config.items()},
        fields=tuple(
            replace(
                field,
                label=say(field.label),
                help=say(field.help),
                options=tuple(
                    replace(option, label=say(option.label or option.value)) for option in field.options
                ),
                config={
                    name: say(value) if name in _FIELD_CONFIG else value
                    for name, value in field.config.items()
                },
            )
            for field in step.fields
        ),
    )


def texts_of(step: Step) -> Iterator[str]:
    """All texts of a step that a translation may stand for."""
    yield from (step.title, step.fallback_label)
    yield from (str(step.config.get(name) or "") for name in _CONFIG)
    for field in step.fields:
        yield from _field_texts(field)


def _field_texts(field: Field) -> Iterator[str]:
    yield from (field.label, field.help)
    yield from (option.label or option.value for option in field.options)
    yield from (str(field.config.get(name) or "") for name in _FIELD_CONFIG)
