"""Kills, partitions and lost answers in any order: expected = stored, byte for byte.

A short one runs with all tests; `make chaos` runs long ones of many kills. HALODESK_CHAOS_KILLS sets
their length, HALODESK_CHAOS_SEED repeats one that was printed.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.storm import Storm, Toll, run
from tests.server.postgres import Postgres, binaries
from tests.sync.world import World

KILLS = int(os.environ.get("HALODESK_CHAOS_KILLS", "50"))
SEED = os.environ.get("HALODESK_CHAOS_SEED", "")
STORMS = 1 if SEED else 3


def seed() -> int:
    """The one asked for, or a new one; printed, so that a failure can be had again."""
    return int(SEED) if SEED else secrets.randbelow(1_000_000)


def assert_unharmed(toll: Toll, number: int, say: Callable[[str], None] = print) -> None:
    say(f"seed {number}: {toll}")
    assert toll.harm == (0, 0, 0, 0, 0, 0), f"HALODESK_CHAOS_SEED={number}: {toll}"
    assert 0 < toll.kept <= toll.events


@pytest.mark.slow
def test_a_short_storm_loses_nothing(tmp_path: Path) -> None:
    toll = run(tmp_path, 3, seed=16)
    assert_unharmed(toll, 16)
    assert len(toll.acts) == 4, "each kind of act at least once"
    assert toll.sessions > 1


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("storm", range(STORMS))
def test_a_long_storm_loses_nothing(tmp_path: Path, storm: int) -> None:
    number = seed()
    toll = run(tmp_path, KILLS, seed=number)
    assert_unharmed(toll, number)
    assert toll.events > 20 * KILLS


@pytest.mark.slow
@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.xdist_group("postgres")
def test_a_long_storm_over_postgresql_loses_nothing(tmp_path: Path) -> None:
    found = binaries()
    if found is None:
        pytest.skip("no PostgreSQL here")
    number = seed()
    cluster = Postgres(found, durable=True)
    world = World(tmp_path, database_url=cluster.database(f"t{secrets.token_hex(6)}"))
    world.start()

    def crash() -> None:
        cluster.kill()
        time.sleep(0.2)
        cluster.start()

    try:
        toll = Storm(world, seed=number, crash=crash).rage(KILLS)
    finally:
        world.stop()
        cluster.close()
    assert_unharmed(toll, number)
    assert toll.events > 20 * KILLS
