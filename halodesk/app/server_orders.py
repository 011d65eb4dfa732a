"""Orders of the server for a flow agent's call, made by the window as those of a command are."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from halodesk.app.agent_orders import AgentOrders
from halodesk.engine.errors import HaloDeskError, SettingsError
from halodesk.engine.flow_agent.document import loads
from halodesk.engine.flow_agent.log import Head, Line
from halodesk.protocol.call_orders import NUMBER, CallOrder, OrderReport
from halodesk.runtime.agent_order import Order, Outcome

Report = Callable[[str, OrderReport], None]
"""Tells the server of an order, by its id; main thread."""

_log = structlog.get_logger("live_agent")


class ServerOrders:
    """Main thread only."""

    def __init__(self, orders: AgentOrders, report: Report) -> None:
        self._orders, self._report = orders, report

    def take(self, given: CallOrder) -> None:
        """One that this seat has taken on the server: dial it, or say why not."""
        teller = _Teller(given.order, self._report)
        try:
            if not NUMBER.fullmatch(given.to):  # a feature code, say: whoever orders does not set up our PBX
                raise SettingsError("What the server wants dialled is no telephone number.")
            document = loads(given.document, given.agent)
            wish = Order(document=dict(document.source), to=given.to, parameters=given.parameters)
            self._orders.place(teller, wish, document)
        except HaloDeskError as error:
            _log.info("order_refused", error=type(error).__name__)
            self._report(given.order, OrderReport(state="refused", reason=error.message))


class _Teller:
    """Where an order's news go. The log of the conversation stays at this seat."""

    def __init__(self, order: str, report: Report) -> None:
        self._order, self._report = order, report

    def log(self, line: Head | Line) -> None:
        """Nothing: what was said is kept as for every call."""

    def answered(self) -> None:
        """Somebody is on the line."""
        self._report(self._order, OrderReport(state="answered"))

    def finish(self, outcome: Outcome) -> None:
        """The call has ended, or could not be made."""
        self._report(self._order, OrderReport(state="ended", reason=outcome.problem or outcome.reason))
