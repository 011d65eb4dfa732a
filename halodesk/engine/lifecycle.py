"""Lifecycle of a flow's versions: draft, testing, active, archived.

Rules:
- The state is kept beside the document, by the hash of its content: the document is signed and
  never changes for a state. Any edit is another content, and so another draft.
- draft → testing → active → archived; from testing back to draft. Nothing else: an active or
  archived version is not edited, a copy of it is (fork).
- One version of a flow is active; another that becomes active archives it.
- A version becomes active by being published: it has a number then, as the server's catalogue
  counts, and never another.
- What must hold before a move (the health check, the test cases) is settled by who asks for it.
"""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec.structs import replace

from halodesk.engine.commands import Refused
from halodesk.engine.errors import DocumentError
from halodesk.engine.flow import Flow, content_hash

State = Literal["draft", "testing", "active", "archived"]
SCHEMA = 1
NEXT: dict[State, tuple[State, ...]] = {
    "draft": ("testing",),
    "testing": ("draft", "active"),
    "active": ("archived",),
    "archived": (),
}


class Move(msgspec.Struct, frozen=True, kw_only=True):
    """One change of state. `at`: Unix seconds."""

    to: State
    at: float
    by: str = ""


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """One content of a flow. `number` 0: never published."""

    content: str
    state: State = "draft"
    number: int = 0
    moves: tuple[Move, ...] = ()


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a fork was copied from."""

    flow: str
    version: int
    content: str


class Lifecycle(msgspec.Struct, frozen=True, kw_only=True):
    """All versions of a flow that have left draft, the oldest first."""

    flow: str
    schema: int = SCHEMA
    forked_from: Origin | None = None
    versions: tuple[Version, ...] = ()

    def of(self, content: str) -> Version:
        """The version of that content; a draft where nothing is known of it."""
        return next((one for one in self.versions if one.content == content), Version(content=content))

    @property
    def active(self) -> Version | None:
        """The version on which new sessions begin, as far as is known here."""
        return next((one for one in self.versions if one.state == "active"), None)


def content_of(flow: Flow) -> str:
    """Hash of what a flow says, whatever number it carries."""
    return content_hash(replace(flow, version=0))


def move(
    known: Lifecycle, content: str, to: State, *, at: float, by: str, number: int = 0
) -> Lifecycle | Refused:
    """The lifecycle after a version has changed its state. `number`: the one it was published under."""
    version = known.of(content)
    if to not in NEXT[version.state]:
        return _refused(version.state, to)
    if to == "active" and not (number or version.number):
        return Refused(
            code="not_published",
            message="A version becomes active by being published.",
            todo="Run: halodesk flow publish FILE",
        )
    return _with(known, replace(version, number=number or version.number), to, at=at, by=by)


def published(known: Lifecycle, content: str, number: int, *, at: float, by: str) -> Lifecycle:
    """The lifecycle after a publish: the version is active under its number, whatever it was before.

    An archived one may come back by it: that is a rollback.
    """
    version = replace(known.of(content), number=number)
    return known if version.state == "active" else _with(known, version, "active", at=at, by=by)


def _with(known: Lifecycle, version: Version, to: State, *, at: float, by: str) -> Lifecycle:
    done = Move(to=to, at=at, by=by)
    moved = replace(version, state=to, moves=(*version.moves, done))
    others = [one for one in known.versions if one.content != version.content]
    if to == "active":
        others = [
            replace(one, state="archived", moves=(*one.moves, Move(to="archived", at=at, by=by)))
            if one.state == "active"
            else one
            for one in others
        ]
    return replace(known, versions=(*others, moved))


def fork(flow: Flow, key: str, name: str = "") -> tuple[Flow, Lifecycle]:
    """A draft of its own with the same content, and where it came from."""
    copy = replace(flow, key=key, name=name or f"{flow.name} (copy)", version=0)
    origin = Origin(flow=flow.key, version=flow.version, content=content_of(flow))
    return copy, Lifecycle(flow=key, forked_from=origin)


def load(data: bytes) -> Lifecycle:
    """Raises `DocumentError` where this is no state file, or one of a newer version."""
    try:
        found = msgspec.json.decode(data, type=Lifecycle)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DocumentError(
            "", f"the state of a flow, and this is not: {error}", "Restore the file."
        ) from None
    if found.schema > SCHEMA:
        raise DocumentError("/schema", f"a schema up to {SCHEMA}", "Update HaloDesk.")
    return found


def dump(known: Lifecycle) -> bytes:
    """As JSON, two spaces of indent."""
    return msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n"


def _refused(state: State, to: State) -> Refused:
    if state == to:
        return Refused(code="same_state", message=f"This version is {state} already.")
    if state == "archived":
        return Refused(
            code="archived",
            message="An archived version stays as it is.",
            todo="Fork it: halodesk flow fork FILE --key NEW",
        )
    if state == "active":
        return Refused(
            code="active",
            message=f"Callers are served by this version: it cannot become {to}, only archived.",
            todo="Change a copy of the file and publish that.",
        )
    if to == "active":
        return Refused(
            code="untested",
            message="A draft is tested before callers are served by it.",
            todo="Move it to testing first.",
        )
    return Refused(
        code="no_such_move",
        message=f"From {state} a version cannot become {to}.",
        todo=f"Possible: {', '.join(NEXT[state])}.",
    )
