"""A call's state at pjsua2 as the seat knows it, and the SIP message that brought it."""

from __future__ import annotations

import pjsua2 as pj
from msgspec.structs import replace

from halodesk.protocol.phone_link import CallInfo, CallState

OUTGOING: dict[int, CallState] = {
    pj.PJSIP_INV_STATE_CALLING: "outgoing",
    pj.PJSIP_INV_STATE_EARLY: "early",
    pj.PJSIP_INV_STATE_CONNECTING: "connecting",
    pj.PJSIP_INV_STATE_CONFIRMED: "active",
}
INCOMING: dict[int, CallState] = {
    pj.PJSIP_INV_STATE_INCOMING: "incoming",
    pj.PJSIP_INV_STATE_EARLY: "incoming",
    pj.PJSIP_INV_STATE_CONNECTING: "connecting",
    pj.PJSIP_INV_STATE_CONFIRMED: "active",
}
RESCUED: dict[int, CallState] = {
    pj.PJSIP_INV_STATE_CALLING: "connecting",
    pj.PJSIP_INV_STATE_EARLY: "connecting",
    pj.PJSIP_INV_STATE_CONNECTING: "connecting",
    pj.PJSIP_INV_STATE_CONFIRMED: "active",
}


def table_of(info: CallInfo) -> dict[int, CallState]:
    """pjsua2's states as those of a call of this kind."""
    if info.rescued_from:
        return RESCUED
    return INCOMING if info.direction == "in" else OUTGOING


def message_of(event: pj.SipEvent) -> str:
    """The SIP message that brought a change of state; empty when a timer did."""
    body = event.body  # parts of a pj struct do not keep it alive
    if event.type == pj.PJSIP_EVENT_TX_MSG:
        return str(body.txMsg.tdata.wholeMsg)
    if event.type == pj.PJSIP_EVENT_RX_MSG:
        return str(body.rxMsg.rdata.wholeMsg)
    if event.type == pj.PJSIP_EVENT_TSX_STATE:
        source = body.tsxState.src
        return str(
            source.tdata.wholeMsg if body.tsxState.type == pj.PJSIP_EVENT_TX_MSG else source.rdata.wholeMsg
        )
    return ""


def transfer_ended(info: CallInfo, referred: bool, code: int) -> CallInfo:
    """What became of a transfer whose call has ended: a PBX that took the caller has accepted.

    `referred`: the PBX had been asked to; `code`: what it last said of it, 0 for nothing.
    """
    if info.transfer == "asked":
        done = referred and code < 300
        why = "" if done else "The caller hung up before."
        info = replace(info, transfer="done" if done else "failed", transfer_reason=why)
    if info.transfer == "done":
        info = replace(info, reason=f"Handed over to {info.transfer_to}.")
    return info
