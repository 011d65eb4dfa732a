"""Everything between two seats and their server dies at random moments, and nothing may be lost.

Two seat processes append events through the real writer and send them, each through a proxy of its own,
to a real server process (SQLite or PostgreSQL). Again and again one of these happens, chosen by the seed:
SIGKILL of a seat, of the server, of PostgreSQL; a partition (connections cut, or frozen); answers
thrown away after the request went through. Then whatever is left is sent, and three accounts are
compared: what the seats' processes said was on disk, what their databases hold, what the server holds.
"""

from __future__ import annotations

import queue
import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import select

from halodesk.protocol import log_lines
from halodesk.runtime.log import verify
from halodesk.server import tables as t
from tests.e2e.tcp_proxy import TcpProxy
from tests.sync.seats import Seat, expected_and_held, sync_by_command
from tests.sync.world import World

SEATS = 2
LONGEST_ROUND_S = 0.5
LONGEST_AWAY_S = 0.4


class Toll(msgspec.Struct, frozen=True, kw_only=True):
    """What was done, and what it cost. All but `acts` and `sessions` in events or pieces."""

    acts: dict[str, int]
    sessions: int
    events: int
    """Of all sessions, as the seats' databases hold them."""
    kept: int
    """Of them the seats' processes had said they were on disk."""
    lost_at_seat: int
    lost: int
    other: int
    gaps: int
    doubles: int
    broken: tuple[str, ...]
    """Sessions whose chain does not hold as the server has them, or ends elsewhere than it says."""

    @property
    def harm(self) -> tuple[int, ...]:
        """Zeros, or something went wrong."""
        return self.lost_at_seat, self.lost, self.other, self.gaps, self.doubles, len(self.broken)


class Storm:
    """One run over a world whose server runs. `crash`: kills the database and starts it again."""

    def __init__(self, world: World, *, seed: int, crash: Callable[[], None] | None = None) -> None:
        self._world, self._crash = world, crash
        self._chance = random.Random(seed)
        self._acts: Counter[str] = Counter()
        self._kept: dict[str, int] = {}
        self._seats: dict[int, Seat] = {}
        self._all: list[Seat] = []
        self._proxies = [TcpProxy(world.port) for _ in range(SEATS)]
        self._folders = [
            world.enrol(f"seat{number}", url=f"http://127.0.0.1:{proxy.port}")
            for number, proxy in enumerate(self._proxies)
        ]

    @property
    def kills(self) -> int:
        """How many processes have been killed so far."""
        return sum(number for act, number in self._acts.items() if act.endswith("killed"))

    def rage(self, kills: int) -> Toll:
        """Until that many processes were killed, then calm, then the account."""
        try:
            while self.kills < kills:
                self._begin_seats()
                time.sleep(self._chance.uniform(0.0, LONGEST_ROUND_S))
                self._act()
            self._calm()
        finally:
            for seat in self._seats.values():
                seat.kill()
            for proxy in self._proxies:
                proxy.close()
        return self._account()

    def _begin_seats(self) -> None:
        for number in range(SEATS):
            if number not in self._seats:
                seat = Seat(
                    self._world,
                    self._folders[number],
                    sessions=1000,
                    events=self._chance.randint(2, 150),
                    pause_s=self._chance.choice([0.0005, 0.002]),
                )
                seat.start()
                self._seats[number] = seat
                self._all.append(seat)

    def _act(self) -> None:
        acts: list[Callable[[], None]] = [
            self._kill_seat,
            self._kill_seat,
            self._kill_server,
            self._kill_server,
            self._lose_answers,
            self._part,
            self._mend,
        ]
        acts += [self._kill_database, self._kill_database] if self._crash is not None else []
        self._chance.choice(acts)()
        for seat in self._seats.values():  # back-off would leave most rounds without any traffic
            with suppress(OSError):
                seat.child.nudge()

    def _kill_seat(self) -> None:
        self._acts["seat killed"] += 1
        self._seats.pop(self._chance.choice(sorted(self._seats))).kill()

    def _kill_server(self) -> None:
        self._acts["server killed"] += 1
        self._world.kill()
        time.sleep(self._chance.uniform(0.0, LONGEST_AWAY_S))
        self._world.start()

    def _kill_database(self) -> None:
        assert self._crash is not None
        self._acts["database killed"] += 1
        self._crash()

    def _lose_answers(self) -> None:
        self._acts["answers lost"] += 1
        self._chance.choice(self._proxies).deafen()

    def _part(self) -> None:
        self._acts["partition"] += 1
        proxy = self._chance.choice(self._proxies)
        self._chance.choice([proxy.cut, proxy.freeze])()

    def _mend(self) -> None:
        for proxy in self._proxies:
            proxy.mend()

    def _calm(self) -> None:
        self._mend()
        for seat in self._seats.values():
            seat.kill()
        self._seats.clear()
        for folder in self._folders:
            sync_by_command(folder)

    def _account(self) -> Toll:
        for seat in self._all:
            self._hear(seat)
        expected, held = expected_and_held(self._world, *self._folders)
        gaps, doubles, broken = self._world.console(_pieces)
        count = {session: lines.count(b"\n") for session, lines in expected.items()}
        return Toll(
            acts=dict(self._acts),
            sessions=len(expected),
            events=sum(count.values()),
            kept=sum(self._kept.values()),
            lost_at_seat=sum(max(0, seq - count.get(name, 0)) for name, seq in self._kept.items()),
            lost=sum(max(0, number - held.get(name, b"").count(b"\n")) for name, number in count.items()),
            other=sum(lines.count(b"\n") for name, lines in held.items() if expected.get(name) != lines),
            gaps=gaps,
            doubles=doubles,
            broken=broken,
        )

    def _hear(self, seat: Seat) -> None:
        with suppress(queue.Empty):
            while True:
                said = seat.said.get_nowait()
                if "kept" in said:
                    self._kept[said["kept"]] = max(said["seq"], self._kept.get(said["kept"], 0))


def _pieces(connection: Any) -> tuple[int, int, tuple[str, ...]]:
    """Events missing between pieces, events in two pieces, and sessions whose chain does not hold."""
    chunk, session = t.session_chunk, t.session
    gaps = doubles = 0
    rows: dict[str, list[Any]] = {}
    for row in connection.execute(select(chunk).order_by(chunk.c.session, chunk.c.first_seq)):
        rows.setdefault(row.session, []).append(row)
    ends = {row.id: (row.last_seq, bytes(row.head)) for row in connection.execute(select(session))}
    broken = [name for name in ends if name not in rows]
    for name, pieces in rows.items():
        last = 0
        for piece in pieces:
            gaps += max(0, piece.first_seq - last - 1)
            doubles += max(0, last - piece.first_seq + 1)
            last = piece.last_seq
        events = [event for piece in pieces for _, event in log_lines.read(bytes(piece.body))]
        holds = verify(name, events).ok and [event.seq for event in events] == list(range(1, last + 1))
        if not holds or ends.get(name) != (last, events[-1].head):
            broken.append(name)
    return gaps, doubles, tuple(broken)


def run(folder: Path, kills: int, seed: int) -> Toll:
    """A storm over a server of its own, with SQLite."""
    world = World(folder)
    world.start()
    try:
        return Storm(world, seed=seed).rage(kills)
    finally:
        world.stop()
