"""zip_lookup: a postal code gives city, state and what else is known of the place.

Rules:
- The lookup begins as soon as the code is answered. US codes with or without the four further
  digits and Canadian codes are taken.
- One place fills the targets. Several offer a pick; until then the targets stay as they are.
- The agent may type over what was found; only another code looks anything up again.
- A code that is not known goes to `on_miss`, or (without it) the page says so and the agent types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from halodesk.engine.commands import Refused, Resolve
from halodesk.engine.effects import ZipSearch
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding, error
from halodesk.engine.flow import Flow, Step
from halodesk.engine.session import Session
from halodesk.engine.steps.base import Ask, Button, Chosen, Plain, Settled, Work, read_config

Part = Literal[
    "city", "state", "county", "country", "latitude", "longitude", "timezone",
    "dma", "dma_source", "tax_rate", "tax_source", "tax_label",
]  # fmt: skip

_US = re.compile(r"(\d{5})(?:-?\d{4})?")
_CANADA = re.compile(r"([A-CEGHJ-NPR-TVXY]\d[A-CEGHJ-NPR-TV-Z])(?:\d[A-CEGHJ-NPR-TV-Z]\d)?")
_PICK, _OWN = "pick=", "pick=none"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`zip`: the field with the code; `targets`: part of the place to the field or variable it fills."""

    zip: str
    targets: dict[Part, str]
    on_miss: str = ""
    body: str = ""


class ZipLookup(Plain):
    """A page with the code and the place."""

    name = "zip_lookup"
    config_type = Config

    def enter(self, flow: Flow, step: Step, state: Session) -> Work:
        """A code that is known already (from the caller's record, say) is looked up at once."""
        return self._search(step, state)

    def answered(self, flow: Flow, step: Step, state: Session, field: str) -> Work:
        """A new code is looked up."""
        return self._search(step, state) if field == read_config(Config, step).zip else Work()

    def ready(self, flow: Flow, step: Step, state: Session) -> Refused | None:
        """A code that is one."""
        config = read_config(Config, step)
        code = state.values.get(config.zip)
        if code and not postal_code(str(code)):
            return _not_a_code(config)
        if state.values.get(_missed(step)) and config.on_miss:
            return None
        if len(_places(step, state)) > 1 and all(
            state.values.get(target) in (None, "") for target in config.targets.values()
        ):
            return Refused(code="not_chosen", message="Several places have this code: choose one.")
        return None

    def work(self, flow: Flow, step: Step, state: Session) -> Work:
        """A code that is not known has a way of its own."""
        target = read_config(Config, step).on_miss
        return Work(to=target) if target and state.values.get(_missed(step)) else Work()

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """One place fills the page, several wait for a pick, none says so."""
        config = read_config(Config, step)
        code = str(ask.args["code"])
        if answer.outcome != "ok":
            reason = str(answer.result.get("reason") or "The place could not be looked up.")
            return Settled(
                stay=True, problem=f"{reason} Type it in.", values={_looked_up(step): code, _found(step): []}
            )
        given = answer.result.get("places")
        places = [place for place in given if isinstance(place, dict)] if isinstance(given, list) else []
        values = {_looked_up(step): code, _found(step): places, _missed(step): not places}
        if len(places) == 1:
            return Settled(stay=True, values={**values, **_filled(config, places[0])})
        if places:
            return Settled(stay=True, values=values)
        return Settled(
            stay=True, values=values,
            problem="" if config.on_miss else f"No place is known for {code}. Ask for it and type it in.",
        )  # fmt: skip

    def buttons(self, flow: Flow, step: Step, state: Session) -> tuple[Button, ...] | None:
        """One a place, while several are possible and none is chosen."""
        places = _places(step, state)
        if len(places) < 2:
            return None
        picks = [
            Button(key=f"{_PICK}{index}", label=_words(place), primary=index == 0)
            for index, place in enumerate(places)
        ]
        return (*picks, Button(key=_OWN, label="None of these"))

    def choose(self, flow: Flow, step: Step, state: Session, choice: str) -> Chosen | Refused | None:
        """Fills the page with the place picked; it is not left by that."""
        if not choice.startswith(_PICK):
            return None
        places = _places(step, state)
        if choice == _OWN and places:
            return Chosen(work=Work(values={_found(step): []}), stay=True)
        index = choice.removeprefix(_PICK)
        if not index.isdecimal() or int(index) >= len(places):
            return Refused(code="not_offered", message="This place is not among those that were found.")
        filled = _filled(read_config(Config, step), places[int(index)])
        return Chosen(work=Work(values={**filled, _found(step): [places[int(index)]]}), stay=True)

    def panel(self, flow: Flow, step: Step, state: Session) -> dict[str, Any]:
        """The places found in words, where market and tax of a lone one come from; whether none is known."""
        places = state.values.get(_found(step)) or []
        return {
            "places": [_words(place) for place in places],
            "missed": bool(state.values.get(_missed(step))),
            "sources": _sources(places[0]) if len(places) == 1 else [],
        }

    def sets(self, step: Step) -> set[str]:
        """The targets."""
        return set(read_config(Config, step).targets.values())

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """A field for the code, and something to fill."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        field = step.field(config.zip)
        if field is None or field.type not in ("text", "number"):
            findings.append(
                error(
                    "zip_field", step, f'"{config.zip}" is not a text field of this step.',
                    "Add one for the postal code and name it in the config.", config.zip,
                )
            )  # fmt: skip
        if not config.targets:
            findings.append(
                error(
                    "zip_targets",
                    step,
                    "Nothing is filled from the postal code.",
                    "Name at least one target.",
                )
            )
        for target in config.targets.values():
            declared = flow.field(target)
            if declared is not None and declared.type == "encrypted":
                findings.append(
                    error(
                        "secret_target",
                        step,
                        f'The secret "{target}" cannot be filled.',
                        "Name another.",
                        target,
                    )
                )
        return findings

    def _search(self, step: Step, state: Session) -> Work:
        code = postal_code(str(state.values.get(read_config(Config, step).zip) or ""))
        if not code:
            stale = state.values.get(_looked_up(step))
            return Work(
                values={_looked_up(step): None, _found(step): [], _missed(step): False} if stale else {}
            )
        if code == state.values.get(_looked_up(step)):
            return Work()
        return Work(ask=Ask.of(ZipSearch(code=code)))


def postal_code(text: str) -> str:
    """The code as the zip table has it: five digits, or the three signs of a Canadian area; else nothing."""
    bare = re.sub(r"\s", "", text).upper()
    us = _US.fullmatch(bare)
    canada = _CANADA.fullmatch(bare.replace("-", ""))
    return us[1] if us else canada[1] if canada else ""


def _not_a_code(config: Config) -> Refused:
    return Refused(
        code="invalid", field=config.zip,
        message="This is no postal code: five digits, or a Canadian one such as K1A 0B1.",
    )  # fmt: skip


def _filled(config: Config, place: dict[str, Any]) -> dict[str, Any]:
    return {target: place.get(part) for part, target in config.targets.items()}


def _places(step: Step, state: Session) -> list[dict[str, Any]]:
    return list(state.values.get(_found(step)) or [])


def _sources(place: Mapping[str, Any]) -> list[str]:
    """What is only an estimate or a base rate is said to be one, wherever it is shown."""
    market, tax = place.get("dma"), place.get("tax_label")
    said = [f"Market {market}: {place.get('dma_source')}."] if market else []
    return [*said, f"{tax}: {place.get('tax_source')}."] if tax else said


def _words(place: dict[str, Any]) -> str:
    return ", ".join(str(part) for part in (place.get("city"), place.get("state")) if part) or "?"


def _looked_up(step: Step) -> str:
    return f"zip:{step.key}:code"


def _found(step: Step) -> str:
    return f"zip:{step.key}:places"


def _missed(step: Step) -> str:
    return f"zip:{step.key}:missed"


TYPE = ZipLookup()
