"""What every message between seat and phone has."""

from __future__ import annotations

import msgspec


class Message(msgspec.Struct, frozen=True, tag_field="type", kw_only=True):
    """`rid`: chosen by the seat for a request, repeated by its reply; 0 in a notice."""

    rid: int = 0
