"""Both providers against a server that streams, and fails, as theirs do."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from halodesk.connectors.llm import accounts, open_llm, providers
from halodesk.connectors.llm.provider import LlmAccount
from halodesk.engine.errors import SettingsError
from halodesk.engine.flow_agent import inputs as i
from halodesk.runtime.flow_agent.clock import LoopClock
from halodesk.runtime.flow_agent.completions import complete
from halodesk.runtime.flow_agent_ports import ChatMessage, ChatRequest, ToolSpec
from tests.fakes.llm_server import LlmServer, Reply, llm_server

ASKED = ChatRequest(
    messages=(
        ChatMessage(role="system", content="Be kind."),
        ChatMessage(role="assistant", content="Hello."),
        ChatMessage(role="user", content="A table, please."),
        ChatMessage(
            role="assistant",
            content="",
            calls=(i.ToolCall(id="c1", name="look", arguments='{"day": "Monday"}'),),
        ),
        ChatMessage(role="tool", content='{"ok": true}', call_id="c1"),
    ),
    tools=(ToolSpec(name="book", description="Books.", parameters={"type": "object", "properties": {}}),),
    first_token_s=2.0,
    stall_s=2.0,
)
BOTH = pytest.mark.parametrize("provider", ["openai", "anthropic"])


def account(server: LlmServer, provider: str, **fields: Any) -> LlmAccount:
    url = server.url if provider == "openai" else server.bare_url
    return LlmAccount(provider=provider, model="m-1", url=url, api_key="k", **fields)


def completed(found: LlmAccount, request: ChatRequest = ASKED) -> list[i.AnyNews]:
    async def work() -> list[i.AnyNews]:
        news: list[i.AnyNews] = []
        llm = open_llm(found)
        try:
            await complete(llm, request, 7, LoopClock(), news.append)
        finally:
            await llm.close()
        return news

    return asyncio.run(work())


def test_both_are_found_by_themselves() -> None:
    assert set(providers()) == {"openai", "anthropic"}


@BOTH
def test_text_and_calls_come_in_pieces_and_whole(provider: str) -> None:
    reply = Reply("Let me see. One moment", (("book", '{"size": "large"}'), ("look", "{")), usage=(1000, 500))
    with llm_server(reply) as server:
        news = completed(account(server, provider, price_prompt=2.0, price_completion=4.0))
    assert [one.text for one in news if isinstance(one, i.ModelSaid)] == ["Let me see.", "One moment"]
    done = news[-1]
    assert isinstance(done, i.ModelDone)
    assert [(call.name, call.arguments) for call in done.calls] == [
        ("book", '{"size": "large"}'),
        ("look", "{"),
    ]
    assert done.usage == i.Usage(prompt=1000, completion=500, cost=0.004)
    assert done.model == f"{provider}/m-1"
    assert done.first_ms >= 1


@BOTH
@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("cut", "cut"),
        ("stall", "stalled"),
        ("hang", "timeout"),
        ("429", "rate_limited"),
        ("500", "away"),
        ("401", "refused"),
        ("nonsense", ""),
        ("drop", "away"),
    ],
)
def test_faults_have_their_names(provider: str, fault: str, failure: str) -> None:
    with llm_server(Reply("One thing. And", fault=fault)) as server:
        news = completed(account(server, provider))
    lost = news[-1]
    assert isinstance(lost, i.ModelFailed)
    assert lost.failure == (failure or lost.failure)
    assert lost.detail
    if fault in ("cut", "stall"):
        assert news[0] == i.ModelSaid(request=7, text="One thing.")


def test_nothing_listens() -> None:
    news = completed(LlmAccount(provider="openai", model="m", url="http://127.0.0.1:9/v1"))
    assert isinstance(news[-1], i.ModelFailed)
    assert news[-1].failure in ("away", "timeout")


def test_what_openai_is_asked() -> None:
    with llm_server(Reply("Yes.")) as server:
        completed(account(server, "openai"))
    (body,) = server.seen
    assert body["model"] == "m-1"
    assert [one["role"] for one in body["messages"]] == ["system", "assistant", "user", "assistant", "tool"]
    assert body["messages"][3]["tool_calls"][0]["function"]["name"] == "look"
    assert body["messages"][4]["tool_call_id"] == "c1"
    assert body["tools"][0]["function"]["name"] == "book"
    assert body["stream"] is True
    assert server.headers[0]["authorization"] == "Bearer k"


def test_what_anthropic_is_asked() -> None:
    with llm_server(Reply("Yes.")) as server:
        completed(account(server, "anthropic"))
    (body,) = server.seen
    assert body["system"] == "Be kind."
    assert [one["role"] for one in body["messages"]] == ["user", "assistant", "user", "assistant", "user"]
    assert body["messages"][3]["content"][0]["input"] == {"day": "Monday"}
    assert body["messages"][4]["content"][0]["tool_use_id"] == "c1"
    assert body["tools"][0]["input_schema"]["type"] == "object"


def test_the_environment_redirects_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9")
    with llm_server(Reply("Yes.")) as server:
        assert isinstance(completed(account(server, "openai"))[-1], i.ModelDone)


@pytest.mark.parametrize(
    "wrong",
    [
        {"model": "m", "provider": "nobody", "api_key": "k"},
        {"model": "m"},
        {"model": "m", "url": "http://example.com/v1"},
        {"provider": "openai"},
        {"model": "m", "apikey": "k"},
    ],
)
def test_a_wrong_account_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingsError):
        open_llm(*accounts([wrong]))


def test_a_key_is_in_no_text() -> None:
    assert "secret" not in repr(LlmAccount(model="m", api_key="secret"))


@BOTH
def test_a_connection_that_is_closed_unanswered_is_no_failure_of_the_model(provider: str) -> None:
    with llm_server(Reply(fault="drop"), Reply("Yes.")) as server:
        news = completed(account(server, provider))
        assert len(server.seen) == 2
    assert news[0] == i.ModelSaid(request=7, text="Yes.")
    assert isinstance(news[-1], i.ModelDone)
