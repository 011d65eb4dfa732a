"""What changed between two versions of a flow, in its own terms: steps, fields, routes, texts.

Rules:
- A step or field that was only renamed is a rename: the one that went and the one that came are
  paired where they are alike, the likest first. Ways to a renamed step have not changed.
- Places on the canvas and the version number are no changes.
- Where nothing is said, the two documents are the same to a caller and to an agent.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from halodesk.engine.flow import Field, Flow, Part, Route, Step

ALIKE = 0.6
"""From here on what went and what came is taken for one renamed thing."""
_MOST_PAIRS = 40_000

Kind = Literal["added", "removed", "renamed", "changed", "moved"]
What = Literal["flow", "variable", "catalogue", "template", "data_source", "step", "field", "route", "text",
               "function", "cart_action", "config"]  # fmt: skip
Named = TypeVar("Named", Step, Field)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """One difference. `old` and `new` are plain values."""

    kind: Kind
    what: What
    step: str = ""
    """Key in the new version; in the old one where the step was removed."""
    name: str = ""
    old: Any = None
    new: Any = None


def diff(old: Flow, new: Flow) -> list[Change]:
    """All differences, in the order of the new version; what was removed at the end."""
    renamed = renames(old, new)
    found = [*_whole(old, new)]
    before = {renamed.get(step.key, step.key): step for step in old.steps}
    now = {step.key: step for step in new.steps}
    for step in new.steps:
        if step.key not in before:
            found.append(Change(kind="added", what="step", step=step.key, new=_plain(step)))
            continue
        was = before[step.key]
        if was.key != step.key:
            found.append(Change(kind="renamed", what="step", step=step.key, old=was.key, new=step.key))
        found += _step(was, step, renamed)
    for key, step in before.items():
        if key not in now:
            found.append(Change(kind="removed", what="step", step=key, old=_plain(step)))
    return found


def renames(old: Flow, new: Flow) -> dict[str, str]:
    """Old keys of steps to their new ones, of those that were renamed."""
    return _renamed(old.steps, new.steps, "key")


def _renamed(old: Sequence[Named], new: Sequence[Named], key: str) -> dict[str, str]:
    olds, news = {getattr(one, key) for one in old}, {getattr(one, key) for one in new}
    gone = [one for one in old if getattr(one, key) not in news]
    came = [one for one in new if getattr(one, key) not in olds]
    if not gone or len(gone) * len(came) > _MOST_PAIRS:
        return {}
    pairs = sorted(
        ((_likeness(was, now, key), i, j) for i, was in enumerate(gone) for j, now in enumerate(came)),
        key=lambda pair: (-pair[0], pair[1], pair[2]),
    )
    found: dict[str, str] = {}
    taken: set[int] = set()
    for alike, i, j in pairs:
        name = getattr(gone[i], key)
        if alike >= ALIKE and name not in found and j not in taken:
            found[name] = getattr(came[j], key)
            taken.add(j)
    return found


def _likeness(was: Any, now: Any, key: str) -> float:
    if was.type != now.type:
        return 0.0
    parts = [replace(part, **{key: ""}) for part in (was, now)]
    if parts[0] == parts[1]:
        return 1.0
    match = difflib.SequenceMatcher(None, _text(parts[0]), _text(parts[1]), autojunk=False)
    return match.ratio() if match.real_quick_ratio() >= ALIKE and match.quick_ratio() >= ALIKE else 0.0


def _text(part: Any) -> str:
    if isinstance(part, Step):
        part = replace(part, position=None)
    return repr(part)


def _whole(old: Flow, new: Flow) -> Iterator[Change]:
    for name in ("key", "name", "client", "start", "driver"):
        if getattr(old, name) != getattr(new, name):
            yield Change(
                kind="changed", what="flow", name=name, old=getattr(old, name), new=getattr(new, name)
            )
    if old.languages != new.languages:
        yield Change(
            kind="changed", what="flow", name="languages", old=list(old.languages), new=list(new.languages)
        )
    for language in dict.fromkeys((*old.translations, *new.translations)):
        was, now = old.translations.get(language, {}), new.translations.get(language, {})
        for text in dict.fromkeys((*was, *now)):
            if was.get(text) != now.get(text):
                name = f"{language}: {text}"
                yield Change(kind="changed", what="text", name=name, old=was.get(text), new=now.get(text))
    yield from _by_key("variable", "", old.variables, new.variables, "name")
    yield from _by_key("data_source", "", old.data_sources, new.data_sources, "key")
    yield from _by_key("template", "", old.templates, new.templates, "key")
    for name in new.catalogue.__struct_fields__:
        was, now = getattr(old.catalogue, name), getattr(new.catalogue, name)
        if was != now:
            yield Change(kind="changed", what="catalogue", name=name, old=_plain(was), new=_plain(now))


def _by_key(what: What, step: str, old: Sequence[Any], new: Sequence[Any], key: str) -> Iterator[Change]:
    before, now = ({getattr(one, key): one for one in part} for part in (old, new))
    for name, one in now.items():
        if name not in before:
            yield Change(kind="added", what=what, step=step, name=name, new=_plain(one))
        elif before[name] != one:
            yield Change(
                kind="changed", what=what, step=step, name=name, old=_plain(before[name]), new=_plain(one)
            )
    for name, one in before.items():
        if name not in now:
            yield Change(kind="removed", what=what, step=step, name=name, old=_plain(one))


def _step(old: Step, new: Step, renamed: Mapping[str, str]) -> Iterator[Change]:
    key = new.key
    for name in ("title", "fallback_label"):
        if getattr(old, name) != getattr(new, name):
            yield Change(
                kind="changed",
                what="text",
                step=key,
                name=name,
                old=getattr(old, name),
                new=getattr(new, name),
            )
    for name in ("type", "mask", "required_role", "driver", "target_seconds"):
        if getattr(old, name) != getattr(new, name):
            yield Change(
                kind="changed",
                what="step",
                step=key,
                name=name,
                old=getattr(old, name),
                new=getattr(new, name),
            )
    yield from _fields(old, new)
    yield from _list("function", key, old.functions, new.functions, "target")
    yield from _list("cart_action", key, old.cart_actions, new.cart_actions, "action")
    yield from _config(old, new, renamed)
    yield from _routes(old, new, renamed)


def _fields(old: Step, new: Step) -> Iterator[Change]:
    renamed = _renamed(old.fields, new.fields, "name")
    before = {renamed.get(field.name, field.name): field for field in old.fields}
    for field in new.fields:
        was = before.get(field.name)
        if was is None:
            yield Change(kind="added", what="field", step=new.key, name=field.name, new=_plain(field))
            continue
        if was.name != field.name:
            yield Change(
                kind="renamed", what="field", step=new.key, name=field.name, old=was.name, new=field.name
            )
        for name in field.__struct_fields__:
            values = getattr(was, name), getattr(field, name)
            if name != "name" and values[0] != values[1]:
                what: What = "text" if name in ("label", "help") else "field"
                yield Change(
                    kind="changed", what=what, step=new.key, name=f"{field.name}.{name}",
                    old=_plain(values[0]), new=_plain(values[1]),
                )  # fmt: skip
    kept = {field.name for field in new.fields}
    for name, field in before.items():
        if name not in kept:
            yield Change(kind="removed", what="field", step=new.key, name=name, old=_plain(field))
    order = [name for name in before if name in kept]
    if order != [field.name for field in new.fields if field.name in before]:
        yield Change(
            kind="moved",
            what="field",
            step=new.key,
            name="order",
            old=order,
            new=[f.name for f in new.fields],
        )


def _list(what: What, step: str, old: Sequence[Part], new: Sequence[Part], key: str) -> Iterator[Change]:
    """Things without a name of their own, by their place."""
    for place in range(max(len(old), len(new))):
        was = old[place] if place < len(old) else None
        now = new[place] if place < len(new) else None
        if was != now:
            kind: Kind = (
                "changed" if was is not None and now is not None else "added" if was is None else "removed"
            )
            name = f"{place}: {getattr(now if now is not None else was, key)}"
            yield Change(kind=kind, what=what, step=step, name=name, old=_plain(was), new=_plain(now))


def _config(old: Step, new: Step, renamed: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys((*old.config, *new.config)):
        was, now = old.config.get(name), new.config.get(name)
        if name.startswith("on_") and isinstance(was, str):
            was = renamed.get(was, was)
        if was != now:
            kind: Kind = (
                "changed"
                if name in old.config and name in new.config
                else "added"
                if name in new.config
                else "removed"
            )
            what: What = "text" if name in ("body", "verbatim") else "config"
            yield Change(kind=kind, what=what, step=new.key, name=name, old=was, new=now)


def _routes(old: Step, new: Step, renamed: Mapping[str, str]) -> Iterator[Change]:
    before = [replace(route, to=renamed.get(route.to, route.to)) for route in old.routes]
    fallback = renamed.get(old.fallback, old.fallback)
    if fallback != new.fallback:
        yield Change(
            kind="changed", what="route", step=new.key, name="fallback", old=fallback, new=new.fallback
        )
    match = difflib.SequenceMatcher(None, [_text(one) for one in before], [_text(one) for one in new.routes])
    gone: list[tuple[int, Route]] = []
    came: list[tuple[int, Route]] = []
    for tag, a, b, c, d in match.get_opcodes():
        if tag != "equal":
            gone += list(enumerate(before))[a:b]
            came += list(enumerate(new.routes))[c:d]
    for place, route in came:
        was = next((one for one in gone if one[1] == route), None)
        same = next((one for one in gone if route.label and one[1].label == route.label), None)
        pair = was or same
        if pair is None:
            yield Change(
                kind="added", what="route", step=new.key, name=_name(place, route), new=_plain(route)
            )
            continue
        gone.remove(pair)
        kind: Kind = "moved" if was is not None else "changed"
        yield Change(
            kind=kind,
            what="route",
            step=new.key,
            name=_name(place, route),
            old=_plain(pair[1]),
            new=_plain(route),
        )
    for place, route in gone:
        yield Change(kind="removed", what="route", step=new.key, name=_name(place, route), old=_plain(route))


def _name(place: int, route: Route) -> str:
    return f"{place}: {route.label or route.to}"


def _plain(value: Any) -> Any:
    return msgspec.to_builtins(value)
