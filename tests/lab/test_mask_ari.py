"""The control `ari` against a real Asterisk: recordings of a real ARI application, paused and read back."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import websockets

from halodesk.recording import open_control
from halodesk.recording.control import Control, Surroundings, no_server
from halodesk.runtime.ports import RecorderAnswer
from tests.lab.pbx import HOST, Pbx
from tests.lab.phones import Seat, write_tone

pytestmark = [pytest.mark.lab]


@pytest.fixture
def seat(pbx: Pbx, tmp_path: Path) -> Iterator[Seat]:
    found = Seat(tmp_path / "seat", "--microphone", str(write_tone(tmp_path / "tone.wav")))
    found.register(pbx, "1001")
    yield found
    found.quit()


class Application:
    """The ARI application `lab`: answers, and records where a test says so."""

    def __init__(self, pbx: Pbx) -> None:
        self.url = f"http://{HOST}:{pbx.http_port}/ari"
        self._who = ("lab", pbx.secret)

    @asynccontextmanager
    async def up(self, seat: Seat, call: str) -> AsyncIterator[str]:
        """The application, with one call of the seat in it; its channel."""
        address = f"{self.url.replace('http', 'ws', 1)}/events?app=lab&api_key={':'.join(self._who)}"
        async with websockets.connect(address) as events:
            await asyncio.to_thread(seat.dial, "650", key=call, account="1001")
            async with asyncio.timeout(20):
                while True:
                    event = json.loads(await events.recv())
                    if event["type"] == "StasisStart":
                        break
            channel = str(event["channel"]["id"])
            await self.ask("POST", f"/channels/{channel}/answer")
            await asyncio.to_thread(seat.call, "active", call)
            yield channel
            await asyncio.to_thread(seat.hang_up, call)

    async def ask(self, method: str, path: str, **query: str) -> httpx.Response:
        async with httpx.AsyncClient(auth=self._who) as http:
            answer = await http.request(method, self.url + path, params=query)
        assert answer.is_success, answer.text
        return answer

    async def record(self, channel: str) -> str:
        name = f"rec-{channel}"
        await self.ask("POST", f"/channels/{channel}/record", name=name, format="wav")
        return name

    async def state(self, name: str) -> str:
        return str((await self.ask("GET", f"/recordings/live/{name}")).json()["state"])


def control(application: Application, pbx: Pbx, **more: object) -> Control:
    settings = {
        "control": "ari",
        "url": application.url,
        "username": "lab",
        "password": pbx.secret,
        "names": ["rec-{channel}", "bridge-{bridge}"],
    }
    around = Surroundings(on_changed=lambda *_: None, line=no_server, timeout_s=3.0)
    return open_control({**settings, **more}, around)


def test_a_recording_is_paused_with_proof_and_one_that_starts_later_is_caught(seat: Seat, pbx: Pbx) -> None:
    application = Application(pbx)

    async def run() -> None:
        ari = control(application, pbx)

        async def ask(what: str = "mask") -> RecorderAnswer:
            sip_call_id = seat.call("active", "call").sip_call_id
            return await (ari.mask if what == "mask" else ari.unmask)(sip_call_id, "card")

        async with application.up(seat, "call") as channel:
            nothing = await ask()
            assert (nothing.verdict, nothing.detail) == ("failed", "No recording found to pause.")
            name = await application.record(channel)
            assert await application.state(name) == "recording"
            assert (await ask()).verdict == "confirmed", "asked again, as a lease does: now it is found"
            assert await application.state(name) == "paused"
            await application.ask("DELETE", f"/recordings/live/{name}/pause")
            assert (await ask()).verdict == "confirmed", "somebody else resumed it: paused again"
            assert await application.state(name) == "paused"
            assert (await ask("unmask")).verdict == "confirmed"
            assert await application.state(name) == "recording"
            await application.ask("POST", f"/recordings/live/{name}/stop")
            bridge = (await application.ask("POST", "/bridges", type="mixing")).json()["id"]
            await application.ask("POST", f"/bridges/{bridge}/addChannel", channel=channel)
            whole = f"bridge-{bridge}"
            await application.ask("POST", f"/bridges/{bridge}/record", name=whole, format="wav")
            assert (await ask()).detail == "1 recording read back as paused."
            assert await application.state(whole) == "paused"
            stranger = await ari.mask("nobody@nowhere", "card")
            assert (stranger.verdict, "no call" in stranger.detail) == ("failed", True)
        await ari.close()

    asyncio.run(run())


def test_a_wrong_password_and_a_wrong_address_are_failures_in_words(pbx: Pbx) -> None:
    application = Application(pbx)

    async def run() -> None:
        for more, words in (
            ({"password": "wrong"}, "does not know this user"),
            ({"url": f"http://{HOST}:1/ari"}, "cannot be reached"),
        ):
            ari = control(application, pbx, **more)
            answer = await ari.mask("abc", "card")
            assert (answer.verdict, words in answer.detail) == ("failed", True), answer
            await ari.close()

    asyncio.run(run())
