"""Quality of a call as RTCP tells it, over a network that really loses packets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from halodesk.protocol.phone_link import Notice, QualityChanged, Register
from halodesk.protocol.phone_sound import CallQuality
from tests.lab.lossy import HOST, LossyRelay
from tests.lab.pbx import Pbx
from tests.lab.phones import Seat, write_tone

pytestmark = [pytest.mark.lab]


@pytest.fixture
def relay(pbx: Pbx) -> Iterator[LossyRelay]:
    found = LossyRelay((HOST, pbx.sip_port))
    yield found
    found.close()


@pytest.fixture
def seat(pbx: Pbx, relay: LossyRelay, tmp_path: Path) -> Iterator[Seat]:
    found = Seat(tmp_path / "seat", "--microphone", str(write_tone(tmp_path / "tone.wav")))
    found.ask(Register(account=replace(pbx.account("1001"), registrar=relay.address)))
    found.registration("1001", "registered")
    yield found
    found.quit()


def quality(seat: Seat, what: str, wanted: Callable[[CallQuality], bool]) -> CallQuality:
    def match(notice: Notice) -> CallQuality | None:
        if isinstance(notice, QualityChanged) and wanted(notice.quality):
            return notice.quality
        return None

    return seat.wait(what, match, 30)


@pytest.mark.slow
def test_lost_sound_is_measured_and_said_on_each_way(seat: Seat, relay: LossyRelay) -> None:
    seat.dial("601", key="tone", account="1001")
    seat.call("active", "tone")
    well = quality(seat, "a report", lambda found: found.reported)
    assert (well.call, well.message) == ("tone", "")
    assert well.loss_in < 0.01
    assert well.loss_out < 0.01
    assert well.mos_in > 4.2
    assert well.round_trip_ms < 200

    relay.lost_up = 0.12
    bad = quality(seat, "what the other side loses", lambda found: found.loss_out > 0.06)
    assert bad.message.startswith("The caller hears you badly: ")
    assert bad.loss_out < 0.2
    assert bad.mos_out < bad.mos_in < 4.5

    relay.lost_up, relay.lost_down = 0.0, 0.12
    worse = quality(seat, "what we lose", lambda found: found.loss_in > 0.08)
    assert worse.loss_in < 0.2
    assert worse.mos_in < 3.5
    seat.hang_up("tone")
    assert relay.dropped > 50
