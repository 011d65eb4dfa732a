"""Whether an INVITE asks the phone to answer by itself, and after how long.

Nobody agreed on one header; these are in use: `Call-Info: …;answer-after=0` (Asterisk, Broadworks, Snom),
`Alert-Info: …;info=alert-autoanswer` (Snom, Grandstream, Yealink), `Alert-Info: Ring Answer` or
`Auto Answer` (Polycom, Cisco) and `Answer-Mode: Auto` (RFC 5373). Only the wish is read here. Whether it
is granted: `runtime.auto_answer`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

MOST_S = 60.0
"""A caller hangs up before a longer wait is over."""

_AFTER = re.compile(r";\s*(?:answer-after|delay)\s*=\s*\"?(\d{1,4})\b", re.IGNORECASE)
_ALERT = re.compile(
    r"info\s*=\s*\"?(?:alert-auto-?answer|auto-?\s?answer|ring-?\s?answer|intercom)\b"
    r"|^\s*<?(?:auto|ring)[ -]?answer\b",
    re.IGNORECASE,
)
_AUTO = re.compile(r"^\s*auto\b", re.IGNORECASE)


def wanted_after(headers: Mapping[str, str]) -> float | None:
    """Seconds after which the caller wishes to be answered; None: he wishes nothing of the kind."""
    known = {name.lower(): value for name, value in headers.items()}
    call_info, alert = known.get("call-info", ""), known.get("alert-info", "")
    asked = re.search(r";\s*answer-after\s*=", call_info, re.IGNORECASE) is not None
    asked = asked or _ALERT.search(alert) is not None
    asked = asked or any(_AUTO.match(known.get(name, "")) for name in ("answer-mode", "priv-answer-mode"))
    if not asked:
        return None
    after = _AFTER.search(call_info) or _AFTER.search(alert)
    return min(float(after[1]), MOST_S) if after else 0.0
