"""What stands behind the page of a replay: the call as it was, and no way to change anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec.structs import replace
from PySide6.QtCore import QCoreApplication

from halodesk.engine.commands import Command, Refused
from halodesk.engine.page import FieldView, Page
from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.ports import SecretView
from halodesk.runtime.review import Review


class ReplayDesk:
    """`PagePort` of a recorded session."""

    def __init__(self) -> None:
        self.call: CallInfo | None = None
        self.drafts: Mapping[str, Any] = {}

    def show_moment(self, review: Review, at_s: float) -> None:
        """The call as it was then."""
        facts, began = review.call, review.line.started_at
        if facts.direction == "none":
            self.call = None
            return
        left = review.call_left_s is not None and at_s >= review.call_left_s
        self.call = CallInfo(
            key="",
            sip_call_id=facts.sip_call_id,
            account="",
            direction=facts.direction,
            state="ended" if left else "active",
            remote_number=facts.number,
            remote_name=facts.name,
            called=facts.called,
            headers=facts.headers,
            answered_at=began,
            ended_at=began + (review.call_left_s or 0.0) if left else None,
        )

    def do(self, command: Command) -> Refused | None:
        """What was cannot be changed."""
        return Refused(code="replay", message="This is a recorded session.")

    def draft(self, field: str, raw: Any) -> None:
        """Nothing is typed here."""

    def secret(self, field: str) -> SecretView:
        """Secrets were never recorded."""
        return SecretView()

    def type_secret(self, field: str, digit: str) -> SecretView:
        """Nothing is typed here."""
        return SecretView()

    def erase_secret(self, field: str, *, all_digits: bool = False) -> SecretView:
        """Nothing is typed here."""
        return SecretView()


def as_it_was(page: Page) -> Page:
    """The page as the agent saw it, with nothing to press."""
    fields = tuple(_closed(field) for field in page.fields)
    return replace(page, fields=fields, can_go_back=False, back_refusal="")


def _closed(field: FieldView) -> FieldView:
    if field.type != "encrypted":
        return replace(field, read_only=True)
    tr = QCoreApplication.translate
    words = tr("replay", "Filled. Never recorded.") if field.filled else tr("replay", "Empty")
    if field.filled and field.retention == "sealed":
        words = tr("replay", "Sealed. Two holders can open it.")
    return replace(field, locked=True, why=words, reads="")
