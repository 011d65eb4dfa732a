"""The speech worker: a process that recognises one caller, so that this never delays the window.

It goes before other programs where the system allows it, since somebody waits for its answer; the phone goes
before it. It ends when its input does. What it hears is kept nowhere.
"""

from __future__ import annotations

import contextlib
import signal
import sys

import msgspec
import psutil

from halodesk.voice.messages import Expect, Finish, Finished, Ready, Sound, Told, framed, next_asked
from halodesk.voice.sphinx import Recogniser

_NICE = -5


def main() -> int:
    """Serves until the input ends; 1 when it is no sense."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the seat, which ends us
    _come_soon()
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


def _come_soon() -> None:
    with contextlib.suppress(psutil.AccessDenied):
        if sys.platform == "win32":
            psutil.Process().nice(psutil.ABOVE_NORMAL_PRIORITY_CLASS)
        else:
            psutil.Process().nice(_NICE)
