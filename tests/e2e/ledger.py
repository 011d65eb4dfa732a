"""The sandbox gateway's own account of what it charged: the last word on "charged once"."""

from __future__ import annotations

from pathlib import Path

import msgspec

from halodesk.demo.gateway.ledger import Charge

LEDGER = "charges.jsonl"


def charges(file: Path) -> list[Charge]:
    """Every charge that was made or declined, in order."""
    if not file.exists():
        return []
    return [msgspec.json.decode(line, type=Charge) for line in file.read_bytes().splitlines()]


def approved(file: Path) -> list[Charge]:
    """The charges that moved money."""
    return [
        charge
        for charge in charges(file)
        if charge.status == "approved" and charge.kind in ("sale", "authorize")
    ]
