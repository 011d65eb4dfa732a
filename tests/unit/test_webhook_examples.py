"""The worked examples of docs/webhook.md against answers shaped as the platforms' references show them."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from halodesk.recording import open_control
from halodesk.recording.control import Surroundings, no_server
from halodesk.runtime.ports import RecorderAnswer
from tests.fakes.hosted import Hosted, hosted

PAGE = Path(__file__).resolve().parents[2] / "docs" / "webhook.md"
BLOCKS = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
EXAMPLES = {found["name"]: found for found in map(json.loads, BLOCKS)}
AROUND = Surroundings(on_changed=lambda call, answer: None, line=no_server, timeout_s=0.5)
CALL = "a1/b2@seat"


def example(name: str, platform: Hosted, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """An example with its hosts replaced by ours and its secrets taken from the environment."""
    text = json.dumps(EXAMPLES[name])
    found: dict[str, Any] = json.loads(re.sub(r"https://[^/\"]+", platform.url, text))
    for secret in found["secrets"]:
        monkeypatch.setenv(f"HALODESK_TEST_{secret.upper()}", f"the-{secret}")
        found["secrets"][secret] = f"env:HALODESK_TEST_{secret.upper()}"
    return found


def session(*, active: bool) -> str:
    party = {"id": "p-1", "extensionId": "1001", "recordings": [{"id": "r-1", "active": active}]}
    return json.dumps({"id": "s-1", "parties": [party, {"id": "p-2", "recordings": []}]})


def test_both_are_there() -> None:
    assert set(EXAMPLES) == {"RingCentral", "Twilio"}


def test_ringcentral(monkeypatch: pytest.MonkeyPatch) -> None:
    presence = {
        "records": [
            {"extension": {"id": 9}, "activeCalls": []},
            {
                "extension": {"id": 1001},
                "activeCalls": [
                    {"sipData": {"callId": "x"}, "telephonySessionId": "s-0", "partyId": "p-0"},
                    {"sipData": {"callId": CALL}, "telephonySessionId": "s-1", "partyId": "p-1"},
                ],
            },
        ]
    }

    async def run() -> None:
        async with hosted() as platform:
            control = open_control(example("RingCentral", platform, monkeypatch), AROUND)

            def says(*, active: bool) -> None:
                platform.answers = {
                    "/oauth/token": (200, '{"access_token": "word"}'),
                    "/presence": (200, json.dumps(presence)),
                    "/recordings/r-1": (204, ""),
                    "/telephony/sessions/s-1": (200, session(active=active)),
                }

            says(active=True)
            assert await control.holders(CALL) == {"1001"}
            assert (await control.mask(CALL, "l")).verdict == "failed", "it says it records"
            (sent,) = platform.sent("PATCH")
            assert sent.body == b'{"active":false}'
            assert sent.path.endswith("/telephony/sessions/s-1/parties/p-1/recordings/r-1")
            assert sent.headers["authorization"] == "Bearer word"
            says(active=False)
            assert (await control.mask(CALL, "l")).verdict == "confirmed"
            says(active=True)
            assert (await control.unmask(CALL, "l")).verdict == "confirmed"
            await control.close()

    asyncio.run(run())


def test_twilio(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        async with hosted() as platform:
            control = open_control(example("Twilio", platform, monkeypatch), AROUND)

            async def ask(act: str, *states: str) -> RecorderAnswer:
                rows = [{"sid": f"RE{n}", "status": state} for n, state in enumerate(states)]
                platform.answers = {
                    "/calls/a1%2Fb2%40seat": (200, '{"sid": "CA1", "user": "1001"}'),
                    "Twilio.CURRENT": (200, '{"status": "paused"}'),
                    "/Recordings.json": (200, json.dumps({"recordings": rows})),
                }
                return await (control.mask if act == "mask" else control.unmask)(CALL, "l")

            assert (await ask("mask", "completed", "in-progress")).verdict == "failed"
            (sent,) = platform.sent("POST")
            assert sent.body == b"Status=paused&PauseBehavior=silence"
            assert sent.headers["authorization"] == "Basic the-basic"
            assert "/Calls/CA1/Recordings/Twilio.CURRENT.json" in sent.path
            assert (await ask("mask", "completed", "paused")).verdict == "confirmed"
            assert (await ask("unmask", "completed", "in-progress")).verdict == "confirmed"
            assert await control.holders(CALL) == {"1001"}
            await control.close()

    asyncio.run(run())
