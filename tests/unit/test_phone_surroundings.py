"""Sleep, another network, a VPN: noticed once, and never invented."""

from __future__ import annotations

import ipaddress
import threading

import pytest

from halodesk.protocol.phone_link import NewsKind
from halodesk.sip.phone.surroundings import Surroundings, addresses

HOME = frozenset({"127.0.0.1", "192.168.1.7"})


class World:
    def __init__(self) -> None:
        self.wall, self.mono, self.here = 1_000.0, 50.0, HOME
        self.around = Surroundings(
            lambda kind: None, look=lambda: self.here, wall=lambda: self.wall, mono=lambda: self.mono
        )

    def after(self, wall: float, mono: float) -> NewsKind | None:
        self.wall, self.mono = self.wall + wall, self.mono + mono
        return self.around.check()


@pytest.mark.parametrize(
    ("wall", "mono", "kind"),
    [
        (1.0, 1.0, None),
        (4.0, 4.0, None),  # a busy computer
        (3600.0, 1.0, "woke"),  # Linux and macOS: the monotonic clock slept, too
        (3600.0, 3600.0, "woke"),  # Windows: it did not
        (-3600.0, 1.0, "woke"),  # a clock that was set
    ],
)
def test_sleep(wall: float, mono: float, kind: NewsKind | None) -> None:
    world = World()
    assert world.after(wall, mono) == kind
    assert world.after(1.0, 1.0) is None, "it is told once"


def test_a_vpn_comes_and_goes() -> None:
    world = World()
    world.here = HOME | {"10.8.0.2"}
    assert world.after(1.0, 1.0) == "changed"
    assert world.after(1.0, 1.0) is None
    world.here = HOME
    assert world.after(1.0, 1.0) == "changed"


def test_it_looks_by_itself_and_ends() -> None:
    told, heard = threading.Event(), []
    looks = iter([HOME, HOME, HOME | {"10.0.0.1"}])

    def news(kind: NewsKind) -> None:
        heard.append(kind)
        told.set()

    around = Surroundings(news, look=lambda: next(looks, HOME | {"10.0.0.1"}), look_s=0.01)
    around.start()
    assert told.wait(5)
    around.stop()
    assert heard == ["changed"]


def test_the_addresses_of_this_computer() -> None:
    found = addresses()
    assert "127.0.0.1" in found
    assert not [one for one in found if ipaddress.ip_address(one).is_link_local]
