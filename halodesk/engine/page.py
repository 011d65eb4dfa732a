"""What the agent sees of a step: a plain value the window renders and replay shows again.

The window validates nothing and decides nothing: every label, lock, button and word of it
stands here.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import msgspec

from halodesk.engine.commands import Refused
from halodesk.engine.errors import TemplateError
from halodesk.engine.flow import Field, Flow, Option, Step
from halodesk.engine.languages import spoken
from halodesk.engine.options import with_options
from halodesk.engine.page_cart import CartView, cart_view
from halodesk.engine.payments import PaymentView
from halodesk.engine.payments import view as payment_view
from halodesk.engine.registry import field_types, step_types
from halodesk.engine.roles import words_of
from halodesk.engine.rules import (
    is_kept,
    is_required,
    is_sensitive,
    lacks_role,
    previous_page,
    visible_fields,
    was_shown,
)
from halodesk.engine.session import Mask, Session, counted, scope
from halodesk.engine.steps.sub_script import outer_values
from halodesk.engine.subscripts import outermost, targets
from halodesk.engine.template import render_markdown, render_text


class FieldView(msgspec.Struct, frozen=True, kw_only=True):
    """One input. `locked` means: nothing can be typed now, `why` says what for."""

    name: str
    type: str
    label: str
    value: Any
    required: bool
    help: str = ""
    options: tuple[Option, ...] = ()
    kind: str = ""
    role: str = ""
    """Payment pages: number, expiry or cvv."""
    read_only: bool = False
    locked: bool = False
    why: str = ""
    filled: bool = False
    """Encrypted fields: the vault holds a complete value, or its envelope is kept."""
    retention: str = ""
    """Encrypted fields: capture or sealed."""
    hint: str = ""
    """A doubt about the accepted value, in words; it stops nothing."""
    reads: str = ""
    """The accepted value read back, where its input shows less."""
    config: dict[str, Any] = {}


class ChoiceView(msgspec.Struct, frozen=True, kw_only=True):
    """One button that leaves the page; `key` goes into `commands.Submit`."""

    key: str
    label: str
    primary: bool = False
    chosen: bool = False


class PathView(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of the path."""

    step: str
    title: str
    route: str
    current: bool


class AnswerView(msgspec.Struct, frozen=True, kw_only=True):
    """One captured value in words."""

    label: str
    value: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of one moment of a session."""

    step: str
    visit: int
    type: str
    title: str
    html: str
    """Safe HTML of the script text."""
    fields: tuple[FieldView, ...]
    choices: tuple[ChoiceView, ...]
    can_go_back: bool
    back_refusal: str
    sensitive: bool
    mask: Mask
    waiting: str
    """Non-empty: outside work is under way; nothing can be typed."""
    problem: str
    path: tuple[PathView, ...]
    answers: tuple[AnswerView, ...]
    notes: tuple[str, ...]
    cart: CartView
    progress: float
    """0 to 1 along the shortest way to an end."""
    call_left: str
    ended: bool
    disposition: str
    target_seconds: int = 0
    shown: bool = True
    """Whether the step has something for the agent to do on this visit."""
    for_role: str = ""
    """The page is for this role, and nobody who has it works here or has opened it."""
    payment: PaymentView | None = None
    """The last charge, once there is something to say of it."""
    panel: dict[str, Any] = {}
    """What the step type's own part of the window shows (`StepType.panel`)."""


KEPT = "Sealed: only two key holders together can open it. Type again to replace it."
_WAITING = {
    "seal": "Sealing …",
    "tokenise": "Checking the card with the gateway …",
    "charge": "Charging the card …",
    "capture": "Taking the payment …",
    "function": "Working …",
    "http": "Asking the other system …",
    "zip": "Looking the place up …",
    "email": "Sending the mail …",
    "transfer": "Transferring the call …",
    "data": "Fetching the list …",
}
_UNKNOWN = {
    "charge": "The gateway has not answered. Asking what became of the charge …",
    "capture": "The gateway has not answered. Asking whether the payment was taken …",
    "http": "The other system has not answered. Asking what became of the request …",
}


def page(flow: Flow, state: Session, roles: Sequence[str] | None = None) -> Page:
    """The page of the current step. Raises nothing: a broken text shows as its error.

    `roles` are those of whoever works here; None: nobody does, it is only looked at.
    """
    step = flow.step(state.step)
    if step is None:
        step = Step(key=state.step, type="unknown", title="Unknown step")
    values = scope(state)
    step = spoken(flow, step, values)
    known = step_types().get(step.type)
    back = previous_page(flow, state)
    waiting = _waiting(state)
    ended = state.status == "ended"
    role = "" if roles is None or ended else lacks_role(step, state, roles)
    gate = f"For a {words_of(role)}." if role else ""
    locked = waiting or gate or (known.locks(flow, step, state) if known is not None else "")
    return Page(
        step=step.key,
        visit=state.visit,
        type=step.type,
        title=_text(step.title or step.key, values),
        html=_html(_script(step), values),
        fields=tuple(
            _field(flow, field, step, state, locked)
            for field in visible_fields(step, state)
            if not field.config.get("buttons")
        ),
        choices=() if ended else _choices(flow, step, state, waiting or gate),
        can_go_back=not isinstance(back, Refused) and not ended,
        back_refusal=back.message if isinstance(back, Refused) else "",
        sensitive=is_sensitive(step),
        mask=state.mask,
        waiting=waiting,
        problem=state.problem,
        path=_path(flow, state),
        answers=_answers(flow, state),
        notes=state.notes,
        cart=cart_view(state.cart),
        progress=_progress(flow, state),
        call_left=state.call_left,
        ended=ended,
        disposition=state.disposition,
        target_seconds=step.target_seconds,
        shown=not state.path or was_shown(flow, state, state.path[-1]),
        for_role=role,
        payment=payment_view(state),
        panel=known.panel(flow, step, state) if known is not None else {},
    )


def _waiting(state: Session) -> str:
    ask = state.here
    if ask is None:
        return ""
    if ask.id in state.unknown:
        return state.unknown[ask.id] or _UNKNOWN.get(ask.kind, "There is no answer yet …")
    return _WAITING.get(ask.kind, "Working …")


def _field(flow: Flow, field: Field, step: Step, state: Session, waiting: str) -> FieldView:
    secret = field.type == "encrypted"
    why = waiting
    if secret and not waiting and state.mask.phase != "held":
        why = state.mask.message or "Waiting until every recording is masked …"
    role = ""
    if secret:
        role = next((name for name in ("number", "expiry", "cvv") if step.config.get(name) == field.name), "")
    field = with_options(flow, field, scope(state)) if field.source else field
    value = None if secret else state.values.get(field.name)
    known = field_types().get(field.type) if value is not None else None
    kept = secret and is_kept(field, state)
    config = field.config
    if role == "number" and step.config.get("brands"):
        config = {**config, "brands": step.config["brands"]}
    return FieldView(
        name=field.name,
        type=field.type,
        label=field.label or field.name,
        value=value,
        required=is_required(field, state),
        help=field.help,
        options=field.options,
        kind=field.kind,
        role=role,
        read_only=field.read_only,
        locked=bool(why),
        why=why,
        filled=field.name in state.secrets or kept,
        retention=field.retention,
        hint=known.hint(field, value) if known is not None else "",
        reads=KEPT if kept else known.reads(field, value) if known is not None else "",
        config=config,
    )


def _choices(flow: Flow, step: Step, state: Session, waiting: str) -> tuple[ChoiceView, ...]:
    if state.waits_unknown and step.config.get("on_unknown"):
        return (ChoiceView(key="on_unknown", label="Continue without an answer"),)
    known = step_types().get(step.type)
    if waiting or known is None or not known.has_page(step):
        return ()
    own = known.buttons(flow, step, state)
    if own is not None:
        return tuple(
            ChoiceView(key=one.key, label=one.label, primary=one.primary, chosen=one.chosen) for one in own
        )
    values = counted(state)
    buttons = [
        ChoiceView(
            key=f"{field.name}={value}",
            label=label,
            primary=index == 0,
            chosen=_same(state.values.get(field.name), value),
        )
        for field in visible_fields(step, state)
        if field.config.get("buttons")
        for index, (value, label) in enumerate(_sides(with_options(flow, field, values)))
    ]
    if buttons:
        return tuple(buttons)
    label = step.fallback_label or known.continue_label
    return (ChoiceView(key="", label=label, primary=True),)


def _sides(field: Field) -> list[tuple[str, str]]:
    if field.type == "boolean":
        return [
            ("true", str(field.config.get("true_label", "Yes"))),
            ("false", str(field.config.get("false_label", "No"))),
        ]
    return [(option.value, option.label or option.value) for option in field.options]


def _same(value: Any, side: str) -> bool:
    return (str(value).casefold() if isinstance(value, bool) else value) == side


def _path(flow: Flow, state: Session) -> tuple[PathView, ...]:
    last = len(state.path) - 1
    entries = []
    for index, visit in enumerate(state.path):
        step = flow.step(visit.step)
        if step is not None and (index == last or was_shown(flow, state, visit)):
            entries.append(
                PathView(
                    step=step.key, title=step.title or step.key, route=visit.route, current=index == last
                )
            )
    return tuple(entries)


def _answers(flow: Flow, state: Session) -> tuple[AnswerView, ...]:
    types = field_types()
    own = {step.key: index for index, step in enumerate(flow.steps)}
    seen = sorted(
        dict.fromkeys(visit.step for visit in state.path), key=lambda key: own.get(outermost(key), 0)
    )
    captured = counted(state)
    values = {**(outer_values(state.values) or {}), **captured}
    return tuple(
        AnswerView(
            label=field.label or field.name,
            value=types[field.type].show(with_options(flow, field, captured), value),
        )
        for step in filter(None, map(flow.step, seen))
        for field in step.fields
        if field.type in types and (value := values.get(field.name)) is not None
    )


def _progress(flow: Flow, state: Session) -> float:
    done = len({outermost(visit.step) for visit in state.path}) - 1
    left = _distances(flow).get(outermost(state.step), 0)
    return 1.0 if state.status == "ended" or done + left == 0 else done / (done + left)


_distance_cache: dict[int, tuple[Flow, dict[str, int]]] = {}


def _distances(flow: Flow) -> dict[str, int]:
    """Steps from each step to the nearest end that sells something or not, by breadth."""
    known = _distance_cache.get(id(flow))
    if known is not None and known[0] is flow:
        return known[1]
    into: dict[str, list[str]] = {}
    for step in flow.steps:
        for target in targets(step):
            into.setdefault(target, []).append(step.key)
    level = [step.key for step in flow.steps if step.type == "end"]
    distances = dict.fromkeys(level, 0)
    while level:
        level = [key for target in level for key in into.get(target, ()) if key not in distances]
        for key in level:
            distances.setdefault(key, 1 + min(distances[t] for t in _targets(flow, key) if t in distances))
    if len(_distance_cache) > 16:
        _distance_cache.clear()
    _distance_cache[id(flow)] = (flow, distances)
    return distances


def _targets(flow: Flow, key: str) -> list[str]:
    step = flow.step(key)
    return [] if step is None else list(targets(step))


def _text(text: str, values: dict[str, Any]) -> str:
    try:
        return render_text(text, values)
    except TemplateError:
        return text


def _script(step: Step) -> str:
    """What the agent reads; what is read word for word stands apart, in the look of speech."""
    body, verbatim = str(step.config.get("body", "")), str(step.config.get("verbatim", ""))
    if not verbatim:
        return body
    # A box a paragraph: the text view draws only the first paragraph of a quotation in one.
    quoted = "\n\n".join("> " + part.replace("\n", "\n> ") for part in verbatim.split("\n\n"))
    return f"{body}\n\n**Read word for word:**\n\n{quoted}"


def _html(text: str, values: dict[str, Any]) -> str:
    try:
        return render_markdown(text, values)
    except TemplateError as error:
        return f"<p><em>{escape(error.message)}</em></p>"
