"""The scripted model as a process of its own, so that it takes no time from who is measured.

`python -m tests.bench.llm_child`: prints its address, serves until its standard input closes. The model
named `fault-N` misbehaves as the N-th fault does; every other calls its first function after the
caller's words and speaks after that.
"""

from __future__ import annotations

import sys
from collections import Counter
from typing import Any

from tests.fakes.flow_faults import FAULTS
from tests.fakes.llm_server import LlmServer, Reply

_asked: Counter[str] = Counter()


def answer(body: dict[str, Any]) -> Reply:
    """The next completion of that model."""
    model = str(body["model"])
    if model.startswith("fault-"):
        replies = FAULTS[int(model.split("-")[1])].replies
        _asked[model] += 1
        return replies[min(_asked[model], len(replies)) - 1]
    for message in reversed(body["messages"]):
        if message["role"] == "user":
            return Reply("", ((body["tools"][0]["function"]["name"], "{}"),))
        if message["role"] in ("tool", "assistant"):
            break
    return Reply("Fine. What comes next?")


def main() -> None:
    """Serve."""
    server = LlmServer(answer)
    print(server.url, flush=True)
    sys.stdin.read()
    server.stop()


if __name__ == "__main__":
    main()
