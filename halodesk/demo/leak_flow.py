"""The flow of `halodesk leak-test`: the sample's payment, and every kind of secure box on each sort of page.

Made of what ships, so that a kind of secret that is added later is on these pages by itself.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from halodesk.demo.stage import SAMPLE
from halodesk.engine.fields.encrypted import KINDS

PLAIN = "plain"
PLAIN_FIELDS = ("remark", "story")
SEALED_PAGES = ("on_a_script", "off_the_record")
"""A page of texts under a mask, and one that is there for the mask."""
CAPTURED = ("card_number", "cvv")
"""Kinds that may live in memory only (PCI DSS 4.0.1, 3.3.1)."""


def box(page: str, kind: str) -> str:
    """Name of the secure box of a kind on a page."""
    return f"{page}_{kind}"


def write(path: Path) -> None:
    """The flow's document."""
    flow: dict[str, Any] = msgspec.json.decode(SAMPLE.read_bytes())
    steps = {step["key"]: step for step in flow["steps"]}
    flow |= {"key": "leak-test", "name": "Leak test"}
    start = steps["start"]
    start["routes"][0]["to"] = PLAIN
    start["cart_actions"] = [{"action": "add_item", "args": {"item": "nap-enhancer", "quantity": 1}}]
    fields = [
        {"name": name, "type": kind, "label": name.title()}
        for name, kind in zip(PLAIN_FIELDS, ("text", "text_area"), strict=True)
    ]
    plain: dict[str, Any] = {
        "key": PLAIN,
        "type": "script",
        "title": "Plain boxes",
        "config": {"body": "> Anything else?"},
    }
    plain |= {"fields": fields, "fallback": "payment"}
    steps["confirmation"]["fallback"] = SEALED_PAGES[0]
    pages = [
        _page(SEALED_PAGES[0], "script", {"mask": True}, SEALED_PAGES[1]),
        _page(SEALED_PAGES[1], "mask_call", {}, "end"),
    ]
    flow["steps"] += [plain, *pages]
    path.write_bytes(msgspec.json.encode(flow))


def _page(key: str, kind: str, more: dict[str, Any], then: str) -> dict[str, Any]:
    fields = [
        {
            "name": box(key, secret),
            "type": "encrypted",
            "kind": secret,
            "retention": "capture" if secret in CAPTURED else "sealed",
            "label": secret.replace("_", " ").title(),
        }
        for secret in KINDS
    ]
    step = {"key": key, "type": kind, "title": key.replace("_", " ").title(), "fields": fields}
    return {**step, "config": {"body": "> The recording is paused now."}, "fallback": then, **more}
