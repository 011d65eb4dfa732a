"""Below the cart: the last charge of the session, what the issuer said, and the way to take it back."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout, QWidget

from halodesk.engine import commands as c
from halodesk.engine.payments import PaymentView
from halodesk.runtime.ports import DeskPort
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.theme.tokens import Size, Space


class PaymentCard(QFrame):
    """Renders `PaymentView`. To take money back needs a second press: the first one asks."""

    def __init__(self, desk: DeskPort) -> None:
        super().__init__()
        self.setProperty("pane", "card")
        self._desk = desk
        self._view: PaymentView | None = None
        self._title = label(role="strong", name="payment_title", wrap=True)
        self._state = label(role="body", name="payment_state", wrap=True)
        self._checks = label(role="caption", name="payment_checks", wrap=True)
        self._error = label(role="error", name="payment_error", wrap=True)
        self._ask = Button("", name="take_back", height=Size.BUTTON_SMALL)
        self._ask.clicked.connect(lambda: self._confirm(True))
        self._question = label(role="body", name="take_back_question", wrap=True)
        self._yes = Button("", kind="danger", name="take_back_yes", height=Size.BUTTON_SMALL)
        self._yes.clicked.connect(self._take_back)
        self._no = Button(self.tr("Keep it"), name="take_back_no", height=Size.BUTTON_SMALL)
        self._no.clicked.connect(lambda: self._confirm(False))
        self._asking = QWidget()
        answers = QHBoxLayout()
        answers.setContentsMargins(0, 0, 0, 0)
        answers.setSpacing(Space.S)
        answers.addWidget(self._yes)
        answers.addWidget(self._no)
        answers.addStretch(1)
        asking = QVBoxLayout(self._asking)
        asking.setContentsMargins(0, 0, 0, 0)
        asking.setSpacing(Space.S)
        asking.addWidget(self._question)
        asking.addLayout(answers)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(Space.L, Space.M, Space.L, Space.M)
        layout.setSpacing(Space.XS)
        for line in (self._title, self._state, self._checks, self._error):
            layout.addWidget(line)
        layout.addWidget(self._ask, 0, Qt.AlignmentFlag.AlignRight)
        layout.addWidget(self._asking)
        self._asking.hide()
        self.hide()

    def render_payment(self, view: PaymentView | None) -> None:
        """What is known now; a question that was open goes with another state."""
        if view == self._view:
            return
        self._view = view
        self.setVisible(view is not None)
        if view is None:
            return
        set_text(self._title, view.title)
        set_text(self._state, view.state)
        set_text(self._checks, view.checks)
        set_text(self._error, "")
        if view.can_refund:
            self._ask.set_words(self.tr("Refund …"))
            self._question.setText(self.tr("Pay this back?"))
            self._yes.set_words(self.tr("Refund"))
        else:
            self._ask.set_words(self.tr("Void …"))
            self._question.setText(self.tr("Undo this payment?"))
            self._yes.set_words(self.tr("Void"))
        self._confirm(False, focus=False)

    def _confirm(self, asking: bool, *, focus: bool = True) -> None:
        view = self._view
        self._asking.setVisible(asking)
        self._ask.setVisible(not asking and view is not None and (view.can_void or view.can_refund))
        if focus:
            (self._no if asking else self._ask).setFocus(Qt.FocusReason.OtherFocusReason)

    def _take_back(self) -> None:
        view = self._view
        if view is None:
            return
        refused = self._desk.do(c.TakeBack(charge=view.charge, kind="refund" if view.can_refund else "void"))
        self._confirm(False, focus=refused is not None)
        set_text(self._error, f"{refused.message} {refused.todo}".strip() if refused is not None else "")
