"""Texts that match a pattern: a few short ones, by walking the pattern itself.

Rules:
- The part of RE2 that authors write is read: signs, classes, groups, `|`, repeats, anchors, `(?i)`.
- Each text is tried against the pattern by RE2 before it is given out; so what is not read here
  gives no text, never a wrong one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from halodesk.engine.patterns import full_match

MOST = 4
_SHORTHAND = {"d": "5", "w": "a", "s": " ", "D": "x", "W": "-", "S": "x"}
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_POSIX = {"alpha": "a", "digit": "5", "alnum": "a", "upper": "A", "lower": "a", "space": " ", "punct": "-"}
_TYPICAL = "a5A ZzB_-x.0,@9"


class _UnreadError(Exception):
    """A part of the pattern that is not read here."""


def samples(pattern: str) -> list[str]:
    """Up to four texts that match the whole pattern; none where it is not understood."""
    try:
        found = _Reader(pattern).all()
    except (_UnreadError, IndexError, ValueError, RecursionError):
        return []
    kept = (text for text in itertools.islice(found, 64) if full_match(pattern, text))
    return list(itertools.islice(dict.fromkeys(kept), MOST))


class _Reader:
    """Recursive descent; every part gives the texts it stands for, the plainest first."""

    def __init__(self, pattern: str) -> None:
        self.pattern = pattern
        self.at = 0

    def all(self) -> Iterator[str]:
        found = self.either()
        if self.at < len(self.pattern):
            raise _UnreadError
        return iter(found)

    def either(self) -> list[str]:
        ways = [self.row()]
        while self.peek("|"):
            self.at += 1
            ways.append(self.row())
        # in turns, so that each way is among the first
        mixed = itertools.chain.from_iterable(itertools.zip_longest(*ways))
        return [text for text in mixed if text is not None][:16]

    def row(self) -> list[str]:
        texts = [""]
        while self.at < len(self.pattern) and self.pattern[self.at] not in "|)":
            part = self.repeated(self.one())
            texts = [left + right for right in part for left in texts][:16]
        return texts

    def repeated(self, part: list[str]) -> list[str]:
        least, most = 1, 1
        if self.at < len(self.pattern):
            sign = self.pattern[self.at]
            if sign in "*+?":
                least, most = {"*": (0, 2), "+": (1, 2), "?": (0, 1)}[sign]
                self.at += 1
            elif sign == "{" and (end := self.pattern.find("}", self.at)) > 0:
                low, _, high = self.pattern[self.at + 1 : end].partition(",")
                least = int(low)
                most = int(high) if high else least + (1 if "," in self.pattern[self.at : end] else 0)
                self.at = end + 1
            if (least, most) != (1, 1) and self.peek("?"):
                self.at += 1
        if least > 1000:
            raise _UnreadError
        first = [text * least for text in part] if least else [""]
        more = [text * most for text in part] if most > least else []
        return list(dict.fromkeys([*first, *more]))[:16]

    def one(self) -> list[str]:
        sign = self.pattern[self.at]
        self.at += 1
        if sign == "(":
            return self.group()
        if sign == "[":
            return self.character_class()
        if sign == "\\":
            return self.escaped()
        if sign in "^$":
            return [""]
        return ["x", "5"] if sign == "." else [sign]

    def group(self) -> list[str]:
        if self.peek("?"):
            end = self.at + 1
            while self.pattern[end] not in ":)>":
                end += 1
            flags = self.pattern[self.at + 1 : end]
            if flags[:1] in ("=", "!") or flags[:2] in ("<=", "<!"):
                raise _UnreadError
            self.at = end + 1
            if self.pattern[end] == ")":
                return [""]  # flags alone: the plain signs match with them or without
        found = self.either()
        if not self.peek(")"):
            raise _UnreadError
        self.at += 1
        return found

    def escaped(self) -> list[str]:
        sign = self.pattern[self.at]
        self.at += 1
        if sign in "bBAzZ":
            return [""]
        if sign in _SHORTHAND:
            return [_SHORTHAND[sign]]
        if sign.isalnum() and sign not in _ESCAPES:
            raise _UnreadError
        return [_ESCAPES.get(sign, sign)]

    def character_class(self) -> list[str]:
        negated = self.peek("^")
        self.at += negated
        inside: list[str] = []
        ranges: list[tuple[str, str]] = []
        first = True
        while first or not self.peek("]"):
            first = False
            if self.pattern.startswith("[:", self.at):
                end = self.pattern.index(":]", self.at)
                inside.append(_POSIX[self.pattern[self.at + 2 : end]])
                self.at = end + 2
                continue
            sign = self.sign_of_class()
            if self.peek("-") and self.pattern[self.at + 1] != "]":
                self.at += 1
                ranges.append((sign, self.sign_of_class()))
            else:
                inside.append(sign)
        self.at += 1
        known = set(inside)
        if negated:
            free = (one for one in _TYPICAL if one not in known and not any(a <= one <= b for a, b in ranges))
            return list(itertools.islice(free, 2))
        return list(dict.fromkeys([*inside, *(end for pair in ranges for end in pair)]))[:4]

    def sign_of_class(self) -> str:
        sign = self.pattern[self.at]
        self.at += 1
        return self.escaped()[0] if sign == "\\" else sign

    def peek(self, sign: str) -> bool:
        return self.at < len(self.pattern) and self.pattern[self.at] == sign
