"""What a seat and the server say to each other about masking: one websocket, `/v1/mask`, JSON.

Rules:
- The seat asks, the server answers each question once, under its number. Asking again is how a
  lease is renewed; nothing is remembered of a question that was not answered.
- A seat has one line: a newer one ends the older, and what still comes over that is not done. A
  question that was stuck on its way can so never undo a later one.
- `was`: the call went on under another SIP Call-ID (its phone was replaced). It is said until an
  answer came.
- News come unasked, about a call that this seat has masked. They can only take away: whatever they
  say, the seat asks again.
"""

from __future__ import annotations

from typing import Literal

import msgspec

MASK_PATH = "/v1/mask"
LARGEST_MASK_MESSAGE = 4096
"""Bytes, either way."""
LONGEST_CALL_ID = 255

Verdict = Literal["confirmed", "unconfirmed", "failed"]


class MaskAsk(msgspec.Struct, frozen=True, kw_only=True):
    """Mask or unmask every recorder of this call (SIP Call-ID). `lease` is for the record alone."""

    id: int
    act: Literal["mask", "unmask"]
    call: str
    lease: str = ""
    was: str = ""


class MaskAnswer(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="answer"):
    """What all recorders together proved; the worst word counts. `code` is set where it was refused."""

    id: int
    verdict: Verdict
    detail: str = ""
    todo: str = ""
    code: str = ""


class MaskNews(msgspec.Struct, frozen=True, kw_only=True, tag_field="type", tag="news"):
    """What a recorder said of a masked call between two questions."""

    call: str
    verdict: Verdict
    detail: str = ""
    todo: str = ""


FromMaskServer = MaskAnswer | MaskNews
