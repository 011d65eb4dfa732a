"""Design tokens: the only place where a size or a colour is written down.

Rules:
- One accent colour. Green, red, amber and violet carry meaning only: line up, danger or
  recording, attention, masked.
- `TEXT_PAIRS` names every text on background combination that the window draws; a test
  measures each against WCAG 2.2 (4.5:1), and `EDGE_PAIRS` (what one must see to operate a
  control) against 3:1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

ThemeName = Literal["light", "dark"]


class Space:
    """Distances, in logical pixels."""

    XS: Final = 4
    S: Final = 8
    M: Final = 12
    L: Final = 16
    XL: Final = 24
    XXL: Final = 32


class Radius:
    """Corner radii, in logical pixels."""

    S: Final = 6
    M: Final = 10
    L: Final = 14


class Type:
    """Type scale, in logical pixels."""

    CAPTION: Final = 12
    LABEL: Final = 13
    BODY: Final = 14
    LEAD: Final = 16
    SECTION: Final = 18
    SCRIPT: Final = 20
    TITLE: Final = 25
    DISPLAY: Final = 34


class Size:
    """Fixed extents, in logical pixels."""

    RAIL: Final = 76
    STATUS_BAR: Final = 56
    CONTEXT: Final = 324
    INPUT: Final = 44
    BUTTON: Final = 48
    BUTTON_SMALL: Final = 36
    TEXT_COLUMN: Final = 920
    """Widest comfortable column of a step page."""
    MASK_BAND: Final = 5


@dataclass(frozen=True)
class Colours:
    """One theme. `_soft` is a tinted background, `_ink` the text on it."""

    canvas: str
    surface: str
    raised: str
    border: str
    edge: str
    thumb: str
    text: str
    muted: str
    accent: str
    accent_hover: str
    accent_press: str
    on_accent: str
    accent_soft: str
    accent_ink: str
    success: str
    success_hover: str
    on_success: str
    success_soft: str
    success_ink: str
    danger: str
    danger_hover: str
    on_danger: str
    danger_soft: str
    danger_ink: str
    warning: str
    on_warning: str
    warning_soft: str
    warning_ink: str
    mask: str
    on_mask: str
    mask_soft: str
    mask_ink: str
    rail: str
    rail_text: str
    rail_chosen: str
    on_rail_chosen: str


LIGHT: Final = Colours(
    canvas="#F1F4F9",
    surface="#FFFFFF",
    raised="#F6F8FC",
    border="#DDE3ED",
    edge="#7F8CA3",
    thumb="#C2CBDA",
    text="#131C2E",
    muted="#536079",
    accent="#1F5FE0",
    accent_hover="#1A52C6",
    accent_press="#1545A8",
    on_accent="#FFFFFF",
    accent_soft="#E9F0FE",
    accent_ink="#1A4FBF",
    success="#0D7A45",
    success_hover="#0A6739",
    on_success="#FFFFFF",
    success_soft="#E2F5EA",
    success_ink="#0A6238",
    danger="#C42B2B",
    danger_hover="#A82222",
    on_danger="#FFFFFF",
    danger_soft="#FDECEB",
    danger_ink="#A32020",
    warning="#FFC44D",
    on_warning="#332400",
    warning_soft="#FFF3D6",
    warning_ink="#734D00",
    mask="#6B2BD6",
    on_mask="#FFFFFF",
    mask_soft="#F2EBFE",
    mask_ink="#5520B0",
    rail="#0F1A30",
    rail_text="#AEBBD3",
    rail_chosen="#22345A",
    on_rail_chosen="#FFFFFF",
)

DARK: Final = Colours(
    canvas="#0D121B",
    surface="#161D29",
    raised="#1E2736",
    border="#2A3547",
    edge="#73829B",
    thumb="#3A475D",
    text="#E9EFF9",
    muted="#A6B3C9",
    accent="#2F69E6",
    accent_hover="#2A5FD3",
    accent_press="#2453BA",
    on_accent="#FFFFFF",
    accent_soft="#1A2A4C",
    accent_ink="#9DBDFF",
    success="#157F4B",
    success_hover="#116B3E",
    on_success="#FFFFFF",
    success_soft="#12301F",
    success_ink="#6ADB99",
    danger="#CE3538",
    danger_hover="#B42A2D",
    on_danger="#FFFFFF",
    danger_soft="#3B1A1D",
    danger_ink="#FFA39E",
    warning="#FFC44D",
    on_warning="#332400",
    warning_soft="#372B10",
    warning_ink="#FFD583",
    mask="#8044EA",
    on_mask="#FFFFFF",
    mask_soft="#2A1F48",
    mask_ink="#CDB8FF",
    rail="#090D15",
    rail_text="#A0AEC6",
    rail_chosen="#1B2840",
    on_rail_chosen="#FFFFFF",
)

THEMES: Final[dict[ThemeName, Colours]] = {"light": LIGHT, "dark": DARK}

TEXT_PAIRS: Final = (
    ("text", "canvas"),
    ("text", "surface"),
    ("text", "raised"),
    ("text", "accent_soft"),
    ("muted", "canvas"),
    ("muted", "surface"),
    ("muted", "raised"),
    ("muted", "accent_soft"),
    ("accent_ink", "surface"),
    ("accent_ink", "canvas"),
    ("accent_ink", "raised"),
    ("accent_ink", "accent_soft"),
    ("on_accent", "accent"),
    ("on_accent", "accent_hover"),
    ("on_accent", "accent_press"),
    ("on_success", "success"),
    ("on_success", "success_hover"),
    ("success_ink", "success_soft"),
    ("success_ink", "surface"),
    ("on_danger", "danger"),
    ("on_danger", "danger_hover"),
    ("danger_ink", "danger_soft"),
    ("danger_ink", "surface"),
    ("danger_ink", "canvas"),
    ("on_warning", "warning"),
    ("warning_ink", "warning_soft"),
    ("warning_ink", "surface"),
    ("on_mask", "mask"),
    ("mask_ink", "mask_soft"),
    ("mask_ink", "surface"),
    ("text", "mask_soft"),
    ("rail_text", "rail"),
    ("on_rail_chosen", "rail_chosen"),
)

EDGE_PAIRS: Final = (
    ("edge", "surface"),
    ("edge", "raised"),
    ("accent", "surface"),
    ("accent", "canvas"),
    ("danger", "surface"),
    ("mask", "surface"),
)


def contrast(first: str, second: str) -> float:
    """Contrast ratio of two `#RRGGBB` colours as WCAG 2.2 defines it, 1 to 21."""
    lighter, darker = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
