"""What server and seat say of the calls that flow agents are ordered to make: `/v1/orders`.

Rules:
- A poke with `orders` set says that something waits; a seat asks by itself as well.
- What is dialled is `NUMBER`, and seat and server each look: no feature code, no address.
- A seat takes an order before it dials. Taking is done once; the one who took it may ask again with the
  same `taker` until the order expires: its answer may have been lost.
"""

from __future__ import annotations

import re
from typing import Any, Literal

import msgspec

NUMBER = re.compile(r"\+?[0-9]{2,30}")

OrderState = Literal["waiting", "taken", "answered", "ended", "refused", "expired", "lost"]
"""`refused`: nobody was called. `expired`: no seat took it in time. `lost`: taken, and nothing came of it."""
Reported = Literal["answered", "ended", "refused"]


class WaitingOrders(msgspec.Struct, frozen=True, kw_only=True):
    """Orders for this seat that nobody has taken, the oldest first."""

    orders: tuple[str, ...]


class TakeOrder(msgspec.Struct, frozen=True, kw_only=True):
    """`taker`: chosen at random by the process of the seat that will dial."""

    taker: str


class CallOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Call `to`, and let this document speak. `sha256`: of `document`, in hex."""

    order: str
    agent: str
    version: int
    sha256: str
    document: bytes
    to: str
    parameters: dict[str, Any] = {}


class OrderReport(msgspec.Struct, frozen=True, kw_only=True):
    """What has become of an order; `reason` in words or as the conversation's own (`end_call`)."""

    state: Reported
    reason: str = ""


class OrderHeard(msgspec.Struct, frozen=True, kw_only=True):
    """The server's state of the order after a report."""

    state: OrderState
