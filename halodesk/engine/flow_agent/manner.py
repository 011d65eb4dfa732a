"""How a flow agent behaves where no document says so: times, limits, fixed lines."""

from __future__ import annotations

import msgspec

from halodesk.engine.flow_agent.document import Document

LINES = ("fillers", "fallback", "get_human", "no_human", "still_there", "goodbye")
"""What is spoken, and may be put into a document's `lines`."""


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds, counts and lines. A log keeps the one it ran with: replay needs it."""

    quiet_s: float = 2.0
    """Silence on our side after which a filler is spoken."""
    first_token_s: float = 2.5
    stall_s: float = 2.5
    """Longest silence between two pieces of a completion."""
    resume_s: float = 1.5
    """After a sound that was no speech: the agent goes on with what it was cut in."""
    terminal_s: float = 10.0
    cap_s: float = 60.0
    idle_s: float = 0.0
    """Silence of the caller after which the agent asks for them; 0: never, as in writing."""
    idle_times: int = 2
    """How often it asks before it ends the call."""
    human_s: float = 20.0
    """How long a colleague may take to come."""
    rounds: int = 6
    """Completions in one turn of the caller."""
    bad_rounds: int = 2
    """Completions with a refused call before the agent falls back on a line."""
    calls: int = 8
    """Calls in one completion; more are refused."""
    context_tokens: int = 16_000
    summarise_at: float = 0.7
    keep_messages: int = 6
    """The newest messages stay as they are when the others are summarised."""
    most_tokens: int = 0
    """Tokens a call may use in all; 0: no cap."""
    most_cost: float = 0.0
    """What a call may cost; 0: no cap."""
    fillers: tuple[str, ...] = (
        "One moment, please.",
        "I am still looking into this for you.",
        "Thank you for waiting, it will not be long.",
    )
    fallback: str = "I am sorry, I did not get that right. Could you say it once more, please?"
    get_human: str = "I am getting a colleague to help you. Please stay on the line."
    no_human: str = "I am sorry, I cannot go on just now. We will call you back. Goodbye."
    still_there: str = "Are you still there?"
    goodbye: str = "Thank you for your time. Goodbye."
    nudge: str = "You answered nothing. Say one short sentence to the caller now, or call a function."
    go_on: str = "Your last answer broke off. Go on from there without repeating what was said."
    moved: str = (
        "The page has gone on, or a colleague has worked on it. Go on from what it says now; do not repeat"
        " what was said."
    )
    hand_back: str = "A colleague spoke with the caller and handed the call back to you. Go on from there."


def in_words_of(document: Document, manner: Manner) -> Manner:
    """The manner with the document's own lines."""
    lines: dict[str, str | tuple[str, ...]] = {
        name: texts if name == "fillers" else texts[0]
        for name, texts in document.lines.items()
        if name in LINES
    }
    return msgspec.structs.replace(manner, **lines)
