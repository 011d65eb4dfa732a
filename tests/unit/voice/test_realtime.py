"""Ear, mouth and model over one Realtime line, against a server that speaks the documented events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from halodesk.engine.flow_agent import inputs as i
from halodesk.engine.flow_agent.prompt import ChatMessage, ToolSpec
from halodesk.runtime.flow_agent_ports import (
    STT,
    CallPiece,
    ChatError,
    ChatRequest,
    EndPiece,
    Expected,
    Priced,
    TextPiece,
)
from halodesk.voice.offline_tts import OfflineTTS
from halodesk.voice.openai_realtime import TALKER
from halodesk.voice.provider import RealtimeAccount, SpeechAwayError, Talks
from tests.fakes.loops import in_loop
from tests.fakes.realtime_server import Read, RealtimeServer, Said, realtime_server

PAUSE = bytes(2 * 16 * 700)
TOOL = ToolSpec(name="book", description="Books it.", parameters={"type": "object", "properties": {}})
ASK = ChatMessage(role="system", content="You are the office.")


async def _spoken(text: str) -> bytes:
    return b"".join([pcm async for pcm in OfflineTTS().stream(text)])


WORDS = asyncio.run(_spoken("I would like to book."))


class SpareEar:
    """Keeps what it was fed."""

    def __init__(self) -> None:
        self.fed = b""
        self.expected = Expected()
        self.heard: asyncio.Queue[i.Heard | None] = asyncio.Queue()
        self.opened = asyncio.Event()

    async def open(self) -> STT:
        self.opened.set()
        return self

    def feed(self, pcm: bytes) -> None:
        self.fed += pcm

    def expect(self, expected: Expected) -> None:
        self.expected = expected

    async def final(self) -> i.Heard | None:
        return None

    async def news(self) -> AsyncIterator[i.VoiceBegan | i.VoiceEnded | i.Heard]:
        while (heard := await self.heard.get()) is not None:
            yield heard

    async def close(self) -> None:
        self.heard.put_nowait(None)


class SpareMouth:
    """Says every text with one byte pair a letter."""

    def __init__(self) -> None:
        self.said: list[str] = []

    async def stream(self, text: str) -> AsyncIterator[bytes]:
        self.said.append(text)
        yield b"\x01\x00" * len(text)

    async def close(self) -> None:
        """Nothing is open."""


class Line:
    """A line, and all that one asks of it."""

    def __init__(self, server: RealtimeServer, talks: Talks, ear: SpareEar, mouth: SpareMouth) -> None:
        self.server, self.talks, self.ear, self.mouth = server, talks, ear, mouth
        self._news = talks.stt.news()

    async def hear(self, sound: bytes = PAUSE + WORDS + PAUSE) -> i.Heard:
        """Feeds it; the words that come of it."""
        for at in range(0, len(sound), 640):
            self.talks.stt.feed(sound[at : at + 640])
        async with asyncio.timeout(10):
            async for news in self._news:
                if isinstance(news, i.Heard):
                    return news
        raise AssertionError

    async def ask(self, *messages: ChatMessage, tools: tuple[ToolSpec, ...] = ()) -> list[Any]:
        """A whole completion; what was said is spoken, too."""
        request = ChatRequest(messages=(ASK, *messages), tools=tools)
        async with asyncio.timeout(10):
            return [piece async for piece in self.talks.model.stream(request)]

    async def say(self, text: str) -> bytes:
        async with asyncio.timeout(10):
            return b"".join([pcm async for pcm in self.talks.tts.stream(text)])

    async def settled(self, kind: str) -> None:
        """Until the server has taken an event of that kind."""
        async with asyncio.timeout(10):
            while (await self.server.came.get())["type"] != kind:
                pass


def user(text: str) -> ChatMessage:
    return ChatMessage(role="user", content=text)


def agent(text: str, *calls: i.ToolCall) -> ChatMessage:
    return ChatMessage(role="assistant", content=text, calls=calls)


def text_of(pieces: list[Any]) -> str:
    return "".join(piece.text for piece in pieces if isinstance(piece, TextPiece))


async def connected(server: RealtimeServer, **fields: Any) -> Line:
    ear, mouth = SpareEar(), SpareMouth()
    account = RealtimeAccount(url=server.url, **{"answer_s": 5.0, **fields})
    return Line(server, await TALKER.open(account, ear.open, mouth), ear, mouth)


@in_loop
async def test_a_turn_is_heard_answered_and_spoken_over_one_line() -> None:
    async with realtime_server() as server:
        server.texts, server.responses = [Read("I'd like to book.")], [Said("Gladly. Which day?")]
        line = await connected(
            server, model="m1", voice="marin", price_prompt=1, price_heard=10, price_completion=2,
            price_spoken=20, price_minute=0.6,
        )  # fmt: skip
        assert server.model == "m1"
        heard = await line.hear()
        assert (heard.text, heard.confidence) == ("I'd like to book.", 0.9)
        pieces = await line.ask(user("I'd like to book."), tools=(TOOL,))
        sound = await line.say("Gladly.") + await line.say("Which day?")
        await line.talks.close()
    assert text_of(pieces) == "Gladly. Which day?"
    end = pieces[-1]
    assert isinstance(end, EndPiece)
    assert (end.usage.prompt, end.usage.completion) == (1000, 200)
    assert end.usage.cost == pytest.approx((400 + 600 * 10 + 50 * 2 + 150 * 20) / 1e6)
    assert len(sound) == pytest.approx(3 * 200 * 32, abs=64), "all of its sound, at 16 kHz"
    assert line.mouth.said == []
    assert server.errors == []
    assert server.texts_held == [("user", "I'd like to book."), ("assistant", "Gladly. Which day?")]
    audio = server.session["audio"]
    assert audio["input"]["turn_detection"] is None
    assert audio["output"]["voice"] == "marin"
    assert server.session["instructions"] == "You are the office."
    assert [tool["name"] for tool in server.session["tools"]] == ["book"]
    assert len(server.committed[0]) == pytest.approx(len(WORDS) * 1.5, rel=0.5)
    assert isinstance(line.talks.stt, Priced)
    assert line.talks.stt.cost == pytest.approx(len(server.committed[0]) / 48_000 * 0.01, rel=0.02)


@in_loop
async def test_the_functions_of_the_node_in_force_go_out_when_they_change_and_only_then() -> None:
    async with realtime_server() as server:
        line = await connected(server)
        await line.ask(user("One."), tools=(TOOL,))
        await line.ask(user("One."), agent("Hello there."), user("Two."), tools=(TOOL,))
        await line.ask(user("One."), agent("Hello there."), user("Two."), agent("Hello there."), user("3"))
        await line.talks.close()
    updates = [event["session"] for event in server.seen if event["type"] == "session.update"]
    assert [len(update.get("tools", "-")) for update in updates] == [1, 1, 0]
    assert server.errors == []
    assert [words for _, words in server.texts_held][-2:] == ["3", "Hello there."]


@in_loop
async def test_a_function_call_comes_back_under_our_id_with_its_result() -> None:
    async with realtime_server() as server:
        server.responses = [Said("One moment.", calls=(("book", '{"day": 3}'),)), Said("Booked.")]
        line = await connected(server)
        pieces = await line.ask(user("Book it."), tools=(TOOL,))
        call = next(piece for piece in pieces if isinstance(piece, CallPiece))
        assert (call.name, call.arguments) == ("book", '{"day": 3}')
        ours = i.ToolCall(id="c7", name="book", arguments='{"day": 3}')
        result = ChatMessage(role="tool", content='{"ok": true}', call_id="c7")
        await line.ask(user("Book it."), agent("One moment.", ours), result, tools=(TOOL,))
        await line.talks.close()
    assert server.errors == []
    assert server.texts_held == [
        ("user", "Book it."),
        ("assistant", "One moment."),
        ("function_call", 'book({"day": 3})'),
        ("function_call_output", '{"ok": true}'),
        ("assistant", "Booked."),
    ]


@in_loop
async def test_who_interrupts_shortens_what_was_said_to_what_was_heard() -> None:
    async with realtime_server() as server:
        server.responses = [Said("We are open from nine until five.", hold=True), Said("Yes?")]
        line = await connected(server)
        request = ChatRequest(messages=(ASK, user("When?")))
        stream = line.talks.model.stream(request)
        async with asyncio.timeout(10):
            while text_of([await anext(stream)]) != " from":
                pass
        mouth = line.talks.tts.stream("We are open from")
        assert len(await anext(mouth)) > 0
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        await mouth.aclose()  # type: ignore[attr-defined]  # likewise
        line.talks.played("We are open from", 450, False)
        await line.settled("conversation.item.truncate")
        assert [ms for _, ms in server.truncated] == [450]
        kept = server.truncated[0][0]
        await line.ask(user("When?"), agent("We are"), user("Wait."))
        assert kept in [item["id"] for item in server.items], "it hears its own voice, as far as it went"
        await line.talks.close()
    assert server.errors == []


@in_loop
async def test_what_the_transcript_does_not_say_the_model_does_not_hear() -> None:
    async with realtime_server() as server:
        server.texts = [Read("My card is 4111 1111 1111 1111.")]
        line = await connected(server)
        await line.hear()
        await line.ask(user("My card is [card number]."))
        await line.talks.close()
    assert server.texts_held[0] == ("user", "My card is [card number].")
    assert [item["content"][0]["type"] for item in server.items if item["role"] == "user"] == ["input_text"]


@pytest.mark.parametrize("read", [Read(fault="failed"), Read(fault="hang"), Read("  ")])
@in_loop
async def test_what_nobody_can_read_is_a_sound_without_words_and_is_forgotten(read: Read) -> None:
    async with realtime_server() as server:
        server.texts = [read]
        line = await connected(server, answer_s=0.5)
        heard = await line.hear()
        await line.settled("conversation.item.delete")
        await line.talks.close()
    assert (heard.text, heard.confidence) == ("", 0.0)
    assert server.items == []


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (Said(fault="rate_limited"), "rate_limited"),
        (Said(fault="failed"), "away"),
        (Said(fault="refused"), "refused"),
        (Said("Half of it is", fault="drop"), "cut"),
        (Said("Half of it is", fault="nonsense"), "cut"),
    ],
)
@in_loop
async def test_a_completion_that_is_lost_is_told_by_its_kind(said: Said, failure: str) -> None:
    async with realtime_server() as server:
        server.responses = [said]
        line = await connected(server)
        with pytest.raises(ChatError) as caught:
            await line.ask(user("Hello?"))
        assert caught.value.failure == failure
        await line.talks.close()


@in_loop
async def test_after_a_refused_response_the_next_one_is_asked_for() -> None:
    async with realtime_server() as server:
        server.responses = [Said(fault="rate_limited"), Said("Here I am.")]
        line = await connected(server)
        with pytest.raises(ChatError):
            await line.ask(user("Hello?"))
        assert text_of(await line.ask(user("Hello?"))) == "Here I am."
        await line.talks.close()
    assert server.errors == []


@in_loop
async def test_fixed_lines_are_the_spare_mouths() -> None:
    async with realtime_server() as server:
        line = await connected(server)
        assert await line.say("Good morning.")
        await line.talks.close()
    assert line.mouth.said == ["Good morning."]


@in_loop
async def test_a_line_lost_in_mid_call_leaves_ear_and_mouth_and_chain_to_the_spares() -> None:
    async with realtime_server() as server:
        server.texts = [Read(fault="hang")]
        line = await connected(server)
        line.talks.stt.expect(Expected(node="ask", phrases=("yes",)))
        for at in range(0, len(PAUSE + WORDS), 640):
            line.talks.stt.feed((PAUSE + WORDS)[at : at + 640])
        await line.settled("input_audio_buffer.append")
        await server.hang_up()
        async with asyncio.timeout(10):
            await line.ear.opened.wait()
        line.ear.heard.put_nowait(i.Heard(text="i would like to book"))
        heard = await line.hear(PAUSE)
        assert heard.text == "i would like to book"
        assert len(line.ear.fed) > len(WORDS), "the spare got what nobody had read"
        assert line.ear.expected.phrases == ("yes",)
        with pytest.raises(ChatError) as caught:
            await line.ask(user("I would like to book."))
        assert caught.value.failure == "away"
        assert await line.say("Hello.")
        assert line.mouth.said == ["Hello."]
        await line.talks.close()


@in_loop
async def test_a_sentence_whose_sound_breaks_off_is_said_again_by_the_spare() -> None:
    async with realtime_server() as server:
        server.responses = [Said("One two three four five six.", fault="drop")]
        line = await connected(server)
        with pytest.raises(ChatError):
            await line.ask(user("Count."))
        await line.say("One two three four")
        await line.talks.close()
    assert line.mouth.said == ["One two three four"]


@in_loop
async def test_a_server_that_is_away_or_says_no_is_told_in_words() -> None:
    async with realtime_server() as server:
        server.key = "sesame"
        with pytest.raises(SpeechAwayError, match="refused the key"):
            await connected(server, api_key="wrong")
        line = await connected(server, api_key="sesame")
        await line.talks.close()
        server.refuses_session = True
        with pytest.raises(SpeechAwayError, match="refused the session"):
            await connected(server, api_key="sesame")
    with pytest.raises(SpeechAwayError, match="cannot be reached"):
        await connected(server, api_key="sesame")
