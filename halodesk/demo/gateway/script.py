"""What the sandbox gateway does with its next charges, told beforehand.

A script is a list of words, one used up by each new movement: charge, capture, void or refund (not
by a repeat under a known key, not by a refused order). When it has run out, the card number decides
(`rules`).
A script begins anew with each start of the process.

| word | what happens to the charge |
| --- | --- |
| approve | approved |
| decline:CODE | declined with CODE, e.g. insufficient_funds, do_not_honor |
| timeout_after_charge | charged; no answer until the caller gives up |
| hang | not charged; no answer until the caller gives up |
| die_after_charge | charged and written to the state file; then the process is gone |
| nonsense | charged; the answer is 200 with garbage |
| server_error | not charged; the answer is 500 |
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from halodesk.engine.errors import DemoError

Manner = Literal["answer", "never_answer", "never_charge", "die", "nonsense", "server_error"]


class Act(msgspec.Struct, frozen=True):
    """How one charge goes: its manner, and a decline code that overrules the card's own.

    `decline` is None where the card decides, empty where the charge is approved.
    """

    manner: Manner
    decline: str | None = None


_ACTS = {
    "approve": Act("answer", ""),
    "timeout_after_charge": Act("never_answer", ""),
    "hang": Act("never_charge"),
    "die_after_charge": Act("die", ""),
    "nonsense": Act("nonsense", ""),
    "server_error": Act("server_error"),
}


def read_script(words: Iterable[str]) -> Iterator[Act]:
    """The acts of a script. Raises `DemoError` at once for a word it does not know."""
    return iter([_act(word.strip()) for word in words])


def _act(word: str) -> Act:
    if decline := re.fullmatch(r"decline:([a-z_]{1,40})", word):
        return Act("answer", decline[1])
    if word not in _ACTS:
        raise DemoError(
            f"The sandbox gateway's script knows no word “{word}”.",
            f"Use {', '.join(_ACTS)} or decline:CODE.",
        )
    return _ACTS[word]
