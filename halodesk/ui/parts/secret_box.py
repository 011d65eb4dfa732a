"""Where card digits are typed: a box that paints dots and knows no digit.

Rules:
- It is no text input: no clipboard, undo, selection, drag, context menu or input method,
  because none exists here to switch off.
- Each digit goes to the desk as it is typed and is forgotten; what is painted comes from
  `SecretView` (a length, and the last four of a complete card number).
- While it is locked it swallows what it would take: typed blindly, it must not press a choice.
- Its accessible texts never contain a digit.
"""

from __future__ import annotations

from typing import Literal

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFont, QFontMetricsF, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from halodesk.runtime.ports import SecretView
from halodesk.ui.parts.labels import set_tip
from halodesk.ui.theme.active import colour
from halodesk.ui.theme.fonts import font
from halodesk.ui.theme.icons import pixmap
from halodesk.ui.theme.tokens import Radius, Space

Shape = Literal["number", "expiry", "cvv", "other"]
_GROUPS: dict[Shape, tuple[int, ...]] = {"number": (4, 4, 4, 4), "expiry": (2, 2), "cvv": (3,), "other": ()}
_BRANDS = {
    "amex": "American Express",
    "diners": "Diners Club",
    "discover": "Discover",
    "jcb": "JCB",
    "mastercard": "Mastercard",
    "unionpay": "UnionPay",
    "visa": "Visa",
}
_SHORT = {"amex": 15, "diners": 14}
_HEIGHT = 54
_DOT = 4.5
_PITCH = 15.0
_GAP = 14.0
_NOTHING_TO_LEARN = (
    Qt.InputMethodHint.ImhSensitiveData
    | Qt.InputMethodHint.ImhHiddenText
    | Qt.InputMethodHint.ImhNoPredictiveText
    | Qt.InputMethodHint.ImhNoAutoUppercase
)
_DIGITS, _LETTERS = "0123456789", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_ERASE = (Qt.Key.Key_Backspace, Qt.Key.Key_Delete)


class SecretBox(QWidget):
    """Digits in, dots out."""

    typed = Signal(str)
    erased = Signal(bool)
    """True: all digits."""

    def __init__(self) -> None:
        super().__init__()
        self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled, False)
        # For a platform that asks all the same: learn nothing of it, and show no words for it.
        self.setInputMethodHints(_NOTHING_TO_LEARN)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.PreventContextMenu)
        self.setAcceptDrops(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setFixedHeight(_HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.shape: Shape = "other"
        self.locked = True
        self.letters = False
        """Whether it takes A to Z too (a Medicare id has some); they go on as capitals."""
        self._view = SecretView()
        self._wrong = False
        self._why = ""

    def render_as(self, shape: Shape, view: SecretView, *, locked: bool, wrong: bool, why: str = "") -> None:
        """Shows the dots of `view`; while it is locked, none, and `why` it is."""
        self.shape, self.locked, self._wrong = shape, locked, wrong
        self._view = SecretView() if locked else view
        self._why = why
        self.setAccessibleDescription(f"{self.tr('Locked')}: {why}" if locked else self._state())
        set_tip(self, why if locked else "")
        self.update()

    def is_full(self) -> bool:
        """Complete, and of the usual length.

        One in ten prefixes of a card number is a complete, shorter number by its check digit
        (Visa has cards of 13 digits): neither may the focus go on there, nor four digits show.
        """
        view = self._view
        usual = _SHORT.get(view.brand, 16) if self.shape == "number" else 0
        return view.complete and not view.problem and view.length >= usual

    def sizeHint(self) -> QSize:
        """Room for a card number and its brand."""
        return QSize(380 if self.shape == "number" else 150, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        """Room for the dots."""
        return QSize(330 if self.shape == "number" else 120, _HEIGHT)

    def event(self, event: QEvent) -> bool:
        """Digits and erasing keys belong to this box before any shortcut."""
        override = event.type() is QEvent.Type.ShortcutOverride
        if override and isinstance(event, QKeyEvent) and (self._sign(event) or event.key() in _ERASE):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """A digit, or one (Ctrl: all) taken back; all else belongs to the page."""
        digit = self._sign(event)
        if digit:
            # A key held down is no digit typed many times.
            if not self.locked and not event.isAutoRepeat():
                self.typed.emit(digit)
        elif event.key() in _ERASE:
            if not self.locked:
                self.erased.emit(bool(event.modifiers() & Qt.KeyboardModifier.ControlModifier))
        else:
            super().keyPressEvent(event)

    def _sign(self, event: QKeyEvent) -> str:
        """The character that the key stands for, where this box takes it."""
        return _typed(event, _DIGITS + _LETTERS if self.letters else _DIGITS)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Frame, then dots or a lock."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._frame(painter)
        if self.locked:
            painter.drawPixmap(Space.L, (self.height() - 22) // 2, pixmap("lock", "muted", 22))
            painter.setFont(font(15, QFont.Weight.DemiBold))
            painter.setPen(colour("muted"))
            left = Space.L + 22 + Space.M
            # Half a sentence says less than one word.
            room = QFontMetricsF(painter.font()).horizontalAdvance(self._why) <= self.width() - left - Space.M
            self._words(painter, left, self._why if self._why and room else self.tr("Locked"))
            return
        right = self._dots(painter)
        if self._view.brand:
            painter.setFont(font(13, QFont.Weight.DemiBold))
            painter.setPen(colour("mask_ink"))
            area = QRect(int(right), 0, self.width() - int(right) - Space.L, self.height())
            words = _BRANDS.get(self._view.brand, self._view.brand)
            painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight), words)
        elif self._view.complete and not self._wrong:
            painter.drawPixmap(
                self.width() - Space.L - 18, (self.height() - 18) // 2, pixmap("check", "success")
            )

    def _frame(self, painter: QPainter) -> None:
        area = QRectF(self.rect()).adjusted(1, 1, -1, -1)
        edge, width, body = "mask", 1.5, "mask_soft"
        if self.locked:
            edge, width, body = "edge", 1, "raised"
        if self._wrong:
            edge, width = "danger", 2
        elif self.hasFocus():
            edge, width = ("accent" if self.locked else "mask"), 2.5
        pen = QPen(colour(edge), width)
        if self.locked and not self.hasFocus() and not self._wrong:
            pen.setStyle(Qt.PenStyle.DashLine)
        painter.setPen(pen)
        painter.setBrush(colour(body))
        painter.drawRoundedRect(area, Radius.M, Radius.M)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(colour(edge), 1))
            painter.drawRoundedRect(area.adjusted(3.5, 3.5, -3.5, -3.5), Radius.M - 4, Radius.M - 4)

    def _dots(self, painter: QPainter) -> float:
        """Dots of what is typed, rings of what is expected; returns where they end."""
        view = self._view
        groups = _GROUPS[self.shape] or (view.length,)
        if self.shape == "number" and view.brand == "amex":
            groups = (4, 6, 5)
        starts = {sum(groups[:i]) for i in range(1, len(groups))}
        count = max(sum(groups), view.length)
        last = view.last4 if self.is_full() else ""
        x, y = float(Space.L), self.height() / 2
        for index in range(count):
            if index in starts:
                x = self._gap(painter, x, y)
            shown = index - (view.length - len(last))
            if last and shown >= 0:
                x = self._figure(painter, x, last[shown])
                continue
            typed = index < view.length
            painter.setPen(Qt.PenStyle.NoPen if typed else QPen(colour("edge"), 1.2))
            painter.setBrush(colour("text") if typed else Qt.BrushStyle.NoBrush)
            size = _DOT if typed else _DOT - 1
            painter.drawEllipse(QPointF(x + _PITCH / 2, y), size, size)
            x += _PITCH
        if self.hasFocus() and not view.complete:
            self._caret(painter, groups, starts)
        return x

    def _gap(self, painter: QPainter, x: float, y: float) -> float:
        if self.shape == "expiry":
            painter.setPen(QPen(colour("muted"), 2))
            painter.drawLine(QPointF(x + 5, y + 9), QPointF(x + 11, y - 9))
            return x + 16
        return x + _GAP

    def _figure(self, painter: QPainter, x: float, figure: str) -> float:
        painter.setFont(font(18, QFont.Weight.DemiBold, digits=True))
        painter.setPen(colour("text"))
        width = QFontMetricsF(painter.font()).horizontalAdvance(figure)
        self._words(painter, x, figure)
        return x + max(width, 11.0)

    def _caret(self, painter: QPainter, groups: tuple[int, ...], starts: set[int]) -> None:
        gap = 16 if self.shape == "expiry" else _GAP
        before = sum(1 for start in starts if start <= self._view.length)
        x = Space.L - 2 + self._view.length * _PITCH + before * gap
        painter.setPen(QPen(colour("mask"), 2))
        painter.drawLine(QPointF(x, self.height() / 2 - 12), QPointF(x, self.height() / 2 + 12))

    def _words(self, painter: QPainter, left: float, text: str) -> None:
        area = QRectF(left, 0, self.width() - left, self.height())
        painter.drawText(area, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), text)

    def _state(self) -> str:
        if self._view.complete:
            return self.tr("complete")
        return self.tr("not complete") if self._view.length else self.tr("empty")


def _typed(event: QKeyEvent, allowed: str) -> str:
    text = event.text().upper()
    plain = not event.modifiers() & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.ControlModifier)
    return text if plain and len(text) == 1 and text in allowed else ""
