"""Composition root of the seat: `seat` builds and wires everything, the other modules help it."""

from halodesk.app.seat import Seat
from halodesk.app.start import failure_box, failure_shown, has_screen, run

__all__ = ["Seat", "failure_box", "failure_shown", "has_screen", "run"]
