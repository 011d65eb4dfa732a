"""Which flow a call starts: the first whose start step names its DID or its queue.

Main thread only.
"""

from __future__ import annotations

from collections.abc import Sequence

from halodesk.engine.errors import DocumentError
from halodesk.engine.flow import Flow
from halodesk.engine.patterns import full_match
from halodesk.engine.steps.base import read_config
from halodesk.engine.steps.start import Config
from halodesk.protocol.phone_link import CallInfo

QUEUE_HEADER = "X-Queue"


class Campaigns:
    """The flows that new sessions begin on, one version of each."""

    def __init__(self, flows: Sequence[Flow]) -> None:
        self._flows = {flow.key: flow for flow in flows}

    def offer(self, flow: Flow) -> None:
        """From now on this version; a session that runs keeps its own."""
        self._flows[flow.key] = flow

    def flow_for(self, call: CallInfo) -> Flow | None:
        """See `flow_for`."""
        return flow_for(call, tuple(self._flows.values()))


def flow_for(call: CallInfo, flows: Sequence[Flow]) -> Flow | None:
    """The flow of an incoming call; a lone flow takes every call. None: nothing fits."""
    for flow in flows:
        if _fits(call, flow):
            return flow
    return flows[0] if len(flows) == 1 else None


def _fits(call: CallInfo, flow: Flow) -> bool:
    start = flow.step(flow.start)
    if start is None or start.type != "start":
        return False
    try:
        config = read_config(Config, start)
    except DocumentError:  # a ringing phone is no place for it: the session says so when it begins
        return False
    queue = next((value for name, value in call.headers.items() if name.lower() == QUEUE_HEADER.lower()), "")
    if queue and queue in config.queues:
        return True
    return any(full_match(pattern, call.called) for pattern in config.did_patterns)
