"""What the seat does with a link to a telephone that came from another program.

Rules:
- A web page must not be able to place calls by itself: the number waits in the dial line for the
  agent's Enter, unless the settings say `dial`.
- Even then an emergency number, one with `*` or `#`, and an address at a computer that is not of our
  own accounts wait for the agent.
- No link does anything to a call that is up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal, NamedTuple

from halodesk.engine.dial_link import DialLink


class LinkVerdict(NamedTuple):
    """What becomes of a link. `words` are for the agent; empty: nothing to say."""

    act: Literal["fill", "dial"]
    words: str = ""


def verdict(
    link: DialLink, *, setting: Literal["fill", "dial"], busy: bool, emergency: bool, hosts: Iterable[str]
) -> LinkVerdict:
    """`busy`: a call or a session is open. `emergency`: by the seat's own settings. `hosts`: of our lines."""
    if busy:
        return LinkVerdict(
            "fill", f"A link asks to call {link.to}. It waits in the dial line. {link.note}".strip()
        )
    if setting == "fill":
        return LinkVerdict("fill", link.note)
    if emergency or not link.may_dial:
        words = f"{link.to} is not dialled by a click on a link. Press Enter to call."
        return LinkVerdict("fill", f"{words} {link.note}".strip())
    if link.host and link.host.rstrip(".") not in {host.rstrip(".").lower() for host in hosts}:
        return LinkVerdict("fill", f"{link.host} is not of your own telephone lines. Press Enter to call.")
    return LinkVerdict("dial", link.note)


_HOST = re.compile(r"^(?:sips?:)?(?:[^@]*@)?(\[[^\]]*\]|[^:;?>]*)", re.IGNORECASE)


def hosts_of(addresses: Iterable[str]) -> list[str]:
    """Hosts of SIP addresses of our own settings."""
    found = [_HOST.match(address) for address in addresses]
    return [match.group(1).lower() for match in found if match is not None and match.group(1)]
