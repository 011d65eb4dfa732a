"""The page of a step: title, script, fields, choices; keeps what is half typed.

Rules:
- It renders `Page` and nothing else; every wish goes to the desk, every "no" is shown where
  it belongs: at the field, or in the banner `problem`.
- Same step and visit: the inputs stay, with focus, cursor and half-typed text.
- A submit first commits every input the engine has not accepted yet; one refusal stops it.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from halodesk.engine import commands as c
from halodesk.engine.page import Page
from halodesk.runtime.ports import PagePort, SecretView
from halodesk.ui.desk.choices import Choices
from halodesk.ui.desk.field_grid import FieldGrid
from halodesk.ui.fields.base import FieldWidget
from halodesk.ui.fields.encrypted import EncryptedField
from halodesk.ui.lock.role_gate import RoleGate
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.labels import label
from halodesk.ui.parts.script_view import ScriptView
from halodesk.ui.parts.secret_box import SecretBox
from halodesk.ui.steps.base import StepLayout, Tools
from halodesk.ui.steps.registry import step_layout, step_layouts
from halodesk.ui.theme.tokens import Size, Space

_SAMPLE = "<blockquote><p>Aa <strong>Bb</strong></p></blockquote><p>Cc</p>"
_UNBOUND = 16_777_215  # QWIDGETSIZE_MAX
_ALL = 1000
"""Beside the stretch below the fields, which has 1."""
_WIDE = 560
"""From this width on, short fields share a line."""


class StepPage(QFrame):
    """Renders the steps of a session, one after another, with the same widgets."""

    dial = Signal(str)
    typed = Signal(str)
    """Somebody types into this field."""

    def __init__(
        self,
        desk: PagePort,
        refresh: Callable[[], None] = lambda: None,
        before_submit: Callable[[], None] = lambda: None,
        *,
        live: bool = True,
        tools: Tools | None = None,
    ) -> None:
        """`refresh` renders the session again; `before_submit` hands over a note in writing.

        Not `live`: it shows what was, presses nothing and leaves the focus where it is.
        """
        super().__init__()
        self.live = live
        self._tools = tools or Tools()
        self.setProperty("pane", "page")
        self.page: Page | None = None
        self._desk = desk
        self._refresh = refresh
        self._before_submit = before_submit
        self._renders = 0
        self._refusal: c.Refused | None = None
        self._layouts: dict[str, StepLayout] = {}
        self._extras: list[QWidget] = []
        self._order: list[QWidget] = []
        """What the keys go through by Tab."""
        self._problem = Banner("problem")
        self._title = label(role="title", name="step_title", wrap=True)
        self.gate = RoleGate()
        self._script = ScriptView()
        self.fields = FieldGrid(self)
        self.choices = Choices()
        self.choices.chosen.connect(self.submit)
        self.choices.back.connect(self.go_back)
        self.choices.setEnabled(live)
        self._column = QVBoxLayout()
        self._inner = QWidget()
        self._build()

    def _build(self) -> None:
        inner = self._inner
        inner.setProperty("pane", "scrolled")
        inner.setLayout(self._column)
        self._column.setContentsMargins(Space.XXL, Space.L + Space.XS, Space.XXL, Space.L)
        self._column.setSpacing(Space.L)
        for widget in (self._problem, self._title, self.gate, self._script, self.fields):
            self._column.addWidget(widget)
        self._column.addStretch(1)
        self._scroll = QScrollArea()
        self._scroll.setFrameShape(QFrame.Shape.NoFrame)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._scroll.setWidgetResizable(True)
        self._scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._scroll.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        self._scroll.setWidget(inner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(1, 1, 1, 1)
        layout.setSpacing(0)
        layout.addWidget(self._scroll, 1)
        layout.addWidget(self.choices)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    # rendering

    def render_page(self, page: Page, *, entering: bool) -> None:
        """Shows the page; `entering`: it is another step or visit than before."""
        self._renders += 1
        before, self.page = self.page, page
        over = self._refusal is not None and self._refusal.code == "busy" and not page.waiting
        if entering or over:
            self._refusal = None
        elsewhere = self._focus_elsewhere()
        lost = self._focus_will_be_lost(page)
        if lost:
            self.setFocus()
        self._title.setText(page.title)
        self.gate.render_page(page)
        self._script.show_html(page.html)
        layout = self._layout_for(page)
        layout.render(page, self._desk)
        self.fields.render_fields(page.fields, self._desk.drafts, entering=entering)
        self._arrange(layout)
        self._show_problem()
        self.choices.render_page(page, wait_here=not layout.big_wait)
        self._chain()
        if entering:
            self._scroll.verticalScrollBar().setValue(0)
        if not self.live:
            return
        if (entering and not elsewhere) or (before is not None and self._opened_again(before, page)):
            self.focus_first()

    def warm_up(self) -> None:
        """Polishes and paints once unseen, so that the first page of the day is as fast as the next."""
        for kind in step_layouts():
            self._layout_of(kind)
        self._script.show_html(_SAMPLE)
        self._title.setText("HaloDesk")
        self.resize(900, 640)
        for part in self._extras:
            part.show()
        self.fields.warm_up()
        self.grab()
        for part in self._extras:
            part.hide()
        self._script.show_html("")

    def leave(self) -> None:
        """The session is gone: nothing of it stays in the inputs."""
        if self.page is not None:
            self.page = None
            self._refusal = None
            self.fields.release_all()
            self._script.show_html("")
            for layout in self._layouts.values():
                layout.leave()

    def restyle(self) -> None:
        """The theme changed."""
        if self.page is not None:
            self._script.show_html(self.page.html)
            self._show_problem()

    def focus_first(self) -> None:
        """To what was left half-typed, to the first empty field, or to the button that Enter presses."""
        drafts, empty = self._desk.drafts, None
        for name, widget in self.fields.widgets.items():
            inputs = [found for found in widget.inputs() if found.isEnabled()]
            if inputs and name in drafts:
                empty = inputs[0]
                break
            if inputs and widget.is_empty() and empty is None:
                empty = inputs[0]
        if empty is not None:
            empty.setFocus(Qt.FocusReason.OtherFocusReason)
            return
        primary = self.choices.primary()
        (primary or self).setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fields share a line or not."""
        super().resizeEvent(event)
        if self.page is not None:
            self._arrange(self._layout_for(self.page))

    def _layout_for(self, page: Page) -> StepLayout:
        layout = self._layout_of(page.type)
        own = (layout.head(), layout.tail())
        for widget in self._extras:
            widget.setVisible(widget in own)
        self._inner.setMaximumWidth(_UNBOUND if layout.fills else Size.TEXT_COLUMN)
        return layout

    def _layout_of(self, kind: str) -> StepLayout:
        layout = self._layouts.get(kind)
        if layout is None:
            layout = self._layouts[kind] = step_layout(kind)
            layout.equip(self._tools)
            for widget, before in ((layout.head(), self._script), (layout.tail(), None)):
                if widget is not None:
                    index = self._column.indexOf(before) if before is not None else self._column.count() - 1
                    self._column.insertWidget(index, widget, _ALL if before is None and layout.fills else 0)
                    widget.hide()
                    self._extras.append(widget)
        return layout

    def _arrange(self, layout: StepLayout) -> None:
        if self.page is None:
            return
        wide = self._scroll.viewport().width() >= _WIDE
        self.fields.arrange(layout.rows(self.page.fields, wide=wide))

    def _chain(self) -> None:
        """Tab leads through the fields, then through the choices."""
        order = [found for widget in self.fields.widgets.values() for found in widget.inputs()]
        order += list(self.choices.buttons())
        if order != self._order:
            self._order = order
            for first, second in pairwise(order):
                QWidget.setTabOrder(first, second)

    def _show_problem(self) -> None:
        if self._refusal is not None:
            self._problem.render_as("error", self._refusal.message, self._refusal.todo)
        else:
            self._problem.render_as("error", self.page.problem if self.page is not None else "")

    def _opened_again(self, before: Page, page: Page) -> bool:
        """The wait is over, or the mask is back: typing goes on at the first empty field."""
        if before.waiting and not page.waiting and self.hasFocus():
            return True
        was_locked = any(field.locked for field in before.fields)
        opened = was_locked and not any(field.locked for field in page.fields)
        return opened and (self.hasFocus() or isinstance(QApplication.focusWidget(), SecretBox))

    def _focus_elsewhere(self) -> bool:
        """Someone is writing a note: a page that comes by itself must not take the keys away."""
        focus = QApplication.focusWidget()
        return focus is not None and focus.objectName() == "note_input" and bool(focus.property("writing"))

    def _focus_will_be_lost(self, page: Page) -> bool:
        """Its button goes, or its input is locked: then it stays on the page, out of other inputs."""
        focus = QApplication.focusWidget()
        if focus in self.choices.buttons():
            return not page.choices
        inputs = [found for widget in self.fields.widgets.values() for found in widget.inputs()]
        return bool(page.waiting) and focus in inputs and not isinstance(focus, SecretBox)

    # wishes

    def submit(self, choice: str) -> None:
        """Leaves the page by a choice, if the engine takes all that was typed."""
        if self.page is None:
            return
        if self._committed():
            self._told(self._desk.do(c.Submit(choice=choice)))

    def take(self, fills: bool, name: str, do: Callable[[], c.Refused | None]) -> bool:
        """Does what was proposed: `fills` the field `name`, or goes on as a submit does.

        False, and nothing done, where somebody is typing into that field.
        """
        if self.page is None:
            return True
        widget = self.fields.widgets.get(name) if fills else None
        if widget is not None and widget.dirty:
            return False
        if not fills and not self._committed():
            return True
        self._told(do())
        return True

    def _committed(self) -> bool:
        """Whether the engine takes all that was typed."""
        self._before_submit()
        for widget in list(self.fields.widgets.values()):
            if not widget.commit():
                self._show(widget)
                return False
        return True

    def submit_primary(self) -> None:
        """What Enter does."""
        primary = self.choices.primary()
        if primary is not None:
            primary.click()

    def go_back(self) -> None:
        """To the page before, or why not."""
        if self.page is None:
            return
        for widget in self.fields.widgets.values():
            widget.flush_draft()
        self._told(self._desk.do(c.Back()))

    def flush_drafts(self) -> None:
        """Hands over all that is half typed, at once."""
        for widget in self.fields.widgets.values():
            widget.flush_draft()

    def _told(self, refused: c.Refused | None) -> None:
        """Shows a refusal of the whole page where it belongs."""
        self._refusal = None
        if refused is not None:
            errors = dict(refused.errors) or ({refused.field: refused.message} if refused.field else {})
            shown = {name: words for name, words in errors.items() if name in self.fields.widgets}
            for name, words in shown.items():
                self.fields.widgets[name].refuse(words)
            if shown:
                self._show(self.fields.widgets[next(iter(shown))])
            if len(shown) < max(len(errors), 1):
                self._refusal = refused
        self._show_problem()

    def _show(self, widget: FieldWidget) -> None:
        inputs = widget.inputs()
        if QApplication.focusWidget() not in inputs:
            inputs[0].setFocus(Qt.FocusReason.OtherFocusReason)
        self._scroll.ensureWidgetVisible(widget, 0, Space.XL)

    # what a field asks for (FieldHost)

    def answer(self, field: str, raw: Any) -> str:
        """Commits the raw input; the words of a refusal come back."""
        before = self._renders
        refused = self._desk.do(c.Answer(field=field, raw=raw))
        if refused is None and self._renders == before:
            self._refresh()
        return "" if refused is None else " ".join(filter(None, (refused.message, refused.todo)))

    def draft(self, field: str, raw: Any) -> None:
        """Keeps half-typed input."""
        self.typed.emit(field)
        self._desk.draft(field, raw)

    def secret(self, field: str) -> SecretView:
        """What the vault says of its digits."""
        return self._desk.secret(field)

    def type_secret(self, field: str, digit: str) -> SecretView:
        """One digit into the vault."""
        return self._desk.type_secret(field, digit)

    def erase_secret(self, field: str, *, all_digits: bool) -> SecretView:
        """One digit, or all, taken back."""
        return self._desk.erase_secret(field, all_digits=all_digits)

    def dial_number(self, number: str) -> None:
        """On to whoever places calls."""
        self.dial.emit(number)

    def advance(self, field: str) -> None:
        """On to the next secure box that is not complete; after the last one the focus stays."""
        names = list(self.fields.widgets)
        for name in names[names.index(field) + 1 :]:
            widget = self.fields.widgets[name]
            if isinstance(widget, EncryptedField) and widget.is_empty():
                widget.box.setFocus(Qt.FocusReason.TabFocusReason)
                return
