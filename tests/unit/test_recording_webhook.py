"""The webhook control against a real HTTP server that obeys, lies, hangs and talks nonsense."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from halodesk.engine.errors import RecorderError, SettingsError
from halodesk.recording import open_control, peer
from halodesk.recording.control import Control, Surroundings, no_server
from halodesk.recording.webhook import WebhookControl
from halodesk.runtime.ports import RecorderAnswer
from tests.fakes.hosted import ID, SIP_CALL, Hosted, hosted


def settings(url: str, **changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = {
        "control": "webhook",
        "name": "Cloud PBX",
        "headers": {"Authorization": "Bearer {secret.token}"},
        "secrets": {"token": "env:HALODESK_TEST_TOKEN"},
        "find": [
            {
                "url": f"{url}/v2/live",
                "values": {
                    "id": "/calls/[sip.callId={call}]/id",
                    "extension": "/calls/[sip.callId={call}]/extension",
                },
            }
        ],
        "account": "extension",
        "mask": {
            "method": "PATCH",
            "url": f"{url}/v2/calls/{{id}}/recording",
            "json": {"recording": {"state": "paused"}},
        },
        "unmask": {
            "method": "PATCH",
            "url": f"{url}/v2/calls/{{id}}/recording",
            "json": {"recording": {"state": "recording"}},
        },
        "read": {"url": f"{url}/v2/calls/{{id}}"},
        "state": "/recordings/*/state",
        "masked": ["paused"],
        "recording": ["recording"],
    }
    return made | changes


class One:
    """The platform, the control, and what it said unasked."""

    def __init__(self, platform: Hosted, control: Control, news: list[RecorderAnswer]) -> None:
        self.platform, self.control, self.news = platform, control, news

    async def mask(self, call: str = SIP_CALL) -> RecorderAnswer:
        return await self.control.mask(call, "lease")

    async def unmask(self, call: str = SIP_CALL) -> RecorderAnswer:
        return await self.control.unmask(call, "lease")


Play = Callable[[One], Coroutine[Any, Any, None]]


@asynccontextmanager
async def one(timeout_s: float = 2.0, **changes: Any) -> AsyncIterator[One]:
    news: list[RecorderAnswer] = []
    async with hosted() as platform:
        around = Surroundings(
            on_changed=lambda call, answer: news.append(answer), line=no_server, timeout_s=timeout_s
        )
        control = open_control(settings(platform.url, **changes), around)
        assert isinstance(control, WebhookControl)
        control.start()
        try:
            yield One(platform, control, news)
        finally:
            await control.close()


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HALODESK_TEST_TOKEN", "secret-word")


def scene(play: Play, **how: Any) -> None:
    async def run() -> None:
        async with one(**how) as made:
            await play(made)

    asyncio.run(run())


def test_it_is_masked_and_recorded_again_with_proof() -> None:
    async def play(made: One) -> None:
        answer = await made.mask()
        assert (answer.verdict, answer.recorder) == ("confirmed", "Cloud PBX")
        assert made.platform.states == ["paused"]
        (sent,) = made.platform.sent("PATCH")
        assert sent.path == f"/v2/calls/{ID}/recording"
        assert sent.body == b'{"recording":{"state":"paused"}}'
        assert (await made.unmask()).verdict == "confirmed"
        assert made.platform.states == ["recording"]
        assert made.news == []

    scene(play)


def test_a_renewal_reads_again_and_asks_for_nothing() -> None:
    async def play(made: One) -> None:
        await made.mask()
        asked = len(made.platform.asked)
        for _ in range(3):
            assert (await made.mask()).verdict == "confirmed"
        more = made.platform.asked[asked:]
        assert [(x.method, x.path) for x in more] == [("GET", f"/v2/calls/{ID}")] * 3

    scene(play)


def test_a_platform_that_says_yes_and_records_on_is_not_believed() -> None:
    async def play(made: One) -> None:
        made.platform.obeys = False
        answer = await made.mask()
        assert answer.verdict == "failed", "it was read: it records"
        assert "proved nothing" in answer.detail
        assert answer.todo

    scene(play, timeout_s=0.5)


def test_one_of_two_recordings_is_not_enough() -> None:
    async def play(made: One) -> None:
        made.platform.states = ["paused", "recording"]
        made.platform.obeys = False
        assert (await made.mask()).verdict == "failed"
        made.platform.states = ["paused", "paused"]
        assert (await made.mask()).verdict == "confirmed"

    scene(play, timeout_s=0.5)


@pytest.mark.parametrize("state", ["Paused", "", "stopping", "paused "])
def test_a_state_nobody_knows_is_not_masked(state: str) -> None:
    async def play(made: One) -> None:
        made.platform.states, made.platform.obeys = [state], False
        assert (await made.mask()).verdict == "failed"

    scene(play, timeout_s=0.4)


def test_what_records_again_by_itself_is_bad_news_first_and_paused_again() -> None:
    async def play(made: One) -> None:
        await made.mask()
        made.platform.states = ["recording"]
        assert (await made.mask()).verdict == "confirmed"
        assert [news.verdict for news in made.news] == ["failed"]
        assert made.platform.states == ["paused"]

    scene(play)


def test_a_slow_platform_is_confirmed_by_the_next_renewal() -> None:
    async def play(made: One) -> None:
        made.platform.late_s = 0.5
        assert (await made.mask()).verdict == "failed"
        async with asyncio.timeout(10):
            while (await made.mask()).verdict != "confirmed":
                assert made.news == []

    scene(play, timeout_s=0.3)


@pytest.mark.parametrize("where", ["/v2/live", "/recording", f"/v2/calls/{ID}"])
def test_a_platform_that_hangs_is_given_up_in_time(where: str) -> None:
    async def play(made: One) -> None:
        made.platform.hangs_at = where
        began = asyncio.get_running_loop().time()
        answer = await made.mask()
        assert asyncio.get_running_loop().time() - began < 1.0
        assert answer.verdict == "failed"

    scene(play, timeout_s=0.3)


def test_a_request_that_was_taken_and_cannot_be_read_back_is_unconfirmed() -> None:
    async def play(made: One) -> None:
        # The first part of a path that fits is what answers.
        made.platform.answers = {f"{ID}/recording": (202, ""), ID: (500, "oops")}
        answer = await made.mask()
        assert answer.verdict == "unconfirmed"
        assert "500" in answer.detail

    scene(play)


@pytest.mark.parametrize(
    "body", ["", "null", "[]", "{", "<html>", '{"recordings": "paused"}', '"paused"', "[" * 5000, "\x00"]
)
def test_nonsense_is_no_proof(body: str) -> None:
    async def play(made: One) -> None:
        await made.mask()
        made.platform.answers = {f"/v2/calls/{ID}": (200, body)}
        assert (await made.mask()).verdict in ("failed", "unconfirmed")

    scene(play)


def test_an_answer_without_end_is_refused() -> None:
    async def play(made: One) -> None:
        made.platform.answers = {"/v2/live": (200, " " * 600_000)}
        answer = await made.mask()
        assert (answer.verdict, answer.detail) == ("failed", "The platform's answer is far too large.")

    scene(play)


def test_a_redirect_is_not_followed() -> None:
    async def play(made: One) -> None:
        async with hosted() as other:
            made.platform.redirects_to = f"{other.url}/v2/live"
            answer = await made.mask()
            assert answer.verdict == "failed"
            assert "points elsewhere (307)" in answer.detail
            assert other.asked == []

    scene(play)


def test_a_call_the_platform_does_not_know() -> None:
    async def play(made: One) -> None:
        answer = await made.mask("other@seat")
        assert answer.verdict == "failed"
        assert "knows no call with this SIP Call-ID" in answer.detail
        assert made.platform.sent("PATCH") == []
        assert (await made.mask("")).verdict == "failed"
        await made.mask()
        made.platform.calls = {SIP_CALL: "call-78"}  # handed on: it has another name there
        assert (await made.mask()).verdict == "failed"
        assert (await made.mask()).verdict == "confirmed"

    scene(play)


def test_two_calls_under_one_call_id_are_not_guessed_between() -> None:
    async def play(made: One) -> None:
        made.platform.answers = {
            "/v2/live": (
                200,
                '{"calls":[{"sip":{"callId":"x"},"id":"1","extension":"1"},'
                '{"sip":{"callId":"x"},"id":"2","extension":"1"}]}',
            )
        }
        answer = await made.mask("x")
        assert (answer.verdict, "several values" in answer.detail) == ("failed", True)

    scene(play)


@pytest.mark.parametrize("name", ["../../admin", "..", ".", "a/b?c=d#e", "x y", "ä\n"])
def test_a_name_leads_nowhere_else(name: str) -> None:
    async def play(made: One) -> None:
        made.platform.calls = {SIP_CALL: name}
        answer = await made.mask()
        paths = [asked.path for asked in made.platform.asked if asked.path != "/v2/live"]
        assert all(path.count("/") <= 4 and path.startswith("/v2/calls/") for path in paths)
        assert all("?" not in path and "#" not in path for path in paths)
        assert answer.verdict == ("failed" if name in ("..", ".") else "confirmed")

    scene(play)


def test_nothing_to_mask_is_a_failure_unless_policy_says_otherwise() -> None:
    async def play(made: One) -> None:
        made.platform.states = []
        assert (await made.mask()).detail == "No recording found to mask."

    async def other(made: One) -> None:
        made.platform.states = []
        assert (await made.mask()).verdict == "confirmed"

    scene(play)
    scene(other, expects_recording=False)


def test_a_recording_that_has_ended_counts_neither_way() -> None:
    async def play(made: One) -> None:
        made.platform.answers = {f"/v2/calls/{ID}": (200, '{"recordings": [{"state": "done"}]}')}
        assert (await made.mask()).detail == "No recording found to mask."
        both = '{"recordings": [{"state": "done"}, {"state": "paused"}]}'
        made.platform.answers = {f"/v2/calls/{ID}": (200, both)}
        assert (await made.mask()).verdict == "confirmed"

    scene(play, over=["done"])


def test_it_tells_whose_call_it_is() -> None:
    async def play(made: One) -> None:
        assert made.control.tells_holders
        assert await made.control.holders(SIP_CALL) == {"1001"}
        assert await made.control.holders("other") == frozenset()
        made.platform.hangs_at = "/v2/live"
        with pytest.raises(RecorderError, match="in time"):
            await made.control.holders(SIP_CALL)

    async def silent(made: One) -> None:
        assert not made.control.tells_holders
        with pytest.raises(RecorderError):
            await made.control.holders(SIP_CALL)

    scene(play, timeout_s=0.3)
    scene(silent, account="")


def test_a_moved_call_stays_paused_and_is_read_under_its_new_name() -> None:
    async def play(made: One) -> None:
        await made.mask()
        made.platform.calls = {"new@seat": "call-78"}
        made.control.moved(SIP_CALL, "new@seat")
        assert (await made.mask("new@seat")).verdict == "confirmed"
        assert len(made.platform.sent("PATCH")) == 1

    scene(play)


def test_access_is_had_anew_when_it_ran_out() -> None:
    sign_in = {
        "method": "POST",
        "url": "{url}/login",
        "form": {"grant_type": "x", "assertion": "{secret.token}"},
        "values": {"access": "/access"},
    }

    async def run() -> None:
        async with hosted() as platform:
            platform.answers = {"/login": (200, '{"access": "first"}')}
            made = settings(platform.url, headers={"Authorization": "Bearer {access}"})
            made["sign_in"] = sign_in | {"url": f"{platform.url}/login"}
            control = open_control(made, Surroundings(on_changed=lambda c, a: None, line=no_server))
            platform.token = "first"
            assert (await control.mask(SIP_CALL, "l")).verdict == "confirmed"
            platform.token = "second"
            platform.answers = {"/login": (200, '{"access": "second"}')}
            assert (await control.mask(SIP_CALL, "l")).verdict == "confirmed"
            logins = [x for x in platform.asked if x.path == "/login"]
            assert len(logins) == 2
            assert logins[0].body == b"grant_type=x&assertion=secret-word"
            await control.close()

    asyncio.run(run())


def test_no_secret_is_ever_told(capsys: pytest.CaptureFixture[str]) -> None:
    async def play(made: One) -> None:
        for answers in ({"/v2/live": (401, "secret-word")}, {"/v2/calls": (500, "secret-word")}):
            made.platform.answers = answers
            answer = await made.mask()
            assert "secret-word" not in repr(answer)
        assert "secret-word" not in repr(made.control) + repr(made.news)

    scene(play)
    said = capsys.readouterr()
    assert "secret-word" not in said.out + said.err


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"read": {"url": "http://pbx.example.com/x"}}, "not encrypted"),
        ({"read": {"url": "https://{id}.example.com/x"}}, "host must be written out"),
        ({"read": {"url": "https://user@example.com/x"}}, "no address"),
        ({"read": {"url": "https://example.com/{secret.token}"}}, "must not stand in an address"),
        ({"read": {"url": "https://example.com/{what}"}}, "filled by nothing"),
        ({"headers": {"X": "{what}"}}, "filled by nothing"),
        ({"state": "recordings"}, "no path"),
        ({"state": "/recordings/[x]/y"}, "no condition"),
        ({"masked": []}, "must name"),
        ({"masked": ["paused"], "recording": ["paused"]}, "no word twice"),
        ({"over": ["paused"]}, "no word twice"),
        ({"account": "token"}, "no `find` finds"),
        ({"secrets": {"token": "env:HALODESK_NO_SUCH"}}, "empty or missing"),
        ({"secrets": {"token": "secret-word"}}, "is not here"),
        ({"wat": 1}, "wat"),
        ({"mask": {"url": "https://example.com/x", "json": {}, "form": {"a": "b"}}}, "one body"),
    ],
)
def test_settings_that_cannot_work_are_refused_in_words(changes: dict[str, Any], said: str) -> None:
    around = Surroundings(on_changed=lambda call, answer: None, line=no_server)
    with pytest.raises(SettingsError) as caught:
        open_control(settings("https://pbx.example.com", **changes), around)
    assert said in str(caught.value)
    assert "secret-word" not in str(caught.value)


def test_where_it_is() -> None:
    assert peer(settings("https://pbx.example.com")) == ("pbx.example.com", 443)
    assert peer(settings("http://127.0.0.1:8123")) == ("127.0.0.1", 8123)


def test_numbers_and_truth_are_told_apart() -> None:
    async def play(made: One) -> None:
        made.platform.answers = {f"/v2/calls/{ID}": (200, '{"active": 0}')}
        assert (await made.mask()).verdict == "failed"
        made.platform.answers = {f"/v2/calls/{ID}": (200, '{"active": false}')}
        assert (await made.mask()).verdict == "confirmed"

    scene(play, timeout_s=0.4, state="/active", masked=[False], recording=[True])
