"""start: picks the flow for the call and shows who is calling."""

from __future__ import annotations

import msgspec

from halodesk.engine.steps.base import Plain


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`did_patterns`: RE2, full match of the dialled number. `queues`: `X-Queue` values."""

    campaigns: tuple[str, ...] = ()
    did_patterns: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    body: str = ""


class Start(Plain):
    """A page with the caller's data and the first question."""

    name = "start"
    config_type = Config


TYPE = Start()
