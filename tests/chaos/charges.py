"""Kills a till at random moments of its charges; then the gateway's books and the till's are compared."""

from __future__ import annotations

import queue
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import msgspec

from halodesk.demo.gateway.child import gateway_child
from halodesk.engine import codec
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from halodesk.store.seat_store import SeatStore
from tests.e2e.ledger import approved

ROOT = Path(__file__).resolve().parents[2]
WORDS = ("timeout_after_charge", "nonsense", "server_error", "hang", "decline:insufficient_funds")
"""What goes wrong at the gateway now and then, beside the kills."""
PATIENCE_S = 120.0
MOST_BETWEEN = 12
"""Orders between two kills, and how far into the next one: an order takes about 0.1 s."""
LONGEST_S = 0.15
"""Seconds."""


class Books(msgspec.Struct, frozen=True, kw_only=True):
    """What the gateway took, and what the till says."""

    sessions: int
    kills: int
    taken: int
    """Approved charges in the gateway's ledger."""
    twice: int
    """Sessions with more than one of them."""
    lost: int
    """Approved charges that the session they belong to does not know as approved."""
    imagined: int
    """Charges that a session takes for approved and the gateway does not know."""
    open: int
    """Charges of which nobody knows what became of them."""


def run(folder: Path, charges: int, *, seed: int, between: int = MOST_BETWEEN) -> Books:
    """Kills until that many charges were approved."""
    chance = random.Random(seed)
    folder.mkdir(exist_ok=True)
    ledger = folder / "charges.jsonl"
    script = [chance.choice(WORDS) if chance.random() < 0.1 else "approve" for _ in range(charges * 3)]
    kills = 0
    with gateway_child(script=script, state_file=ledger) as gateway:
        end = time.monotonic() + PATIENCE_S + 6 * charges  # on a busy machine, too
        while len(approved(ledger)) < charges:
            if time.monotonic() > end:
                raise TimeoutError(f"only {len(approved(ledger))} charges")
            with Till(folder / "till", gateway.base_url) as till:
                till.says("open")
                for _ in range(chance.randrange(between)):
                    till.says("paid")
                time.sleep(chance.uniform(0, LONGEST_S))
                till.process.kill()
                kills += 1
        with Till(folder / "till", gateway.base_url, "--last") as till:
            till.process.wait(PATIENCE_S)
    return audit(folder / "till", ledger, kills)


class Till:
    """One till process."""

    def __init__(self, folder: Path, url: str, *options: str) -> None:
        folder.mkdir(exist_ok=True, mode=0o700)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.till", str(folder), url, *options],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, name="till-reader")
        self._reader.start()

    def says(self, word: str) -> None:
        """Wait for that line."""
        while (line := self._lines.get(timeout=PATIENCE_S)) != word:
            if not line:
                raise RuntimeError("the till has died by itself")

    def _read(self) -> None:
        if self.process.stdout is not None:
            with self.process.stdout as lines:
                for line in lines:
                    self._lines.put(line.strip())
        self._lines.put("")

    def __enter__(self) -> Till:
        return self

    def __exit__(self, *problem: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()


def audit(folder: Path, ledger: Path, kills: int) -> Books:
    """Both books side by side."""
    store = SeatStore(folder)
    paid: set[str] = set()
    still_open = sessions = 0
    try:
        for row in store.sessions.rows(limit=1_000_000):
            sessions += 1
            events: list[e.AnyEvent] = [
                codec.decode(one.payload or b"") for one in store.sessions.events(row.id)
            ]
            state = fold(events)
            paid |= {f"{row.id}:{charge.id}" for charge in state.charges if charge.outcome == "ok"}
            still_open += sum(charge.outcome in ("open", "unknown") for charge in state.charges)
    finally:
        store.close()
    took = approved(ledger)
    keys = {charge.key for charge in took}
    by_session = Counter(charge.reference for charge in took)
    return Books(
        sessions=sessions,
        kills=kills,
        taken=len(took),
        twice=sum(number > 1 for number in by_session.values()),
        lost=len(keys - paid),
        imagined=len(paid - keys),
        open=still_open,
    )
