"""Numbers as they are said, and as figures."""

from __future__ import annotations

UNITS = "one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_VALUES = {"zero": 0, "oh": 0, "a": 1} | {word: place + 1 for place, word in enumerate(UNITS)}
_VALUES |= {word: place + 10 for place, word in enumerate(TEENS)}
_VALUES |= {word: 10 * place + 20 for place, word in enumerate(TENS)}


def with_figures(text: str) -> str:
    """Numbers as figures: "two hundred and five dollars" as "205 dollars", "four oh two" as "402"."""
    words = text.split()
    out: list[str] = []
    at = 0
    while at < len(words):
        end = at
        while end < len(words) and (
            words[end] in _VALUES
            or words[end] in ("hundred", "thousand")
            or (words[end] == "and" and end > at and words[end - 1] in ("hundred", "thousand"))
        ):
            end += 1
        if end < len(words) and words[end - 1 : end] == ["and"]:
            end -= 1
        run = words[at:end]
        if not run or run == ["a"]:
            out.append(words[at])
            at += 1
            continue
        out.append(_figures(run))
        at = end
    return " ".join(out)


def _figures(run: list[str]) -> str:
    single = [word for word in run if _VALUES.get(word, 10) < 10]
    if len(run) > 1 and len(single) == len(run):
        return "".join(str(_VALUES[word]) for word in run)
    total = part = 0
    for word in run:
        if word == "hundred":
            part = max(part, 1) * 100
        elif word == "thousand":
            total, part = total + max(part, 1) * 1000, 0
        elif word != "and":
            part += _VALUES[word]
    return str(total + part)
