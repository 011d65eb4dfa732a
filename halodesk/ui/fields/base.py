"""What every field widget is: a label, an input, help or a refusal below it.

Rules:
- The widget validates nothing. It commits raw text when it is left (or on submit), and the
  engine's words come back through `refuse`.
- `dirty` means: the input holds something the engine has not accepted. A dirty input is
  never overwritten by a new page of the same visit.
- Half-typed input goes out as a draft 250 ms after the last key, and at once when the
  input is left. Losing the window's focus flushes the draft and commits nothing.
"""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

from PySide6.QtCore import QEvent, QObject, Qt, QTimer
from PySide6.QtGui import QFocusEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from halodesk.engine.flow import Field
from halodesk.engine.page import FieldView
from halodesk.runtime.ports import SecretView
from halodesk.ui.parts.labels import label, set_text
from halodesk.ui.theme.tokens import Space

DRAFT_MS = 250
HALF, FULL = 6, 12
_STAYS = (Qt.FocusReason.ActiveWindowFocusReason, Qt.FocusReason.PopupFocusReason)


class FieldHost(Protocol):
    """What a field asks of its page."""

    live: bool
    """False: a record is shown, and nothing can be done with it."""

    def answer(self, field: str, raw: Any) -> str:
        """Commits; the words of the refusal, or nothing."""
        ...

    def draft(self, field: str, raw: Any) -> None: ...

    def secret(self, field: str) -> SecretView: ...

    def type_secret(self, field: str, digit: str) -> SecretView: ...

    def erase_secret(self, field: str, *, all_digits: bool) -> SecretView: ...

    def advance(self, field: str) -> None:
        """The field is complete: the focus may go on."""
        ...

    def dial_number(self, number: str) -> None:
        """Place a call; the desk says why not where it cannot."""
        ...


class FieldWidget(QWidget):
    """Base of all field widgets; used again for other fields of its type."""

    span: ClassVar[int] = HALF
    """Columns of twelve."""

    def __init__(self, host: FieldHost) -> None:
        super().__init__()
        self.host = host
        self.view: FieldView | None = None
        self.dirty = False
        self.problem = ""
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DRAFT_MS)
        self._timer.timeout.connect(self.flush_draft)
        self.caption = label(role="label")
        self._optional = label(self.tr("optional"), role="caption")
        self._message = label(role="help", wrap=True)
        self._error = label(role="error", wrap=True)
        self._hint = label(role="hint", wrap=True)
        self._reads = label(role="help", wrap=True)
        for words in (self._message, self._error, self._hint, self._reads):
            words.hide()
        above = QHBoxLayout()
        above.setSpacing(Space.S)
        above.addWidget(self.caption)
        above.addWidget(self._optional)
        above.addStretch(1)
        self.body = QVBoxLayout()
        self.body.setSpacing(Space.S)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(above)
        layout.addLayout(self.body)
        for words in (self._reads, self._hint, self._message, self._error):
            layout.addWidget(words)
        layout.addStretch(1)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    # for subclasses

    def inputs(self) -> list[QWidget]:
        """What takes the focus, in the order of Tab."""
        raise NotImplementedError

    def raw(self) -> Any:
        """The input as it stands."""
        raise NotImplementedError

    def put(self, value: Any) -> None:
        """Shows an accepted value (or none) in its display form."""
        raise NotImplementedError

    def put_draft(self, raw: Any) -> None:
        """Shows what was half typed."""
        self.put(raw)

    def name_inputs(self, view: FieldView) -> None:
        """Gives the inputs their object names, accessible names and options."""
        raise NotImplementedError

    def lock(self, locked: bool) -> None:
        """Makes the inputs read-only or not."""
        for widget in self.inputs():
            widget.setEnabled(not locked)

    def mark(self, wrong: bool) -> None:
        """Shows at the input itself that it was refused."""

    def declared(self) -> Field:
        """The field as its type in the engine needs it for showing a value."""
        view = self.view
        if view is None:
            return Field(name="", type="")
        return Field(name=view.name, type=view.type, options=view.options, config=view.config)

    def is_empty(self) -> bool:
        """Nothing has been typed or chosen."""
        return self.raw() in (None, "")

    def is_text_input(self) -> bool:
        """Digits typed here are text, never the key of a choice."""
        return True

    # life of a field on a page

    def bind(self, view: FieldView, draft: Any = None) -> None:
        """Becomes the input of a field, with its value or what was half typed."""
        self.setObjectName(f"field_frame:{view.name}")
        self._error.setObjectName(f"field_error:{view.name}")
        self._hint.setObjectName(f"field_hint:{view.name}")
        self._reads.setObjectName(f"field_reads:{view.name}")
        self._timer.stop()
        self.view, self.dirty = view, False
        self.name_inputs(view)
        self.refuse("")
        self._dress(view)
        if draft is None:
            self.put(view.value)
        else:
            self.put_draft(draft)
            self.dirty = True

    def sync(self, view: FieldView) -> None:
        """A new page of the same visit: what was not accepted yet stays as it is."""
        if view == self.view:
            if not self.dirty:
                self.put(view.value)
                self._say_more()
            return
        self.view = view
        self._dress(view)
        if not self.dirty:
            self.put(view.value)

    def release(self) -> None:
        """Back into the pool: nothing of the old field remains in it."""
        self._timer.stop()
        self.dirty = False
        self.put(None)
        self.refuse("")
        self.view = None
        self.setObjectName("")
        for words in (self._error, self._hint, self._reads):
            words.setObjectName("")
        for widget in self.inputs():
            widget.setObjectName("")

    def _dress(self, view: FieldView) -> None:
        self.caption.setText(view.label)
        self._optional.setVisible(not view.required)
        self._message.setText(view.help)
        self._message.setVisible(bool(view.help) and not self.problem)
        self._say_more()
        self.lock(view.locked or view.read_only)

    def _say_more(self) -> None:
        """What the engine says of the accepted value; of one that has changed since it says nothing."""
        view = self.view if not self.problem and not self.dirty else None
        set_text(self._hint, view.hint if view is not None else "")
        set_text(self._reads, view.reads if view is not None else "")

    # the way to the engine

    def edited(self) -> None:
        """The person changed the input."""
        self.dirty = True
        if self.problem:
            self.refuse("")
        self._say_more()
        self._timer.start()

    def flush_draft(self) -> None:
        """Hands half-typed input over at once."""
        if self._timer.isActive() or self.sender() is self._timer:
            self._timer.stop()
            if self.view is not None and self.dirty:
                self.host.draft(self.view.name, self.raw())

    def commit(self) -> bool:
        """Asks the engine to take the input; False with its words below the field."""
        if not self.dirty or self.view is None:
            return True
        self.flush_draft()
        name = self.view.name
        self.dirty = False
        words = self.host.answer(name, self.raw())
        if words and self._shows(name):
            self.dirty = True
            self.refuse(words)
        return not words

    def _shows(self, name: str) -> bool:
        """Still the input of that field: an answer may have led to another page."""
        return self.view is not None and self.view.name == name

    def refuse(self, words: str) -> None:
        """Shows the engine's words below the input, or takes them away."""
        if words == self.problem:
            return
        self.problem = words
        set_text(self._error, words)
        self._message.setVisible(bool(self._message.text()) and not words)
        self._say_more()
        self.mark(bool(words))
        for widget in self.inputs():
            widget.setAccessibleDescription(words or self._hint.text())

    def watch(self, widget: QWidget) -> None:
        """Commits when the focus leaves this input."""
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Focus out of an input."""
        if event.type() is QEvent.Type.FocusOut and isinstance(event, QFocusEvent):
            if event.reason() in _STAYS:
                self.flush_draft()
            else:
                self.left()
        return super().eventFilter(watched, event)

    def left(self) -> None:
        """The focus left one of the inputs."""
        self.flush_draft()
        self.commit()


def restyle(widget: QWidget, wrong: bool) -> None:
    """Switches the style sheet's `wrong` look of an input."""
    if bool(widget.property("wrong")) != wrong:
        widget.setProperty("wrong", wrong)
        widget.style().unpolish(widget)
        widget.style().polish(widget)
