"""A line that brings a model of its own, as Realtime does."""

from __future__ import annotations

from collections.abc import Callable

from halodesk.runtime.flow_agent.scripted import Completion, ScriptedLLM
from tests.fakes.live_agents import Live


def test_the_model_of_the_line_speaks_first_and_those_of_the_settings_when_it_is_lost(
    open_: Callable[..., Live],
) -> None:
    live = open_(Completion(text="From the settings."))
    away = Completion(fail="away")
    live.line_model = ScriptedLLM([Completion(text="From the line."), away, away])
    live.begin()
    live.hear("Hello?")
    live.until(lambda: "From the line." in live.told())
    live.hear("And now?")
    live.until(lambda: "From the settings." in live.told())
