"""Push buttons, painted from tokens, with the key that presses them in sight."""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QPushButton, QSizePolicy

from halodesk.ui.theme.active import colour, theme_name
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Radius, Size, Space, Type

Kind = Literal["primary", "secondary", "success", "danger", "ghost"]

# body, body under the pointer, body pressed, text
_BODIES: dict[Kind, tuple[str, str, str, str]] = {
    "primary": ("accent", "accent_hover", "accent_press", "on_accent"),
    "secondary": ("surface", "raised", "accent_soft", "text"),
    "success": ("success", "success_hover", "success_hover", "on_success"),
    "danger": ("danger", "danger_hover", "danger_hover", "on_danger"),
    "ghost": ("", "accent_soft", "accent_soft", "accent_ink"),
}
_FILLED = ("primary", "success", "danger")
_BADGE_HEIGHT = 22


class Button(QPushButton):
    """A button of the house. Enter presses it, as Space does."""

    def __init__(
        self,
        text: str = "",
        *,
        kind: Kind = "secondary",
        icon: str = "",
        hint: str = "",
        name: str = "",
        height: int = Size.BUTTON,
    ) -> None:
        super().__init__()
        self.kind: Kind = kind
        self.icon_name = icon
        self.hint = hint
        self.chosen = False
        self._words = ""
        if name:
            self.setObjectName(name)
        self.setFixedHeight(height)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_words(text)

    @property
    def words(self) -> str:
        """The text as a person reads it."""
        return self._words

    def set_words(self, text: str) -> None:
        """Sets the text; an `&` in it is no shortcut."""
        self._words = text
        self.setText(text.replace("&", "&&"))
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    def render_as(self, text: str, kind: Kind, hint: str, *, chosen: bool = False) -> None:
        """All that shows, at once."""
        self.kind, self.hint, self.chosen = kind, hint, chosen
        self.set_words(text)

    def sizeHint(self) -> QSize:
        """Text, icon and key in one line."""
        width = 2 * (Space.L if self._words else Space.S) + self._text_width()
        width += self._icon_room() + self._badge_room()
        return QSize(max(width, self.height()), self.height())

    def minimumSizeHint(self) -> QSize:
        """The text may take two lines."""
        if not self._words:
            return self.sizeHint()
        words = max(self._words.split(), key=len)
        longest = max(self._metrics_width(words), self._text_width() * 6 // 10)
        return QSize(2 * Space.L + longest + self._icon_room() + self._badge_room(), self.height())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter presses the button that has the focus."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and not event.modifiers() & ~_KEYPAD:
            if not event.isAutoRepeat():
                self.click()
            return
        super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Body, border, focus ring, icon, text, key."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self._body(painter)
        left = Space.L if self._words else (self.width() - 18) // 2
        if self.chosen:
            painter.drawPixmap(
                left, (self.height() - 18) // 2, pixmap("check", ink if self._filled() else "accent_ink")
            )
            left += 18 + Space.S
        elif self.icon_name:
            painter.drawPixmap(left, (self.height() - 18) // 2, pixmap(self.icon_name, ink))
            left += 18 + Space.S
        right = self.width() - Space.L
        if self.hint:
            right = self._badge(painter, right, ink) - Space.M
        painter.setFont(self._font())
        painter.setPen(colour(ink))
        alone = not (self.hint or self.icon_name or self.chosen)
        place = Qt.AlignmentFlag.AlignHCenter if alone else Qt.AlignmentFlag.AlignLeft
        painter.drawText(
            QRect(left, 0, right - left, self.height()),
            int(place | Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextWordWrap),
            self._words,
        )

    def _body(self, painter: QPainter) -> str:
        body, hover, press, ink = _BODIES[self.kind]
        if not self.isEnabled():
            body, ink = ("raised" if body else ""), "muted"
        elif self.isDown():
            body = press
        elif self.underMouse():
            body = hover
        elif self.chosen and self.kind not in _FILLED:  # whose ink is for the filled body only
            body = "accent_soft"
        filled = self._filled()
        outline = "" if filled or self.kind == "ghost" else ("accent" if self.chosen else "edge")
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(colour(outline) if outline else Qt.PenStyle.NoPen)
        painter.setBrush(colour(body) if body else Qt.BrushStyle.NoBrush)
        painter.drawRoundedRect(area, Radius.M, Radius.M)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            ring = "on_accent" if filled else "accent"
            painter.setPen(QPen(colour(ring), 2))
            inset = 3 if filled else 1
            painter.drawRoundedRect(
                QRectF(self.rect()).adjusted(inset, inset, -inset, -inset), Radius.M - 2, Radius.M - 2
            )
        return ink

    def _filled(self) -> bool:
        return self.kind in _FILLED and self.isEnabled()

    def _badge(self, painter: QPainter, right: int, ink: str) -> int:
        width = self._badge_room() - Space.M
        area = QRectF(right - width, (self.height() - _BADGE_HEIGHT) / 2, width, _BADGE_HEIGHT)
        filled = self._filled()
        painter.setPen(colour(ink) if filled else colour("edge"))
        painter.setBrush(Qt.BrushStyle.NoBrush if filled else colour("raised"))
        painter.drawRoundedRect(area.adjusted(0.5, 0.5, -0.5, -0.5), Radius.S - 1, Radius.S - 1)
        painter.setFont(font(Type.CAPTION, QFont.Weight.DemiBold))
        painter.setPen(colour(ink if filled else "muted"))
        painter.drawText(area, int(Qt.AlignmentFlag.AlignCenter), self.hint)
        return int(area.left())

    def _font(self) -> QFont:
        small = self.height() <= Size.BUTTON_SMALL
        return font(Type.LABEL if small else 15, QFont.Weight.DemiBold)

    def _metrics_width(self, text: str) -> int:
        return QFontMetrics(self._font()).horizontalAdvance(text) + 2

    def _text_width(self) -> int:
        return self._metrics_width(self._words) if self._words else 0

    def _icon_room(self) -> int:
        if self.icon_name or self.chosen:
            return 18 + (Space.S if self._words else 0)
        return 0

    def _badge_room(self) -> int:
        if not self.hint:
            return 0
        metrics = QFontMetrics(font(Type.CAPTION, QFont.Weight.DemiBold))
        return max(metrics.horizontalAdvance(self.hint) + 12, _BADGE_HEIGHT) + Space.M


_KEYPAD = Qt.KeyboardModifier.KeypadModifier


class ThemeButton(Button):
    """Switches between light and dark."""

    def __init__(self) -> None:
        super().__init__(kind="ghost", icon="dark", name="toggle_theme", height=Size.BUTTON_SMALL)
        self.refresh()

    def refresh(self) -> None:
        """Shows the other theme's sign."""
        dark = theme_name() == "dark"
        self.icon_name = "light" if dark else "dark"
        words = self.tr("Light theme") if dark else self.tr("Dark theme")
        self.setAccessibleName(words)
        self.setToolTip(words)
        self.update()
