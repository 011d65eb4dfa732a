"""Sends a request to an outside system, and finds out what became of it.

Rules:
- Tried again only where nothing was sent, or where a second time does nothing a second time.
- No answer, or a server's fault (5xx), to a request that changes something is `unknown`: it may
  have been done. Then it is asked what became of it (`find_out`), or it is sent again under the
  same key; without either it stays unknown.
- "Not found" settles a `find_out` only when it is said twice in a row: the request may still be
  on its way the first time.
- Only the values asked for leave this module; the answer itself is kept nowhere.
"""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from halodesk.engine import json_path
from halodesk.engine.commands import Resolve
from halodesk.engine.conditions import holds
from halodesk.engine.effects import HttpCall
from halodesk.engine.flow import Condition
from halodesk.runtime.effect_ports import HttpAnswer, HttpPort
from halodesk.runtime.effects import base
from halodesk.runtime.effects.base import Job, Ports, Tell

KINDS = (HttpCall.kind,)
RETRY_FIRST_S = 0.5
_LATER = (408, 425, 429)
"""Status of a request that was not worked on and may be sent again (RFC 9110, 6585, 8470)."""


async def run(job: Job, ports: Ports, tell: Tell) -> Resolve | None:
    """Success, failure, or unknown until it is found out."""
    if ports.http is None:
        return job.answer("failed", reason="This seat is not connected to other systems.")
    call = msgspec.convert(job.ask.args, HttpCall)
    answer = None
    if not job.again or call.harmless:
        answer = await _send(ports.http, call, job)
        if answer.outcome != "unknown":
            return answer
    tell(answer or job.answer("unknown", reason="HaloDesk was restarted. It is not known what became of it."))
    return await _find_out(ports.http, call, job)


async def _send(port: HttpPort, call: HttpCall, job: Job) -> Resolve:
    wait = RETRY_FIRST_S
    for left in range(call.retries, -1, -1):
        answer = await port.send(call, key=job.key)
        read = _read(call, answer, job)
        again = answer.verdict == "not_sent" or answer.status in _LATER
        again = again or (call.harmless and (answer.verdict == "no_answer" or answer.status >= 500))
        if read.outcome == "ok" or not again or not left:
            break
        await asyncio.sleep(wait)
        wait = min(wait * 2, base.QUERY_LONGEST_S)
    return read


async def _find_out(port: HttpPort, call: HttpCall, job: Job) -> Resolve | None:
    wait, missing = base.QUERY_FIRST_S, 0
    while call.find_out is not None or call.harmless:
        await asyncio.sleep(wait)
        wait = min(wait * 2, base.QUERY_LONGEST_S)
        if call.find_out is None:
            read = _read(call, await port.send(call, key=job.key), job)
            if read.outcome != "unknown":
                return read
            continue
        answer = await port.find_out(call, key=job.key)
        found = answer.verdict == "answered" and _proves(call.find_out.found, answer)
        if found:
            return job.answer("ok", status=answer.status, values=_values(call, _document(answer)))
        missing = missing + 1 if answer.verdict == "answered" and answer.status in (404, 410) else 0
        if missing == 2:
            return job.answer("failed", status=answer.status, reason="It did not arrive at the other system.")
    return None


def _read(call: HttpCall, answer: HttpAnswer, job: Job) -> Resolve:
    if answer.verdict == "not_sent":
        return job.answer("failed", reason=answer.reason or "The other system could not be reached.")
    reading = call.method in ("GET", "HEAD")
    if answer.verdict == "no_answer":
        reason = answer.reason or "The other system has not answered."
        return job.answer("failed" if reading else "unknown", reason=reason)
    values = _values(call, _document(answer))
    if _proves(call.success, answer):
        return job.answer("ok", status=answer.status, values=values)
    reason = answer.reason or f"The other system said no (status {answer.status})."
    if answer.status >= 500 and not reading:
        return job.answer("unknown", status=answer.status, reason=reason)
    return job.answer("failed", status=answer.status, values=values, reason=reason)


def _proves(conditions: tuple[dict[str, Any], ...], answer: HttpAnswer) -> bool:
    if not conditions:
        return 200 <= answer.status < 300
    known = {"status": answer.status, "body": _document(answer)}
    return holds(msgspec.convert(conditions, tuple[Condition, ...]), known)


def _document(answer: HttpAnswer) -> Any:
    try:
        return msgspec.json.decode(answer.body) if answer.body else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _values(call: HttpCall, document: Any) -> dict[str, Any]:
    return {name: json_path.pick(document, path) for name, path in call.pick.items()}
