"""QPalette of a theme, for all that the style sheet leaves to Fusion."""

from __future__ import annotations

from PySide6.QtGui import QColor, QPalette

from halodesk.ui.theme.tokens import Colours


def palette(colours: Colours) -> QPalette:
    """Palette with the same tokens as the style sheet."""
    role = QPalette.ColorRole
    made = QPalette()
    for target, value in (
        (role.Window, colours.canvas),
        (role.WindowText, colours.text),
        (role.Base, colours.surface),
        (role.AlternateBase, colours.raised),
        (role.Text, colours.text),
        (role.Button, colours.surface),
        (role.ButtonText, colours.text),
        (role.BrightText, colours.on_accent),
        (role.Highlight, colours.accent),
        (role.HighlightedText, colours.on_accent),
        (role.Link, colours.accent_ink),
        (role.LinkVisited, colours.accent_ink),
        (role.PlaceholderText, colours.muted),
        (role.ToolTipBase, colours.rail),
        (role.ToolTipText, colours.on_rail_chosen),
        (role.Mid, colours.border),
        (role.Dark, colours.edge),
        (role.Light, colours.raised),
    ):
        made.setColor(target, QColor(value))
    for target in (role.Text, role.WindowText, role.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, target, QColor(colours.muted))
    return made
