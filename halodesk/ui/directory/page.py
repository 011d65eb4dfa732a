"""The Directory page: people with their lamps, the calls of this seat, callbacks; one search for all.

Enter calls. What else one can do with a line is in the foot, each with its key.
"""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QCoreApplication, Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QStackedWidget, QVBoxLayout

from halodesk.runtime.agent_ports import DayPort, DayTopic
from halodesk.runtime.agent_records import Callback, CallRecord
from halodesk.runtime.directory import Contact
from halodesk.runtime.ports import Unsubscribe
from halodesk.ui.directory.callback_dialog import CallbackDialog
from halodesk.ui.directory.lines import call_line, callback_line, contact_line, tr
from halodesk.ui.directory.table import Column, LineTable
from halodesk.ui.pages import PageEntry, RailPage
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.buttons import Button
from halodesk.ui.parts.keys import bind_keys
from halodesk.ui.parts.labels import label
from halodesk.ui.parts.tabs import Tabs
from halodesk.ui.sessions.list_page import SearchLine
from halodesk.ui.theme.tokens import Size, Space

PEOPLE, CALLS, CALLBACKS = range(3)
_BRIEF = 1000
"""Below this width only the words of the buttons are shown."""
_NARROW = 760
"""Below this width the last column makes room for the others."""
LATER_S = 15 * 60.0
_CLOCK_MS = 20_000
"""How often "due" is looked at anew."""


def directory_entry(
    day: DayPort, dial: Callable[[str], None], open_session: Callable[[str], None] | None = None
) -> PageEntry:
    """The entry of the rail that leads to people, calls and callbacks.

    `dial` places a call; `open_session` shows the record of one.
    """
    words = QCoreApplication.translate("Directory", "Directory")

    def watch(told: Callable[[int], None]) -> Unsubscribe:
        def news(topic: DayTopic) -> None:
            if topic == "history":
                told(day.missed)

        told(day.missed)
        return day.subscribe(news)

    return PageEntry("directory", words, lambda: DirectoryPage(day, dial, open_session), watch)


class DirectoryPage(RailPage):
    """Reads the agent's day anew after each change."""

    def __init__(
        self, day: DayPort, dial: Callable[[str], None], open_session: Callable[[str], None] | None = None
    ) -> None:
        super().__init__()
        self.setObjectName("directory_page")
        self._open_session = open_session
        self._day, self._dial = day, dial
        self._leave: Unsubscribe | None = None
        self._people: dict[str, Contact] = {}
        self._calls: dict[str, CallRecord] = {}
        self._callbacks: dict[str, Callback] = {}
        self.search_line = SearchLine()
        self.search_line.setObjectName("directory_search")
        self.search_line.setAccessibleName(tr("Search people and calls"))
        self.search_line.setPlaceholderText(tr("Name, number, company"))
        self.search_line.setFixedHeight(Size.INPUT)
        self.search_line.textChanged.connect(lambda _: self._render())
        self.search_line.down.connect(self._into_table)
        self.tabs = Tabs((tr("People"), tr("Calls"), tr("Callbacks")), "directory_tab")
        self.tabs.chosen.connect(self.show_tab)
        self._tab = PEOPLE
        name, number = Column(tr("Name")), Column(tr("Number"), 210)
        self.tables = (
            LineTable(
                "directory_people",
                tr("People"),
                (name, number, Column(tr("State"), 120), Column(tr("More"), 0, True)),
            ),
            LineTable(
                "directory_calls",
                tr("Calls"),
                (
                    name,
                    number,
                    Column(tr("When"), 170),
                    Column(tr("Length"), 120, True),
                    Column(tr("Ended"), 0, True),
                ),
            ),
            LineTable(
                "directory_callbacks",
                tr("Callbacks"),
                (name, number, Column(tr("Due"), 180), Column(tr("Note"), 0, True)),
            ),
        )
        self._stack = QStackedWidget()
        self._nothing = label(role="lead", name="directory_none", wrap=True)
        self._nothing.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for table in self.tables:
            table.opened.connect(lambda _: self.call())
            table.above.connect(self.focus_search)
            table.moved.connect(self._offer)
            self._stack.addWidget(table)
        self._stack.addWidget(self._nothing)
        self.tables[PEOPLE].verticalScrollBar().valueChanged.connect(lambda _: self._watch())
        self._problem = Banner("directory_problem")
        self._planner = CallbackDialog(
            self,
            lambda number, due, who, note: day.plan_callback(number=number, due=due, name=who, note=note),
            day.now,
        )
        self._clock = QTimer(self, interval=_CLOCK_MS)
        self._clock.timeout.connect(self._render)
        self._build()
        self._keys()

    def _build(self) -> None:
        frame = QFrame()
        frame.setProperty("pane", "page")
        head = QHBoxLayout()
        head.setSpacing(Space.L)
        head.addWidget(label(tr("Directory"), "title", name="directory_title"))
        head.addStretch(1)
        head.addWidget(self.tabs)
        top = QVBoxLayout()
        top.setContentsMargins(Space.XL, Space.L, Space.XL, Space.M)
        top.setSpacing(Space.M)
        top.addLayout(head)
        top.addWidget(self.search_line)
        top.addWidget(self._problem)
        self.call_button = Button(
            tr("Call"), kind="primary", icon="dial", hint=tr("Enter"), name="directory_call"
        )
        self.call_button.clicked.connect(self.call)
        self.star = Button(icon="star", hint="Ctrl+B", name="directory_star", height=Size.INPUT)
        self.star.clicked.connect(self.toggle_favourite)
        self.later = Button(
            tr("Callback"), icon="callback", hint="Ctrl+K", name="directory_later", height=Size.INPUT
        )
        self.later.clicked.connect(self.plan)
        self.done = Button(tr("Done"), icon="check", hint="Ctrl+E", name="callback_done", height=Size.INPUT)
        self.done.clicked.connect(lambda: self.close_callback(done=True))
        self.snooze = Button(
            tr("15 min later"), icon="timer", hint="Ctrl+L", name="callback_snooze", height=Size.INPUT
        )
        self.snooze.clicked.connect(self.put_off)
        self.drop = Button(tr("Remove"), kind="ghost", name="callback_drop", height=Size.INPUT)
        self.drop.clicked.connect(lambda: self.close_callback(done=False))
        self.record = Button(
            tr("Its record"), icon="sessions", hint="Ctrl+J", name="directory_session", height=Size.INPUT
        )
        self.record.clicked.connect(self.show_record)
        foot = QFrame()
        foot.setProperty("pane", "footer")
        bottom = QHBoxLayout(foot)
        bottom.setContentsMargins(Space.XL, Space.S + 2, Space.XL, Space.S + 2)
        bottom.setSpacing(Space.M)
        self.call_button.setFixedHeight(Size.INPUT)
        bottom.addWidget(self.call_button)
        for button in (self.star, self.later, self.record, self.done, self.snooze, self.drop):
            bottom.addWidget(button)
        bottom.addStretch(1)
        everything = (self.call_button, self.star, self.later, self.record, self.done, self.snooze)
        self._hints = [(button, button.hint) for button in everything]
        self._brief = False
        self._hint = label(tr("Ctrl+F searches  ·  Ctrl+Tab changes the list"), "caption")
        bottom.addWidget(self._hint)
        table = QHBoxLayout()
        table.setContentsMargins(Space.M, 0, Space.M, 0)
        table.addWidget(self._stack)
        inner = QVBoxLayout(frame)
        inner.setContentsMargins(1, 1, 1, 1)
        inner.setSpacing(0)
        inner.addLayout(top)
        inner.addLayout(table, 1)
        inner.addWidget(foot)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(frame)

    def _keys(self) -> None:
        keys: dict[str, Callable[[], object]] = {
            "Ctrl+F": self.focus_search,
            "Ctrl+Tab": lambda: self.show_tab((self._tab + 1) % 3),
            "Ctrl+B": self.toggle_favourite,
            "Ctrl+K": self.plan,
            "Ctrl+E": lambda: self.close_callback(done=True),
            "Ctrl+L": self.put_off,
            "Ctrl+J": self.show_record,
        }
        bind_keys(self, keys)

    # as a page of the rail

    def enter(self) -> None:
        """In sight."""
        if self._leave is None:
            self._leave = self._day.subscribe(self._told)
        self._clock.start()
        self._render()
        if self._tab == CALLS:
            self._day.see_calls()
        self.focus_search()

    def leave(self) -> None:
        """Out of sight: no lamp is watched."""
        if self._leave is not None:
            self._leave()
            self._leave = None
        self._clock.stop()
        self._day.watch(())

    def back(self) -> None:
        """To the people."""
        self.show_tab(PEOPLE)

    def show_tab(self, tab: int) -> None:
        """People, calls or callbacks."""
        self._tab = tab
        self.tabs.choose(tab)
        self._render()
        if tab == CALLS:
            self._day.see_calls()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window the keys of the buttons are left out, then the last column."""
        super().resizeEvent(event)
        brief = event.size().width() < _BRIEF
        if brief != self._brief:
            self._brief = brief
            for button, key in self._hints:
                button.hint = "" if brief else key
                button.updateGeometry()
            self._offer()
        for table in self.tables:
            table.setColumnHidden(len(table.lines.columns) - 1, event.size().width() < _NARROW)

    # rendering

    def _told(self, topic: DayTopic) -> None:
        if topic in ("history", "callbacks", "contacts", "lamps"):
            self._render()

    def _render(self) -> None:
        day, words, now = self._day, self.search_line.text(), self._day.now()
        if self._tab == PEOPLE:
            people = day.find_contacts(words)
            lines = [contact_line(one, day.lamps) for one in people]
            self._people = dict(zip((line.key for line in lines), people, strict=True))
        elif self._tab == CALLS:
            calls = day.find_calls(words)
            lines = [call_line(one, day.name_of(one.number), now) for one in calls]
            self._calls = {one.key: one for one in calls}
        else:
            wanted = words.casefold()
            found = [
                one for one in day.callbacks if wanted in f"{one.name} {one.number} {one.note}".casefold()
            ]
            lines = [callback_line(one, day.name_of(one.number), now) for one in found]
            self._callbacks = {one.id: one for one in found}
        table = self.tables[self._tab]
        table.show_lines(lines)
        self._stack.setCurrentWidget(table if lines else self._nothing)
        self._nothing.setText(self._nothing_words(bool(words)))
        self._problem.render_as("warning", day.contacts_problem if self._tab == PEOPLE else "")
        self.tabs.count(CALLS, day.missed)
        self.tabs.count(CALLBACKS, len(day.callbacks))
        self._offer()
        self._watch()

    def _nothing_words(self, searched: bool) -> str:
        if searched:
            return tr("Nothing fits. Enter calls the number that is typed.")
        return (
            tr("No contacts yet. IT can name lists in the settings; calls can be made favourites."),
            tr("No call has been made or taken on this seat yet."),
            tr("Nobody is to be called back."),
        )[self._tab]

    def _offer(self) -> None:
        """What can be done with the chosen line."""
        number = self._chosen()[0]
        callback = self._tab == CALLBACKS and bool(number)
        self.call_button.setEnabled(bool(number or self.search_line.text().strip()))
        favourite = any(one.favourite and one.number == number for one in self._people.values())
        self.star.set_words(tr("No favourite any more") if favourite else tr("Favourite"))
        self.star.icon_name = "star_off" if favourite else "star"
        self.star.setVisible(self._tab != CALLBACKS)
        self.star.setEnabled(bool(number))
        self.record.setVisible(self._tab == CALLS and self._open_session is not None)
        self.record.setEnabled(bool(self._session()))
        self._hint.setVisible(self._tab != CALLBACKS and not self._brief)  # three buttons more need the room
        for button in (self.done, self.snooze, self.drop):
            button.setVisible(self._tab == CALLBACKS)
            button.setEnabled(callback)

    def _watch(self) -> None:
        if self._tab != PEOPLE or not self.isVisible():
            self._day.watch(())
            return
        shown = (self._people.get(line.key) for line in self.tables[PEOPLE].in_sight())
        self._day.watch([one.number for one in shown if one is not None])

    # doing

    def _chosen(self) -> tuple[str, str]:
        """Number and name of the chosen line."""
        if self._stack.currentWidget() is self._nothing:
            return "", ""
        key = self.tables[self._tab].chosen
        one: Contact | CallRecord | Callback | None
        one = (self._people.get(key), self._calls.get(key), self._callbacks.get(key))[self._tab]
        return (one.number, one.name or self._day.name_of(one.number)) if one is not None else ("", "")

    def call(self) -> None:
        """The chosen line, or the number that is typed where nothing fits it."""
        number = self._chosen()[0] or self.search_line.text().strip()
        if number:
            self._dial(number)

    def _session(self) -> str:
        """The session the chosen call led to."""
        found = self._calls.get(self.tables[CALLS].chosen) if self._tab == CALLS else None
        return found.session if found is not None else ""

    def show_record(self) -> None:
        """The record of the session that the chosen call led to."""
        session = self._session()
        if session and self._open_session is not None:
            self._open_session(session)

    def toggle_favourite(self) -> None:
        """The chosen number becomes a favourite, or is none any more."""
        number, name = self._chosen()
        if number and self._tab != CALLBACKS:
            favourites = {one.number for one in self._day.find_contacts("") if one.favourite}
            self._day.set_favourite(number, name or number, wanted=number not in favourites)

    def plan(self) -> None:
        """Asks when the chosen one is to be called back."""
        self._planner.ask(*self._chosen())

    def put_off(self) -> None:
        """A quarter of an hour later than now."""
        if self._tab == CALLBACKS and (key := self.tables[CALLBACKS].chosen):
            self._day.move_callback(key, self._day.now() + LATER_S)

    def close_callback(self, *, done: bool) -> None:
        """Called, or not wanted any more."""
        if self._tab == CALLBACKS and (key := self.tables[CALLBACKS].chosen):
            self._day.close_callback(key, done=done)

    # focus

    def focus_search(self) -> None:
        """To the search, ready to be typed over."""
        self.search_line.setFocus(Qt.FocusReason.ShortcutFocusReason)
        self.search_line.selectAll()

    def _into_table(self) -> None:
        if self._stack.currentWidget() is self._nothing:
            self.call()
        else:
            self.tables[self._tab].setFocus(Qt.FocusReason.OtherFocusReason)
