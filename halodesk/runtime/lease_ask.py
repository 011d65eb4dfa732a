"""Asks the recorders of a call, one request at a time for each, for as long as the call wants something.

Rules: those of `lease`; here is what concerns time.
- Each recorder is asked again every `period_s`, and has `answer_s` for its answer.
- One request at a time for each booking, also when we have stopped waiting for it: a mask is never on
  its way beside an unmask. A recorder that cannot even be cancelled is not asked again: failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import msgspec

from halodesk.runtime.lease_book import Book, Booked, Call
from halodesk.runtime.ports import RecorderAnswer

Answered = Callable[[Call, Booked, bool, int, RecorderAnswer], None]
"""Call, booking, whether it was asked to mask, epoch of the request, answer."""


class Asking:
    """Drives bookings; `answered` hears each answer at once."""

    def __init__(self, book: Book, answered: Answered, *, period_s: float, answer_s: float) -> None:
        self._book, self._answered = book, answered
        self._period_s, self._answer_s = period_s, answer_s

    async def drive(self, call: Call, booked: Booked) -> None:
        """Ask until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(max(0.0, booked.not_before - loop.time()))
            booked.kick.clear()
            began, masking, epoch = loop.time(), call.masking, call.epoch
            if booked.pushed:
                booked.pushed, booked.pushed_at = False, began
            request = loop.create_task(self._request(call, booked, masking))
            try:
                await asyncio.wait([request], timeout=self._answer_s)
                self._answered(call, booked, masking, epoch, self._word(booked, request))
            finally:
                request.cancel()
                # Not before it has really ended may the next one go out.
                await asyncio.wait([request])
                if not request.cancelled():
                    request.exception()
            if not call.masking and booked.proved >= 0:
                await booked.kick.wait()
                continue
            try:
                async with asyncio.timeout_at(began + self._period_s):
                    await booked.kick.wait()
            except TimeoutError:
                pass

    async def _request(self, call: Call, booked: Booked, masking: bool) -> RecorderAnswer:
        sip_call_id, token = call.asked_as(booked)
        if masking:
            return await booked.control.mask(sip_call_id, token)
        if self._book.masked_elsewhere(call, booked):
            words = "It stays paused for another call."
            return RecorderAnswer(recorder=booked.name, verdict="confirmed", detail=words)
        return await booked.control.unmask(sip_call_id, token)

    def _word(self, booked: Booked, request: asyncio.Task[RecorderAnswer]) -> RecorderAnswer:
        name = booked.name
        if not request.done():
            detail = f"{name} did not answer within {self._answer_s:.1f} s."
            return RecorderAnswer(recorder=name, verdict="failed", detail=detail)
        if not request.cancelled() and (problem := request.exception()) is None:
            answer = request.result()
            return msgspec.structs.replace(answer, recorder=name) if booked.leg else answer
        # The port says it never raises; one that does has surely not proved anything.
        why = "cancelled" if request.cancelled() else type(problem).__name__
        return RecorderAnswer(recorder=name, verdict="failed", detail=f"{name} failed ({why}).")
