"""Settings of the agent's day: states, wrap-up, queues, directory, voicemail."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from halodesk.engine.errors import SettingsError
from halodesk.engine.patterns import pattern_problem


class AgentRules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When calls are offered to the agent, and what is owed after one."""

    reasons: tuple[str, ...] = ("Break", "Lunch", "Training", "Meeting")
    """Why somebody is not ready; none: no reason is asked for."""
    at_start: Literal["as_left", "ready", "not_ready"] = "as_left"
    missed_not_ready: bool = True
    """A call that rang in vain makes the agent not ready: nobody sits there."""
    missed_after_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 10.0
    """A caller who gave up sooner than this was not missed by the agent."""
    direct_calls: Literal["ring", "busy"] = "ring"
    """What calls do that ring all the same while the agent is not ready."""
    wrap_up_s: Annotated[int, msgspec.Meta(ge=0, le=3600)] = 0
    """Time after a call before the next one is offered; 0: as long as its session is open."""
    wrap_up_more_s: Annotated[int, msgspec.Meta(ge=5, le=3600)] = 60
    """What one press on "more time" adds."""
    dispositions: tuple[str, ...] = ()
    """Outcomes to choose from after a call whose flow asked for none."""
    force_disposition: bool = False
    """Nobody is ready again before the call has an outcome."""


class QueueCodes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Numbers to dial on a PBX that takes feature codes; empty: it has none for that."""

    log_in: str = ""
    log_out: str = ""
    pause: str = ""
    unpause: str = ""


class QueueManager(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The manager interface of an Asterisk: a user with `read = agent` and `write = agent`."""

    host: str
    port: int = 5038
    username: str = ""
    secret: str = ""
    tls: bool = False


class Queues(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The queues this seat works in, and how the PBX is told."""

    control: Literal["ami", "codes"]
    names: tuple[str, ...] = ()
    interface: str = ""
    """The member as the PBX calls it; empty: `PJSIP/` and the user of the first account."""
    penalty: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 0
    ami: QueueManager | None = None
    codes: QueueCodes = QueueCodes()


class Directory(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where contacts come from, and whose lamps are watched."""

    files: tuple[str, ...] = ()
    """CSV, JSON or vCard files (`.csv`, `.json`, `.vcf`)."""
    data: str = ""
    """Name of a connection of `data` whose rows are contacts, too."""
    query: str = ""
    """What that connection is asked, where it has a query language."""
    lamps: str = ""
    """Numbers that have a lamp, as a pattern; empty: none is watched."""


class Voicemail(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The mailbox of this seat (RFC 3842)."""

    number: str = ""
    """Dialled to hear the messages."""
    mailbox: str = ""
    """User of the mailbox; empty: that of the first account."""


def check_lamps(found: Directory) -> None:
    """Raises `SettingsError` for a pattern that is none."""
    problem = pattern_problem(found.lamps)
    if problem:
        raise SettingsError(f"`lamps` of `directory` is no pattern: {problem}.", "Correct it.")


def check_queues(found: Queues) -> None:
    """Raises `SettingsError` for queues that could never be told."""
    if found.control == "ami" and (found.ami is None or not found.names):
        raise SettingsError(
            "`queues` with the control “ami” needs `ami` and `names`.", "See docs/it.md for every setting."
        )
    if found.control == "codes" and not any(
        (found.codes.log_in, found.codes.log_out, found.codes.pause, found.codes.unpause)
    ):
        raise SettingsError("`queues` with the control “codes” needs `codes`.", "Name at least one code.")


def interface_of(found: Queues, uri: str) -> str:
    """The queue member this seat is; `uri`: SIP address of its first account."""
    return found.interface or f"PJSIP/{user_of(uri)}"


def user_of(uri: str) -> str:
    """The user part of a SIP address."""
    return uri.removeprefix("sips:").removeprefix("sip:").partition("@")[0]
