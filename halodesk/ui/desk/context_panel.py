"""Right of the page: cart, payment, answers, path, notes."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from halodesk.engine import commands as c
from halodesk.engine.page import Page
from halodesk.engine.page_cart import CartLineView, CartView
from halodesk.runtime.ports import DeskPort
from halodesk.ui.desk.payment_card import PaymentCard
from halodesk.ui.parts import pill
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label, pane, rule, set_text
from halodesk.ui.parts.path_view import PathView
from halodesk.ui.parts.pill import Pill
from halodesk.ui.parts.rows import Row, Rows
from halodesk.ui.parts.tabs import Tabs
from halodesk.ui.theme.tokens import Size, Space


class ContextPanel(QWidget):
    """Renders what the session holds; takes notes."""

    def __init__(self, desk: DeskPort) -> None:
        super().__init__()
        self.notes = NotesCard(desk)
        self._cart = CartCard()
        self._payment = PaymentCard(desk)
        self._answers = Rows("caption", "body", stacked=True)
        self._path = PathView()
        self._empty = True
        self._none = label(self.tr("Nothing captured yet."), "muted")
        inner = QWidget()
        inner.setProperty("pane", "scrolled")
        column = QVBoxLayout(inner)
        column.setContentsMargins(Space.L, Space.XS, Space.L, Space.L)
        column.setSpacing(Space.S)
        for widget in (self._none, self._answers, self._path):
            column.addWidget(widget)
        column.addStretch(1)
        self._tabs = Tabs((self.tr("Answers"), self.tr("Path")), "context_tab")
        self._tabs.chosen.connect(self._choose)
        self._shown = 0
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setWidget(inner)
        self._scroll.setMinimumHeight(40)
        captured = pane("card")
        captured_layout = QVBoxLayout(captured)
        captured_layout.setContentsMargins(1, 1, 1, 1)
        captured_layout.setSpacing(Space.XS)
        top = QHBoxLayout()
        top.setContentsMargins(Space.S, Space.S, Space.S, 0)
        top.addWidget(self._tabs)
        captured_layout.addLayout(top)
        captured_layout.addWidget(self._scroll)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(Space.M)
        layout.addWidget(self._cart)
        layout.addWidget(self._payment)
        layout.addWidget(captured, 1)
        layout.addWidget(self.notes)
        self.setFixedWidth(Size.CONTEXT)

    def render_page(self, page: Page) -> None:
        """All five."""
        self._cart.render_cart(page.cart)
        self._payment.render_payment(page.payment)
        self._tabs.count(0, len(page.answers))
        self._tabs.count(1, len(page.path))
        self._answers.render(tuple(Row(found.label, found.value) for found in page.answers))
        self._path.render_path(page.path)
        self.notes.render_notes(page.notes, open_=not page.ended)
        self._empty = not page.answers
        self._choose(self._shown)

    def _choose(self, index: int) -> None:
        self._shown = index
        self._none.setVisible(index == 0 and self._empty)
        self._answers.setVisible(index == 0 and not self._empty)
        self._path.setVisible(index == 1)


class CartCard(QFrame):
    """The cart with live totals."""

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("pane", "card")
        self._paid = Pill("cart_paid", height=24)
        self._empty = label(self.tr("The cart is empty."), "muted")
        self._lines = Rows("body", "body")
        self._sums = Rows("muted", "muted", spacing=Space.XS)
        self._rule = rule()
        self._total = label(role="number", name="cart_total")
        self._note = label(role="caption", name="cart_note", wrap=True)
        self._note.hide()
        head = QHBoxLayout()
        head.addWidget(label(self.tr("Cart"), "label"))
        head.addStretch(1)
        head.addWidget(self._paid)
        foot = QHBoxLayout()
        foot.addWidget(label(self.tr("Total"), "strong"))
        foot.addStretch(1)
        foot.addWidget(self._total)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        layout.setSpacing(Space.S)
        layout.addLayout(head)
        layout.addWidget(self._empty)
        layout.addWidget(self._lines)
        layout.addWidget(self._rule)
        layout.addWidget(self._sums)
        layout.addLayout(foot)
        layout.addWidget(self._note)
        self._shown: CartView | None = None
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def render_cart(self, cart: CartView) -> None:
        """Lines and sums."""
        if cart == self._shown:
            return
        self._shown = cart
        full = bool(cart.lines)
        self._paid.render_as(self.tr("Paid") if cart.paid else "", pill.GOOD)
        for widget, shown in (
            (self._empty, not full),
            (self._lines, full),
            (self._sums, full),
            (self._rule, full),
        ):
            widget.setVisible(shown)
        self._lines.render(tuple(row for line in cart.lines for row in self._line(line)))
        sums = [Row(self.tr("Subtotal"), cart.subtotal)]
        if cart.discount:
            what = self.tr("Discount")
            named = f"{what}, {cart.discount_label}" if cart.discount_label else what
            sums.append(Row(named, f"−{cart.discount}"))
        for coupon in cart.coupons:
            if coupon.waits:
                sums.append(Row(self.tr("Coupon {label}").format(label=coupon.label), coupon.waits))
        if cart.shipping_name:
            sums.append(Row(self.tr("Shipping, {name}").format(name=cart.shipping_name), cart.shipping))
        if cart.tax_label:
            sums.append(Row(self.tr("Tax, {label}").format(label=cart.tax_label), cart.tax))
        self._sums.render(tuple(sums))
        self._total.setText(cart.total)
        set_text(self._note, cart.note)

    def _line(self, line: CartLineView) -> list[Row]:
        """The product before its own discount, and the discount below it."""
        each = self.tr("{price} each").format(price=line.price)
        tip = f"{each}. {line.overridden}" if line.overridden else each
        rows = [Row(f"{line.quantity} × {line.name}", line.gross, tip)]
        if line.discount:
            what = self.tr("Discount")
            rows.append(
                Row(
                    f"  {what}, {line.discount_label}" if line.discount_label else f"  {what}",
                    f"−{line.discount}",
                )
            )
        return rows


class NotesCard(QFrame):
    """Remarks of the agent."""

    def __init__(self, desk: DeskPort) -> None:
        super().__init__()
        self.setProperty("pane", "card")
        self._desk = desk
        self._kept = label(role="body", name="notes", wrap=True)
        self._kept.hide()
        self.box = NoteBox(self.keep)
        self._error = label(role="error", name="note_error", wrap=True)
        self._error.hide()
        self._add = Button(
            self.tr("Keep note"), hint=self.tr("Enter"), name="add_note", height=Size.BUTTON_SMALL
        )
        # A click on it leaves the keys where the next note is written.
        self._add.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._add.clicked.connect(self.keep)
        self.box.textChanged.connect(self._typed)
        head = QHBoxLayout()
        head.addWidget(label(self.tr("Notes"), "label"))
        head.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        layout.setSpacing(Space.S)
        layout.addLayout(head)
        layout.addWidget(self._kept)
        layout.addWidget(self.box)
        layout.addWidget(self._error)
        layout.addWidget(self._add, 0, Qt.AlignmentFlag.AlignRight)
        self._typed()

    def render_notes(self, notes: tuple[str, ...], *, open_: bool) -> None:
        """The last three notes; writing ends with the session."""
        set_text(self._kept, "\n".join(f"– {note}" for note in notes[-3:]))
        self.box.setVisible(open_)
        self._add.setVisible(open_ and self._writing())

    def clear(self) -> None:
        """The session is gone."""
        self.box.clear()
        set_text(self._kept, "")

    def keep(self) -> None:
        """Adds the note to the session, if something is written."""
        text = self.box.toPlainText().strip()
        if not text:
            return
        refused = self._desk.do(c.AddNote(text=text))
        set_text(self._error, refused.message if refused is not None else "")
        if refused is None:
            self.box.clear()

    def _writing(self) -> bool:
        return bool(self.box.toPlainText().strip())

    def _typed(self) -> None:
        writing = self._writing()
        self.box.setProperty("writing", writing)
        self._add.setVisible(writing)
        if not writing:
            set_text(self._error, "")


class NoteBox(QPlainTextEdit):
    """Enter keeps the note, Shift+Enter is a line break."""

    def __init__(self, keep: Callable[[], None]) -> None:
        super().__init__()
        self._keep = keep
        self.setObjectName("note_input")
        self.setAccessibleName(self.tr("Note"))
        self.setPlaceholderText(self.tr("Write a note …"))
        self.setTabChangesFocus(True)
        self.setFixedHeight(62)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter keeps."""
        enter = event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            if not event.isAutoRepeat():
                self._keep()
            return
        super().keyPressEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """What was written is kept when the agent goes on: no note is lost for want of an Enter."""
        super().focusOutEvent(event)
        if event.reason() not in (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason):
            self._keep()
