"""What can come of outside work: every outcome, and the values that conditions ask for.

A kind of effect that is not known here gets the three outcomes without values.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from halodesk.engine import effects as fx
from halodesk.engine.events import EffectRequested
from halodesk.engine.explore_values import Hints
from halodesk.engine.flow import Step
from halodesk.engine.places import config_of
from halodesk.engine.session import Session
from halodesk.engine.simulate import AnyTurn, Pass, Settle

_PLACE = {
    "city": "Santa Cruz",
    "state": "CA",
    "county": "Santa Cruz",
    "country": "US",
    "timezone": "PST",
    "tax_rate": "7.25",
}
_MOST = 24
_PAIRS = 48
REASON = "It failed (simulated)."


def answers(ask: EffectRequested, step: Step, state: Session, hints: Hints) -> Iterator[AnyTurn]:
    """The turns that answer an effect under way."""
    match ask.kind:
        case fx.Timer.kind:
            yield Pass()
        case fx.HttpCall.kind:
            yield from _http(ask, step, state, hints)
        case fx.CHARGE:
            yield _ok(ask, charge_id="ch_simulated")
            for reason in _texts(
                hints, "charge.reason", _target(step, "reason"), usual="Declined (simulated)."
            ):
                yield Settle(kind=ask.kind, outcome="declined", result={"reason": reason})
            yield _failed(ask)
            if ask.id not in state.unknown:
                yield Settle(kind=ask.kind, outcome="unknown", result={"reason": "No answer (simulated)."})
        case fx.CAPTURE:
            yield _ok(ask, charge_id="ch_simulated")
            yield Settle(kind=ask.kind, outcome="declined", result={"reason": REASON})
            if ask.id not in state.unknown:
                yield Settle(kind=ask.kind, outcome="unknown", result={"reason": "No answer (simulated)."})
        case "tokenise":
            yield _ok(ask, token="tok_simulated", last4="4242", brand="visa")  # noqa: S106  # no secret: a made-up token
            yield Settle(kind=ask.kind, outcome="declined", result={"reason": REASON})
        case fx.ZipSearch.kind:
            yield from _zip(ask, step, hints)
        case fx.SendEmail.kind:
            yield _ok(ask, status="sent")
            yield _ok(ask, status="queued")
            yield _failed(ask)
        case fx.BrowserVisit.kind:
            for values in _combined({name: hints.of(name) for name in ask.args.get("extract", {})}):
                yield Settle(kind=ask.kind, outcome="ok", result=values)
            yield _failed(ask)
        case fx.DataQuery.kind:
            for rows in hints.of(f"data:{ask.args.get('source', '')}"):
                if isinstance(rows, list):
                    yield _ok(ask, rows=[row if isinstance(row, dict) else {"value": row} for row in rows])
            yield _failed(ask)
        case _:
            yield _ok(ask)
            yield _failed(ask)


def _ok(ask: EffectRequested, **result: Any) -> Settle:
    return Settle(kind=ask.kind, outcome="ok", result=result)


def _failed(ask: EffectRequested, **result: Any) -> Settle:
    return Settle(kind=ask.kind, outcome="failed", result={"reason": REASON, **result})


def _http(ask: EffectRequested, step: Step, state: Session, hints: Hints) -> Iterator[AnyTurn]:
    picks = {name: hints.of(name) for name in ask.args.get("pick", {})}
    statuses = [value for value in hints.scalars(_target(step, "status")) if isinstance(value, int)]
    for values in _combined(picks):
        yield _ok(ask, status=200, values=values)
    for status in statuses:
        if 200 <= status < 300:
            yield _ok(ask, status=status, values=next(_combined(picks)))
        else:
            yield _failed(ask, status=status)
    for reason in _texts(hints, _target(step, "reason"), usual=REASON):
        yield _failed(ask, status=404, reason=reason)
    if ask.args.get("method") not in ("GET", "HEAD") and ask.id not in state.unknown:
        yield Settle(kind=ask.kind, outcome="unknown", result={"reason": "No answer (simulated)."})


def _zip(ask: EffectRequested, step: Step, hints: Hints) -> Iterator[AnyTurn]:
    config = config_of(step)
    targets: dict[str, str] = getattr(config, "targets", {})
    wanted = {part: [one for one in hints.scalars(name) if one] for part, name in targets.items()}
    places = [
        {**_PLACE, **values} for values in _combined({part: found for part, found in wanted.items() if found})
    ]
    for place in places:
        yield _ok(ask, places=[place])
    yield _ok(ask, places=[])
    yield _ok(ask, places=[places[0], {**places[0], "city": "Capitola"}])
    yield _failed(ask)


def _combined(tried: dict[str, list[Any]]) -> Iterator[dict[str, Any]]:
    """The first of each, each other value by itself, all seconds, all thirds …, then two others at a time."""
    base = {name: values[0] for name, values in tried.items()}
    yield base
    given = 1
    for name, values in tried.items():
        for value in values[1:]:
            if given < _MOST:
                given += 1
                yield {**base, name: value}
    for place in range(1, 4):
        if len(tried) > 1:
            yield {name: values[min(place, len(values) - 1)] for name, values in tried.items()}
    pairs = (
        {name: value, other: another}
        for (name, values), (other, others) in itertools.combinations(tried.items(), 2)
        for value, another in itertools.product(values[1:], others[1:])
    )
    for pair in itertools.islice(pairs, _PAIRS):
        yield {**base, **pair}


def _target(step: Step, part: str) -> str:
    return f"{step.config.get('target', 'api')}.{part}"


def _texts(hints: Hints, *paths: str, usual: str) -> list[str]:
    found = [value for path in paths for value in hints.scalars(path) if isinstance(value, str) and value]
    return [usual, *found][:6]
