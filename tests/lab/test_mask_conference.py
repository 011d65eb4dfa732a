"""Masks over several legs on a real Asterisk that records each leg's channel to a file of its own.

What counts are those files: silent as long as the lease said "held", and not outside of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile

from halodesk.protocol.phone_link import CallInfo
from tests.lab.pbx import Pbx
from tests.lab.phones import Seat, read_closed
from tests.lab.test_conference_pbx import Table
from tests.lab.test_mask_pbx import Desk, desk, sound

pytestmark = [pytest.mark.lab]

FRAME_S = 0.02


@pytest.fixture
def table(pbx: Pbx, seats: Callable[..., Seat], tmp_path: Path) -> Table:
    return Table(pbx, seats, tmp_path)


def call_of(table: Table, key: str) -> CallInfo:
    (found,) = [call for call in table.agent.client.snapshot.calls if call.key == key]
    return found


@asynccontextmanager
async def seat_of(pbx: Pbx, table: Table) -> AsyncIterator[Desk]:
    async with desk(pbx, call_of(table, table.key)) as one:
        yield one


async def record(one: Desk, account: str, file: Path) -> None:
    channel = await one.other.channel(account)
    await one.other.does("MixMonitor", Channel=channel, File=file.name)


async def blanked(one: Desk) -> None:
    """Wait until the mask was taken away and is held again."""
    async with asyncio.timeout(20):
        while not {"lost", "held"} <= {state.state for _, state in one.said}:
            one._news.clear()
            await one._news.wait()
    await one.at_last("held")


def silences(file: Path, longer_than: float) -> list[tuple[float, float, float]]:
    """Start, length, and what is left of the file after it (s), of each silence among the tones."""
    samples, rate = read_closed(file)
    size = int(rate * FRAME_S)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    loud = np.flatnonzero(np.abs(frames).max(axis=1) > 0.001)
    gaps = [(a, b) for a, b in pairwise(loud) if (b - a - 1) * FRAME_S > longer_than]
    return [(float(a) * FRAME_S, float(b - a - 1) * FRAME_S, float(loud[-1] - b) * FRAME_S) for a, b in gaps]


def test_a_conference_is_masked_on_both_legs(table: Table, pbx: Pbx) -> None:
    files = [pbx.recordings / name for name in ("customer-leg.wav", "third-leg.wav")]
    window: list[float] = []
    table.consult()
    table.merge()

    async def scene() -> None:
        async with seat_of(pbx, table) as one:
            for account, file in zip(("1004", "1005"), files, strict=True):
                await record(one, account, file)
            await sound(1.0)
            beside = [(one.control, call_of(table, "leg").sip_call_id)]
            one.leases.hold("card", one.call.sip_call_id, [one.control], one._heard, beside=beside)
            window.append(await one.at_last("held"))
            name = one.control.name
            held = one.leases.state("card")
            assert held is not None
            assert held.confirmed_by == (name, f"{name}, call 2")
            assert all("on 1 PBX channel" in answer.detail for answer in held.answers), held
            await sound(1.5)
            one.leases.release("card")
            window.append(await one.at_last("open"))
            await sound(1.0)

    asyncio.run(scene())
    table.agent.hang_up("leg")
    table.agent.hang_up(table.key)
    for file in files:
        ((begins, lasts, after),) = silences(file, 0.4)
        assert begins > 0.7, file
        assert lasts == pytest.approx(window[1] - window[0], abs=0.15), file
        assert after > 0.7, file


def test_a_consultation_that_begins_on_a_masked_page_is_masked_and_ends_without_a_word(
    table: Table, pbx: Pbx
) -> None:
    first, second = pbx.recordings / "customer-own.wav", pbx.recordings / "consulted.wav"

    async def scene() -> None:
        async with seat_of(pbx, table) as one:
            await record(one, "1004", first)
            await sound(0.7)
            one.hold()
            await one.reaches("wanted", "held")
            await asyncio.to_thread(table.consult)
            leg = call_of(table, "leg").sip_call_id
            one.leases.legs_are(one.call.sip_call_id, [(one.control, leg)])
            # Nothing records it yet, and the PBX says so: held, though recordings are expected of callers.
            await blanked(one)
            await record(one, "1005", second)
            await blanked(one)
            await asyncio.to_thread(table.merge)
            await sound(1.0)
            one.leases.release("card")
            await one.at_last("open")
            await sound(1.0)
            one.hold()
            await one.reaches("wanted", "held")
            one.leases.legs_are(one.call.sip_call_id, [(one.control, leg)])
            await blanked(one)
            await asyncio.to_thread(table.agent.hang_up, "leg")
            one.leases.call_ended(leg)
            await sound(1.5)
            assert {state.state for _, state in one.said} <= {"held"}, one.said
            one.leases.release("card")
            await one.at_last("open")
            await sound(0.5)

    asyncio.run(scene())
    table.agent.hang_up(table.key)
    samples, rate = soundfile.read(second, dtype="float64")
    loud = np.flatnonzero(np.abs(samples) > 0.001) / rate
    assert len(loud), "it records after the release"
    assert (loud < 0.8).sum() / rate <= 0.1, "what a recording that starts later may leak"
    assert len(silences(first, 0.8)) == 2
