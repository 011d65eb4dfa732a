"""The mask in words: the same ones wherever it is shown."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QCoreApplication

from halodesk.engine.session import Mask
from halodesk.ui.parts import pill
from halodesk.ui.parts.pill import Tone


class MaskWords(NamedTuple):
    """`short` for the indicator, `proof` for its tool tip and the payment page."""

    short: str
    proof: str
    tone: Tone
    band: str
    """Colour token of the band under the status bar, empty for none."""


def mask_words(mask: Mask) -> MaskWords:
    """Words and colours of a phase; empty words for `none`."""
    tr = QCoreApplication.translate
    told = " ".join(filter(None, (mask.message, mask.todo)))
    match mask.phase:
        case "wanted":
            proof = told or tr(
                "mask", "Every recorder is asked to stop. Secure boxes stay locked until they prove it."
            )
            return MaskWords(tr("mask", "MASKING…"), proof, pill.WANTED, "warning")
        case "held":
            names = ", ".join(mask.confirmed_by)
            proof = tr("mask", "Confirmed by {names}.").format(names=names) if names else told
            return MaskWords(tr("mask", "MASKED – recording paused"), proof, pill.MASKED, "mask")
        case "lost":
            proof = told or tr("mask", "A recorder no longer confirms the mask. Do not take card data now.")
            return MaskWords(tr("mask", "MASK LOST – inputs locked"), proof, pill.LOST, "danger")
        case "releasing":
            return MaskWords(tr("mask", "UNMASKING…"), told, pill.WANTED, "warning")
        case _:
            return MaskWords("", "", pill.PLAIN, "")
