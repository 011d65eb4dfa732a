"""A desk whose web pages are real: the effects runner and the browser of the product behind it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from halodesk.engine import commands as c
from halodesk.engine.effects import BrowserVisit
from halodesk.engine.errors import FunctionError
from halodesk.engine.flow import Flow, from_builtins
from halodesk.engine.session import scope
from halodesk.runtime.effects import Effects
from halodesk.runtime.threads import IoThread, SystemClock
from halodesk.runtime.vault import Vault
from halodesk.ui.browser.visits import Visits
from tests.browser.conftest import Bridge
from tests.ui.fake_desk import FakeDesk


def portal_flow(url: str, **config: Any) -> Flow:
    """Name and phone, then the portal, then the policy it gave."""
    return from_builtins(
        {
            "schema": 1,
            "key": "portal",
            "name": "Eligibility",
            "version": 3,
            "start": "ask",
            "steps": [
                {
                    "key": "ask",
                    "type": "start",
                    "title": "Who is it?",
                    "fields": [
                        {"name": "first_name", "type": "text", "label": "First name"},
                        {"name": "phone", "type": "text", "label": "Phone"},
                    ],
                    "fallback": "portal",
                },
                {
                    "key": "portal",
                    "type": "web_browser",
                    "title": "Look the member up",
                    "config": {"url": url, "body": "“One moment, I am looking that up.”", **config},
                    "fallback": "end",
                },
                {
                    "key": "end",
                    "type": "end",
                    "title": "Wrap up {{ policy }}",
                    "config": {"disposition": "outcome"},
                    "fields": [{"name": "outcome", "type": "text", "label": "Outcome", "required": True}],
                },
            ],
        }
    )


class _NoFunctions:
    """These flows have none."""

    async def evaluate(self, expression: str, variables: Mapping[str, Any], *, timeout_ms: int = 200) -> Any:
        raise FunctionError("No functions here.")


class WebDesk(FakeDesk):
    """`FakeDesk`, with visits that are carried out."""

    def __init__(self, flow: Flow, visits: Visits, io: IoThread, bridge: Bridge) -> None:
        super().__init__(flow)
        self._io = io
        self._running: set[str] = set()
        self._effects = Effects(
            functions=_NoFunctions(),
            gateways={},
            vault=Vault(SystemClock().mono),
            settle=lambda session, answer: bridge.post(lambda: self._answered(answer)),
            browser=visits,
        )

    def _answered(self, answer: c.Resolve) -> None:
        if self.state is not None and answer.id in self.state.effects:
            self._running.discard(answer.id)
            assert self.do(answer) is None

    def _next(self) -> c.Command | None:
        assert self.state is not None
        visits = {id_: ask for id_, ask in self.state.effects.items() if ask.kind == BrowserVisit.kind}
        for gone in self._running - set(visits):
            self._running.discard(gone)
            self._io.submit(self._effects.cancel(self.session_id, gone))
        for id_, ask in visits.items():
            if id_ not in self._running:
                self._running.add(id_)
                self._io.submit(self._effects.run(self.session_id, ask, scope(self.state)))
        return None if visits else super()._next()
