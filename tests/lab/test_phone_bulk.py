"""Many calls with sipp, in and out: none fails, and memory stays flat."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from halodesk.protocol.phone_link import Register
from tests.lab import bulk
from tests.lab.bulk import Counted
from tests.lab.phones import Seat
from tests.lab.test_phone_sipp import DIRECT

pytestmark = [pytest.mark.lab]

Run = Callable[[Seat, Path, int], Counted]


@pytest.mark.parametrize("run", [bulk.calls_in, bulk.calls_out], ids=["in", "out"])
@pytest.mark.parametrize("count", [20, pytest.param(400, marks=pytest.mark.slow)])
def test_no_call_of_many_fails(seats: Callable[..., Seat], tmp_path: Path, run: Run, count: int) -> None:
    seat = seats("busy", "--no-record")
    seat.ask(Register(account=DIRECT))
    counted = run(seat, tmp_path / "sipp", count)
    assert counted.failed == []
    assert counted.done == count
    assert not [call for call in seat.client.snapshot.calls if call.state != "ended"], "no call is left over"
    assert not [line for line in seat.log() if line["level"] == "error"]
    if count > 100:
        warm = counted.rss_mb[len(counted.rss_mb) // 3]
        assert counted.rss_mb[-1] - warm < 8, f"memory grows: {counted.rss_mb}"
