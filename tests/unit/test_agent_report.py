"""Sums of an agent's states, and the command that prints them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from halodesk.cli.root import app
from halodesk.crypto.keystore import Status
from halodesk.runtime.agent_records import AgentFact
from halodesk.runtime.agent_report import Fact, StateTime, state_times
from halodesk.runtime.agent_state import AgentState
from halodesk.store import seat_store
from halodesk.store.seat_store import SeatStore


def fact(at: float, state: str, reason: str = "", agent: str = "Ann") -> Fact:
    return (at, agent, state, reason, "", "")


def test_sums() -> None:
    facts = [
        fact(0, "ready"),
        fact(100, "talking"),
        fact(160, "wrap_up"),
        fact(170, "wrap_up"),
        fact(190, "ready"),
        fact(250, "not_ready", "Lunch"),
    ]
    assert state_times(facts, since=50, until=300) == [
        StateTime(agent="Ann", state="ready", reason="", times=1, seconds=110),
        StateTime(agent="Ann", state="talking", reason="", times=1, seconds=60),
        StateTime(agent="Ann", state="not_ready", reason="Lunch", times=1, seconds=50),
        StateTime(agent="Ann", state="wrap_up", reason="", times=1, seconds=30),
    ]
    assert state_times(facts, since=400, until=500) == [
        StateTime(agent="Ann", state="not_ready", reason="Lunch", times=0, seconds=100)
    ]
    assert state_times([], since=0, until=1) == []


def test_agents_are_told_apart() -> None:
    found = state_times([fact(0, "ready"), fact(10, "ready", agent="Bo")], since=0, until=30)
    assert [(one.agent, one.seconds, one.times) for one in found] == [("Ann", 10, 1), ("Bo", 20, 1)]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = Status(place="test", strong=True, message="A key of the test.")
    monkeypatch.setattr(seat_store, "load_key", lambda folder: (bytes(32), status))
    store = SeatStore(tmp_path)
    store.agent_day.keep_state(
        AgentFact(at=time.time() - 5, agent="Ann", state="ready", body=AgentState())
    ).result(10)
    store.close()
    ran = CliRunner().invoke(app, ["agent", "times", "--data", str(tmp_path), "--json"])
    assert ran.exit_code == 0, ran.output
    [found] = json.loads(ran.stdout)
    assert (found["agent"], found["state"]) == ("Ann", "ready")
    assert 4 < found["seconds"] < 300
    words = CliRunner().invoke(app, ["agent", "times", "--data", str(tmp_path), "--day", "2001-01-01"])
    assert "Nothing on 2001-01-01" in words.stdout
    wrong = CliRunner().invoke(app, ["agent", "times", "--data", str(tmp_path), "--day", "soon"])
    assert wrong.exit_code == 1
