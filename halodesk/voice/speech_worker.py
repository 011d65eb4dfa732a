"""The speech worker: a process that recognises one caller, so that this never delays the window.

It ends when its input does. What it hears is kept nowhere.
"""

from __future__ import annotations

import signal
import sys

import msgspec

from halodesk.voice.messages import Expect, Finish, Finished, Ready, Sound, Told, framed, next_asked
from halodesk.voice.sphinx import Recogniser


def main() -> int:
    """Serves until the input ends; 1 when it is no sense."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the seat, which ends us
    source, sink = sys.stdin.buffer, sys.stdout.buffer

    def tell(message: Told) -> None:
        sink.write(framed(message))
        sink.flush()

    recogniser = Recogniser(tell)
    tell(Ready())
    try:
        while (asked := next_asked(source)) is not None:
            match asked:
                case Sound(pcm=pcm):
                    recogniser.feed(pcm)
                case Expect():
                    recogniser.expect(asked)
                case Finish(number=number):
                    recogniser.finish()
                    tell(Finished(number=number))
    except msgspec.DecodeError:
        return 1
    except BrokenPipeError:  # the seat has gone
        sys.stderr.close()
    return 0
