"""Any sequence of commands, on the sample and on small flows made up: the rules that always hold."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from halodesk.engine import codec
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.core import decide
from halodesk.engine.evolve import evolve, fold
from halodesk.engine.flow import Flow, from_builtins
from halodesk.engine.page import page
from halodesk.engine.rules import is_sensitive
from halodesk.engine.session import Session
from tests.examples import many
from tests.fakes.order import ADDRESS, CALL, CARD, Run, sample, texts
from tests.fakes.steps import STEPS

FLOW = sample()
DIGITS = (CARD, "4000056655665556", "378282246310005")
FIELDS = sorted({field.name for step in FLOW.steps for field in step.fields})
CHOICES = [
    "",
    "on_unknown",
    "nonsense",
    "call_type=order",
    "offer_response=yes",
    "offer_response=no",
    "offer_response=is_it_safe",
    "journal=true",
    "journal=false",
    "retry_payment=true",
    "retry_payment=false",
    "read_back=true",
    f"first_name={CARD}",
]

NEWER = tuple(
    kind
    for kind in STEPS
    if kind not in ("script", "decision", "payment_form", "api_call", "billing_shipping")
)

raw = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=12)
    | st.sampled_from(DIGITS)
    | st.sampled_from(DIGITS).map(lambda digits: f"card: {digits[:4]} {digits[4:8]}-{digits[8:]} thanks")
    | st.just({**ADDRESS, "line2": CARD})
)

GOOD: dict[str, Any] = {
    "first_name": "Jordan",
    "last_name": "Miller",
    "phone": "202 555 0143",
    "billing_address": ADDRESS,
    "no_sale_reason": "price",
    "disposition": "sale",
}


class Random:
    """Draws the next command: mostly what a person would do there, else anything at all."""

    def __init__(self, data: st.DataObject, flow: Flow) -> None:
        self.data, self.flow = data, flow

    def command(self, state: Session) -> c.Command:
        if state.status == "new" or self.data.draw(st.integers(0, 3)) == 0:
            return self.data.draw(self.anything(state))
        likely: list[c.Command] = []
        ask = state.here
        if ask is not None:
            result: dict[str, Any] = {
                "token": "tok",
                "last4": "4242",
                "brand": "visa",
                "value": 1,
                "reason": "r",
            }
            result |= {"rows": [1, 2], "places": [{"city": "A"}, {"city": "B"}], "values": {}}
            likely += [c.Resolve(id=ask.id, outcome=outcome, result=result) for outcome in OUTCOMES]
        elif state.mask.phase in ("wanted", "lost", "releasing"):
            phase = "none" if state.mask.phase == "releasing" else "held"
            likely.append(c.ReportMask(lease=state.mask.lease, phase=phase))  # type: ignore[arg-type]
        shown = page(self.flow, state)
        likely += [c.Submit(choice=choice.key) for choice in shown.choices]
        likely += [c.Resolve(id=ask.id, outcome="ok", result={"n": 1}) for ask in state.beside]
        step = self.flow.step(state.step)
        assert step is not None
        for field in step.fields:
            if field.type == "encrypted":
                likely.append(c.EnterSecret(field=field.name, handle=f"{step.key}:{field.name}"))
            elif field.config.get("buttons"):
                values = [option.value for option in field.options] or ["true", "false"]
                likely += [c.Submit(choice=f"{field.name}={value}") for value in values]
            elif field.name in GOOD:
                likely.append(c.Answer(field=field.name, raw=GOOD[field.name]))
        likely += [c.Submit(), c.Submit()]
        return self.data.draw(st.sampled_from(likely))

    def anything(self, state: Session) -> st.SearchStrategy[c.Command]:
        step = self.flow.step(state.step)
        names = [field.name for field in step.fields] if step is not None and step.fields else FIELDS
        name = st.sampled_from([*names, "nothing"])
        effect = st.sampled_from([*state.effects, "no.such.effect"])
        lease = st.sampled_from([state.mask.lease, "payment.1", ""])
        return st.one_of(
            st.builds(c.Start, agent=st.just("Ann"), call=st.just(CALL), prefill=st.just({"phone": CARD})),
            st.builds(c.Answer, field=name, raw=raw),
            st.builds(c.EnterSecret, field=name, handle=st.just("h"), problem=st.sampled_from(["", "bad"])),
            st.builds(c.ClearSecret, field=name),
            st.builds(c.Submit, choice=st.sampled_from(CHOICES)),
            st.just(c.Back()),
            st.builds(
                c.Resolve,
                id=effect,
                outcome=st.sampled_from(OUTCOMES),
                result=st.dictionaries(
                    st.sampled_from(["reason", "value", "token"]), st.integers(), max_size=2
                ),
            ),
            st.builds(c.ReportMask, lease=lease, phase=st.sampled_from(["held", "lost", "none"])),
            st.just(c.LoseCall(reason="Bye.", by="caller")),
            st.just(c.KeepRecording(path="a", sha256="", sample_rate=8000, samples=9, windows=((1, 2),))),
            st.builds(c.AddNote, text=st.sampled_from(["calls back", f"no {CARD}", ""])),
            st.just(c.Restart()),
            st.builds(c.Tick, now=st.sampled_from([0.0, 3.0, 9.0, 1e9])),
            st.builds(c.Abandon, disposition=st.sampled_from(["lost", CARD])),
        )


SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large)
OUTCOMES: tuple[Any, ...] = ("ok", "declined", "failed", "unknown")


def holds_always(flow: Flow, before: Session, events: list[e.AnyEvent], after: Session) -> None:
    """What no command may ever break."""
    state = before
    for event in events:
        match event:
            case e.SecretEntered():
                assert state.mask.phase == "held", "a secret without a mask"
                step = flow.step(event.step)
                assert step is not None
                assert is_sensitive(step)
            case e.EffectRequested():
                assert event.id not in before.effects
                if event.kind == "charge":
                    assert before.unsettled is None, "a second charge while one is open"
                    assert not any(charge.outcome == "ok" for charge in before.charges)
                    assert event.args["amount"] == state.cart.total > 0
                    assert not state.call_left
            case e.StepEntered() if state.step:
                came_from, to = flow.step(state.step), flow.step(event.step)
                assert came_from is not None
                assert to is not None
                assert state.secrets == {}, "left with secrets"
                if is_sensitive(came_from) and not is_sensitive(to):
                    assert state.mask.phase in ("none", "releasing"), "left without letting the mask go"
            case e.CartChanged():
                assert not state.cart.frozen, "a paid cart changed"
            case _:
                pass
        state = evolve(state, event)
        assert state.cart.total >= 0
    assert state == after
    assert len(after.charges) <= 3
    here = flow.step(after.step)
    if after.status == "running" and here is not None and not is_sensitive(here):
        assert after.mask.phase in ("none", "releasing")
    if before.status == "ended":
        assert after.status == "ended"
        assert after.step == before.step


def play(data: st.DataObject, flow: Flow, most: int) -> None:
    draw = Random(data, flow)
    state = Session()
    begun = decide(flow, state, c.Start(agent="Ann", call=CALL))
    assert not isinstance(begun, c.Refused)
    log = [*begun]
    state = fold(begun, state)
    asked: set[str] = set()
    for _ in range(data.draw(st.integers(1, most))):
        command = draw.command(state)
        decided = decide(flow, state, command)
        events: list[e.AnyEvent] = []
        events += decided.incidents if isinstance(decided, c.Refused) else decided
        if isinstance(decided, c.Refused):
            assert decided.message
        after = fold(events, state)
        holds_always(flow, state, events, after)
        for event in events:
            if isinstance(event, e.EffectRequested):
                assert event.id not in asked, "one key for two requests"
                asked.add(event.id)
        log += events
        state = after
        assert page(flow, state).step == state.step
    again = [codec.decode(codec.encode(event)) for event in log]
    assert fold(again) == state
    written = "".join(found for found in texts(log) if found.isdigit())
    assert not any(digits in written for digits in DIGITS)
    assert not any(digits in texts(log) for digits in DIGITS)


@settings(
    max_examples=many(60),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_any_commands_on_the_sample(data: st.DataObject) -> None:
    play(data, FLOW, 40)


TYPES = ("script", "decision", "payment_form", "api_call", "billing_shipping", "end", *NEWER)


def newer(draw: st.DrawFn, kind: str, key: str, target: st.SearchStrategy[str]) -> dict[str, Any]:
    """Config and routes of a step of the newer types."""
    condition = [{"variable": f"{key}_text", "op": "is_not_empty"}]
    configs: dict[str, dict[str, Any]] = {
        "switch": {
            "expression": draw(st.sampled_from(["n", "n + 1"])),
            "cases": [{"value": "1", "route": "a"}],
        },
        "for_each": {
            "source": draw(st.sampled_from(["cart", "variable", "data_source"])),
            "name": draw(st.sampled_from(["many", "far", "n"])),
            "collect": {"all": "item"},
        },
        "sub_script": {"template": draw(st.sampled_from(["t", "u", "gone"]))},
        "function": {"expression": "1", "target": "n", "on_error": draw(target)},
        "web_browser": {"url": "https://a.example", "extract": {"n": "#n"}, "on_failure": draw(target)},
        "shipping_method": {
            "options": [
                {"key": "x", "name": "X", "cost": "1", "show_when": condition if draw(st.booleans()) else []}
            ]
        },
        "zip_lookup": {"zip": f"{key}_text", "targets": {"city": "n"}, "on_miss": draw(target)},
        "transfer": {"to": "1002", "on_failure": draw(target)},
        "mask_call": {"on_failure": draw(target), "max_seconds": 5},
        "email": {
            "to": "{{ " + key + "_text }}",
            "template": {"subject": "s", "text": "t"},
            "body": draw(st.sampled_from(["", "b"])),
        },
        "wait": {
            "seconds": 5,
            "button": draw(st.booleans()),
            "condition": condition if draw(st.booleans()) else [],
        },
    }
    config = configs[kind]
    step: dict[str, Any] = {"config": config}
    if kind == "sub_script" and draw(st.booleans()):
        config |= {"in": {"n": "n"}, "out": {"n": "n"}}
    if kind in ("switch", "for_each"):
        step["routes"] = [{"label": label, "to": draw(target)} for label in ("a", "body", "exit")]
    return step


TEMPLATES = [
    {
        "key": "t",
        "start": "ask",
        "steps": [
            {
                "key": "ask",
                "type": "script",
                "fallback": "deeper",
                "fields": [{"name": "inside", "type": "text", "default": "x"}],
            },
            {
                "key": "deeper",
                "type": "sub_script",
                "fallback": "back",
                "config": {"template": "u", "in": {}},
            },
            {"key": "back", "type": "end"},
        ],
    },
    {
        "key": "u",
        "start": "id",
        "steps": [
            {
                "key": "id",
                "type": "script",
                "fallback": "back",
                "fields": [{"name": "id", "type": "encrypted", "kind": "ssn", "retention": "capture"}],
            },
            {"key": "back", "type": "end"},
        ],
    },
]


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    """A small flow with loops, dead ends, masks, functions and charges in any order."""
    count = draw(st.integers(1, 6))
    keys = [f"s{index}" for index in range(count)]
    target = st.sampled_from([*keys, "end", "", "nowhere"])
    steps: list[dict[str, Any]] = [{"key": "start", "type": "start", "fallback": keys[0]}]
    for key in keys:
        type_ = draw(st.sampled_from(TYPES))
        step: dict[str, Any] = {"key": key, "type": type_, "fallback": draw(target)}
        step["mask"] = draw(st.booleans())
        step["fields"] = [{"name": f"{key}_text", "type": "text"}]
        if type_ == "payment_form":
            names = [f"{key}_{part}" for part in ("number", "expiry", "cvv")]
            step["config"] = dict(zip(("number", "expiry", "cvv"), names, strict=True))
            step["fields"] += [
                {"name": name, "type": "encrypted", "kind": "other", "retention": "capture"} for name in names
            ]
        elif type_ == "api_call":
            step["config"] = {"connection": "gateway", "operation": "charge", "on_unknown": draw(target)}
        elif type_ == "billing_shipping":
            step["fields"] += [{"name": f"{key}_address", "type": "address"}]
            step["config"] = {"billing": f"{key}_address"}
        elif type_ == "end":
            step["config"] = {"disposition": f"{key}_text"}
        elif type_ in NEWER:
            step |= newer(draw, type_, key, target)
        if draw(st.booleans()):
            step["functions"] = [{"target": "n", "expression": "1", "on_error": draw(target)}]
        if draw(st.booleans()):
            step["cart_actions"] = [{"action": "add_item", "args": {"item": "nap"}}]
        if "routes" not in step and draw(st.booleans()):
            step["routes"] = [
                {"to": draw(target), "when": [{"variable": "n", "op": "is_empty"}]},
                {"to": draw(target), "when": [{"variable": "api.success", "op": "equals", "value": False}]},
            ]
        steps.append(step)
    steps.append({"key": "end", "type": "end", "fields": [{"name": "disposition", "type": "text"}]})
    catalogue = {"products": [{"key": "nap", "name": "Nap", "price": "39.95"}]}
    return from_builtins(
        {
            "key": "f",
            "name": "f",
            "start": "start",
            "steps": steps,
            "catalogue": catalogue,
            "templates": TEMPLATES,
            "data_sources": [{"key": "far", "query": "q"}],
            "variables": [{"name": "many", "default": [1, {"a": 2}]}],
        }
    )


@settings(
    max_examples=many(80),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(st.data())
def test_any_commands_on_any_small_flow(data: st.DataObject) -> None:
    play(data, data.draw(flows()), 25)


def test_the_same_wish_gives_the_same_facts() -> None:
    one, two = Run().to_payment().to_charge(), Run().to_payment().to_charge()
    assert one.events == two.events
    assert one.state == two.state
