"""A stream of text in pieces that can be spoken: a sentence as soon as it is whole."""

from __future__ import annotations

import re

SHORTEST = 8
"""Characters: "Yes." alone waits for what follows, it would be spoken with a gap."""
LONGEST = 280
"""A sentence without an end is spoken up to a comma or blank by then."""
_END = re.compile(r"[.!?…。！？]+[\"'”’)]*(?=\s)|\n+")
_SHORT_FORM = re.compile(r"(?:^|\s)(?:Dr|Mr|Mrs|Ms|Prof|St|No|vs|e\.g|i\.e|a\.m|p\.m|[A-Z])\.$")


class Sentences:
    """Takes text as it comes, gives sentences."""

    def __init__(self) -> None:
        self._rest = ""

    def feed(self, text: str) -> list[str]:
        """Some more text; the sentences that it completed."""
        self._rest += text
        found: list[str] = []
        while (end := self._end()) > 0:
            sentence, self._rest = self._rest[:end].strip(), self._rest[end:].lstrip()
            if sentence:
                found.append(sentence)
        return found

    def flush(self) -> str:
        """What is left, when no more comes."""
        rest, self._rest = self._rest.strip(), ""
        return rest

    def _end(self) -> int:
        for match in _END.finditer(self._rest):
            before = self._rest[: match.end()]
            if len(before.strip()) >= SHORTEST and not _SHORT_FORM.search(before.rstrip("\"'”’)")):
                return match.end()
        if len(self._rest) > LONGEST:
            comma = max(self._rest.rfind(", ", 0, LONGEST), self._rest.rfind("; ", 0, LONGEST))
            return comma + 1 if comma > 0 else max(self._rest.rfind(" ", 0, LONGEST), LONGEST)
        return 0
