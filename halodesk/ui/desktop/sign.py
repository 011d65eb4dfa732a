"""The seat in one sign and a few words: what the tray shows."""

from __future__ import annotations

from typing import Literal, NamedTuple

from PySide6.QtCore import QCoreApplication

from halodesk.protocol.phone_link import CallInfo
from halodesk.runtime.desktop_ports import ReadinessPort
from halodesk.runtime.ports import DeskPort
from halodesk.ui.parts.mask_words import mask_words
from halodesk.ui.parts.words import phone_words

Kind = Literal["ready", "not_ready", "ringing", "call", "masked", "trouble"]


class Sign(NamedTuple):
    """`words`: one line for the tip of the tray's icon; names nobody's secret."""

    kind: Kind
    words: str


def caller_words(call: CallInfo) -> str:
    """Who is at the other end."""
    return call.remote_name or phone_words(call.remote_number) or call.remote_uri


def sign_of(desk: DeskPort, readiness: ReadinessPort | None = None) -> Sign:
    """The most important first: a mask cannot be missed, a ringing call must not be."""
    tr = QCoreApplication.translate
    page, call = desk.page, desk.call
    if page is not None and not page.ended and page.mask.phase != "none":
        return Sign("masked" if page.mask.phase == "held" else "trouble", mask_words(page.mask).short)
    ringing = call if call is not None and call.state == "incoming" else desk.waiting
    if ringing is not None:
        return Sign("ringing", tr("tray", "{who} is calling").format(who=caller_words(ringing)))
    hand = desk.hand
    if hand is not None and hand.state != "ended":
        words = tr("tray", "In a call with {who}").format(who=caller_words(hand))
        if hand.microphone_muted:
            words = tr("tray", "{words}, microphone off").format(words=words)
        return Sign("call", words)
    if desk.phone_problem is not None:
        return Sign("trouble", desk.phone_problem.message)
    line = desk.registration
    if line is not None and line.state == "failed":
        return Sign("trouble", line.message or tr("tray", "The telephone line is down."))
    if desk.storage.state == "failed":
        return Sign("trouble", desk.storage.message)
    if readiness is not None and not readiness.ready:
        return Sign("not_ready", readiness.words or tr("tray", "Not ready"))
    return Sign("ready", tr("tray", "Ready for calls"))
