"""The agent's state in the bar, wrap-up above the page, and the Directory: worked by keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shiboken6
from msgspec.structs import replace
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication, QLineEdit, QWidget

from halodesk.protocol import phone_link as link
from halodesk.runtime.agent_desk import AgentDesk
from halodesk.runtime.agent_ports import Mailbox, QueueMember, QueueView
from halodesk.runtime.agent_settings import AgentRules
from halodesk.runtime.directory import contact
from halodesk.ui.desk.agent_button import AgentButton
from halodesk.ui.directory.page import DirectoryPage, directory_entry
from halodesk.ui.directory.table import LineTable
from halodesk.ui.theme.active import ThemeChoice
from halodesk.ui.window import MainWindow
from tests.fakes.agent import MemoryStore, NotedDesk, NotedPhone, SetClock
from tests.fakes.phone import active, ended, ringing
from tests.ui.fake_desk import FakeDesk
from tests.ui.hands import CTRL, Hands, Key

SHIFT = Qt.KeyboardModifier.ShiftModifier
RULES = AgentRules(
    reasons=("Break", "Lunch"),
    wrap_up_s=60,
    wrap_up_more_s=30,
    dispositions=("Sold", "Not interested", "Wrong number"),
    force_disposition=True,
)
TEAM = (
    contact("Bo Berg", "1002", more="Support"),
    contact("Åsa Öst", "1003", more="Sales · asa@example.test"),
    contact("Robin Ortiz", "+12025550143", kind="mobile", more="Customer"),
)


class Seat:
    """A window with an agent's day behind it."""

    def __init__(self, pictures: Path, theme: ThemeChoice, rules: AgentRules, voicemail: str = "") -> None:
        self.clock, self.store, self.noted = SetClock(), MemoryStore(), NotedDesk()
        self.desk, self.phone = FakeDesk(), NotedPhone()
        self.watched: list[list[str]] = []
        self.day = AgentDesk(
            rules,
            self.store,
            self.noted,
            agent="Ann Lee",
            clock=self.clock,
            hang_up=lambda key, code: self.phone.send(link.HangUp(call=key, code=code)),
            watch=lambda numbers: self.watched.append(list(numbers)),
            voicemail_number=voicemail,
        )
        self.day.contacts_read(TEAM, "")
        entries = [directory_entry(self.day, self.desk.dial)]
        self.window = MainWindow(self.desk, theme=theme, pages=entries, agent=self.day, day=self.day)
        self.window.resize(1280, 800)
        self.window.show()
        self.window.activateWindow()
        self.hands = Hands(self.window, self.desk, pictures)
        self.hands.until(self.window.isActiveWindow)

    def talk(self, **more: object) -> None:
        """A call that is answered and over."""
        for call in (ringing(**more), active(**more), ended(**more)):
            self.day.phone_notice(link.CallChanged(call=call))

    def tick(self, seconds: float) -> None:
        """Time passes."""
        self.clock.now += seconds
        self.day.tick()

    @property
    def button(self) -> AgentButton:
        return self.window.status.agent

    def keys_of_popup(self, *keys: Qt.Key) -> None:
        """Keys go to the popup that is open."""
        for key in keys:
            popup = QApplication.activePopupWidget()
            assert popup is not None
            QTest.keyClick(popup, key)

    def table(self, name: str) -> LineTable:
        return self.hands.find(name, LineTable)

    def first_cells(self, name: str) -> list[str]:
        return [line.cells[0] for line in self.table(name).lines.lines]


@pytest.fixture
def open_seat(qapp: QApplication, pictures: Path) -> Iterator[Callable[..., Seat]]:
    opened: list[Seat] = []

    def open_(theme: ThemeChoice = "light", rules: AgentRules = RULES, voicemail: str = "") -> Seat:
        opened.append(Seat(pictures, theme, rules, voicemail))
        return opened[-1]

    yield open_
    for seat in opened:
        seat.window.close()
        shiboken6.delete(seat.window)
        assert seat.day._listeners == [], "the window still listens"


@pytest.fixture
def seat(open_seat: Callable[..., Seat]) -> Seat:
    return open_seat()


def test_the_state_is_chosen_by_keys(seat: Seat) -> None:
    assert (seat.button.text(), seat.button.isVisible()) == ("Ready", True)
    seat.hands.key(Key.Key_F12)
    seat.keys_of_popup(Key.Key_3)
    assert QApplication.activePopupWidget() is None
    assert seat.button.text() == "Lunch"
    assert (seat.day.view.shown, seat.day.view.reason) == ("not_ready", "Lunch")
    seat.clock.now += 65
    seat.day.queues_told(QueueView())
    assert seat.button.shown_time == "01:05"
    seat.hands.key(Key.Key_F12)
    seat.keys_of_popup(Key.Key_4)
    assert seat.button.text() == "Offline"


def test_the_choice_is_marked_and_escape_changes_nothing(seat: Seat) -> None:
    seat.day.choose("not_ready", "Break")
    seat.hands.click("agent_button")
    popup = QApplication.activePopupWidget()
    assert popup is not None
    chosen = [b.text() for b in popup.findChildren(QAbstractButton) if getattr(b, "chosen", False)]
    assert chosen == ["Break"]
    seat.keys_of_popup(Key.Key_Escape)
    assert seat.day.view.reason == "Break"


def test_what_the_pbx_does_not_have_is_seen_at_once(seat: Seat) -> None:
    seat.day.queues_told(
        QueueView(members=(QueueMember(queue="support", member=True, paused=True, reason="By Sam"),))
    )
    assert "support: paused (By Sam)" in seat.button.accessibleDescription()
    assert seat.button._icon == "alert"
    seat.day.queues_told(QueueView(problem="The PBX has no queue “sales”.", todo="Tell IT."))
    assert "The PBX has no queue “sales”. Tell IT." in seat.button.toolTip()


def test_an_outcome_is_chosen_before_the_agent_is_ready(seat: Seat) -> None:
    seat.talk()
    assert seat.hands.text("wrap_up_title") == "Wrap-up · 01:00 left"
    assert "(202) 555-0143 has no outcome yet" in seat.hands.text("wrap_up_lead")
    seat.hands.click("wrap_up_ready")
    assert "Choose first how the call ended." in seat.hands.text("wrap_up_problem:message")
    seat.hands.key(Key.Key_O, CTRL)
    seat.hands.key(Key.Key_Tab)
    seat.hands.key(Key.Key_Return)
    assert seat.store.records["k1"].outcome == "Not interested"
    assert not seat.hands.sees("outcome:Sold")
    seat.hands.click("wrap_up_ready")
    assert seat.day.view.shown == "ready"
    assert not seat.hands.sees("wrap_up_band")


def test_wrap_up_can_be_longer_and_ends_by_itself(seat: Seat) -> None:
    seat.talk()
    seat.day.give_outcome("Sold")
    seat.hands.key(Key.Key_F12, SHIFT)
    seat.tick(85)
    assert seat.hands.sees("wrap_up_band")
    seat.tick(6)
    assert not seat.hands.sees("wrap_up_band")
    assert seat.button.text() == "Ready"


def test_many_outcomes_are_in_a_list(open_seat: Callable[..., Seat]) -> None:
    many = tuple(f"Outcome {number}" for number in range(12))
    seat = open_seat(rules=AgentRules(dispositions=many, force_disposition=True))
    seat.talk()
    seat.hands.key(Key.Key_O, CTRL)
    seat.hands.key(Key.Key_Down)
    seat.hands.key(Key.Key_Return)
    seat.hands.until(lambda: seat.store.records["k1"].outcome == "Outcome 0")


def test_a_person_is_found_as_one_types_and_called_by_enter(seat: Seat) -> None:
    seat.hands.key(Key.Key_2, CTRL)
    assert seat.first_cells("directory_people") == ["Åsa Öst", "Bo Berg", "Robin Ortiz"]
    seat.hands.type("asa")
    assert seat.first_cells("directory_people") == ["Åsa Öst"]
    seat.hands.key(Key.Key_Down)
    seat.hands.key(Key.Key_Return)
    assert seat.desk.dialled == ["1003"]
    assert seat.watched[-1] == ["1003"]


def test_a_number_nobody_has_is_called_as_it_is_typed(seat: Seat) -> None:
    seat.hands.key(Key.Key_2, CTRL)
    seat.hands.type("5550999")
    assert "Enter calls the number" in seat.hands.text("directory_none")
    seat.hands.key(Key.Key_Return)
    assert seat.desk.dialled == ["5550999"]


def test_lamps_say_who_is_free(seat: Seat) -> None:
    seat.hands.key(Key.Key_2, CTRL)
    seat.day.lamps_told({"1002": "talking", "1003": "idle"})
    lines = {line.cells[0]: line for line in seat.table("directory_people").lines.lines}
    assert (lines["Bo Berg"].cells[2], lines["Bo Berg"].tint) == ("On a call", "danger")
    assert (lines["Åsa Öst"].meaning, lines["Åsa Öst"].tint) == ("Free", "success")
    assert lines["Robin Ortiz"].icon == "person"


def test_a_favourite_stands_first(seat: Seat) -> None:
    seat.hands.key(Key.Key_2, CTRL)
    seat.hands.type("robin")
    seat.hands.key(Key.Key_Down)
    seat.hands.key(Key.Key_B, CTRL)
    assert seat.store.chosen["+12025550143"].name == "Robin Ortiz"
    seat.hands.find("directory_search", QLineEdit).clear()
    assert seat.first_cells("directory_people")[0] == "★ Robin Ortiz"


def test_missed_calls_are_news_until_they_are_looked_at(seat: Seat) -> None:
    lost = replace(ended(code=487, begun_at=seat.clock.now), answered_at=None)
    for call in (ringing(begun_at=seat.clock.now), lost):
        seat.day.phone_notice(link.CallChanged(call=call))
    assert seat.day.missed == 1
    seat.hands.key(Key.Key_2, CTRL)
    seat.hands.key(Key.Key_Tab, CTRL)
    [line] = seat.table("directory_calls").lines.lines
    assert (line.cells[0], line.cells[3], line.meaning) == ("Robin Ortiz", "not answered", "Missed")
    assert seat.day.missed == 0


def test_a_callback_is_planned_put_off_and_done(seat: Seat) -> None:
    seat.talk(remote_name="Robin Ortiz", begun_at=seat.clock.now)
    seat.hands.key(Key.Key_2, CTRL)
    seat.hands.key(Key.Key_Tab, CTRL)
    seat.hands.key(Key.Key_Down)
    seat.hands.key(Key.Key_K, CTRL)
    dialog = seat.window.findChild(QWidget, "callback_dialog")
    assert dialog is not None
    assert dialog.isVisible()
    due = dialog.findChild(QLineEdit, "callback_due")
    note = dialog.findChild(QLineEdit, "callback_note")
    assert due is not None
    assert note is not None
    good = due.text()
    due.setText("soon")
    QTest.keyClick(due, Key.Key_Return)
    assert dialog.isVisible(), "no time, no callback"
    due.setText(good)
    note.setText("About the order")
    QTest.keyClick(due, Key.Key_Return)
    assert not dialog.isVisible()
    [plan] = seat.store.plans.values()
    assert (plan.number, plan.name, plan.note) == ("+12025550143", "Robin Ortiz", "About the order")
    seat.hands.key(Key.Key_Tab, CTRL)
    assert seat.first_cells("directory_callbacks") == ["Robin Ortiz"]
    seat.tick(3700)
    assert "Call Robin Ortiz back" in seat.noted.notices[0].message
    seat.hands.key(Key.Key_L, CTRL)
    assert seat.day.callbacks[0].due == seat.clock.now + 900
    seat.hands.key(Key.Key_E, CTRL)
    assert seat.day.callbacks == []
    assert seat.store.plans[plan.id].state == "done"


def test_no_lamp_is_watched_when_nobody_looks(seat: Seat) -> None:
    seat.hands.key(Key.Key_2, CTRL)
    assert seat.watched[-1] == ["1003", "1002", "+12025550143"]
    seat.hands.key(Key.Key_1, CTRL)
    assert seat.watched[-1] == []


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures(open_seat: Callable[..., Seat], theme: ThemeChoice) -> None:
    seat = open_seat(theme)
    seat.talk(remote_name="Robin Ortiz", begun_at=seat.clock.now - 600)
    seat.hands.picture(f"wrap-up-{theme}")
    seat.day.give_outcome("Sold")
    seat.day.choose("ready")
    seat.day.plan_callback(number="+12025550143", due=seat.clock.now + 3600, note="About the order")
    seat.day.queues_told(QueueView(members=(QueueMember(queue="support", member=True),)))
    seat.hands.key(Key.Key_2, CTRL)
    seat.day.lamps_told({"1002": "talking", "1003": "idle"})
    seat.day.set_favourite("1003", "Åsa Öst", wanted=True)
    seat.hands.picture(f"directory-{theme}")
    page = seat.window.page_beside
    assert isinstance(page, DirectoryPage)
    for tab in (1, 2):
        page.show_tab(tab)
        seat.hands.picture(f"directory-{tab}-{theme}")
    seat.hands.key(Key.Key_F12)
    popup = QApplication.activePopupWidget()
    assert popup is not None
    popup.grab().save(str(seat.hands.pictures / f"agent-panel-{theme}.png"))
    seat.keys_of_popup(Key.Key_Escape)


def test_the_page_between_calls_says_why_no_call_comes(seat: Seat) -> None:
    assert seat.hands.text("ready_headline") == "Ready, Ann."
    seat.day.choose("not_ready", "Lunch")
    assert seat.hands.text("ready_headline") == "Ann: Lunch"
    seat.day.choose("offline")
    assert "logged out of the queues" in seat.hands.text("ready_lead")
    seat.day.choose("ready")
    seat.talk()
    assert seat.hands.text("ready_headline") == "Wrap-up"
    assert not seat.hands.sees("agent_state")


def test_the_last_number_again(seat: Seat) -> None:
    assert not seat.hands.sees("redial")
    seat.hands.key(Key.Key_R, CTRL)
    assert seat.desk.dialled == []
    seat.talk(direction="out", remote_number="1002")
    assert seat.hands.find("redial", QAbstractButton).text() == "Redial Bo Berg"
    seat.hands.key(Key.Key_R, CTRL)
    assert seat.desk.dialled == ["1002"]


def test_messages_that_wait_are_seen_and_heard(open_seat: Callable[..., Seat]) -> None:
    seat = open_seat(voicemail="*97")
    assert seat.hands.find("voicemail", QAbstractButton).text() == "Voicemail"
    seat.day.mailbox_told(Mailbox(waiting=True, new=2, old=1))
    assert seat.hands.find("voicemail", QAbstractButton).text() == "2 new message(s)"
    seat.hands.key(Key.Key_M, CTRL)
    assert seat.desk.dialled == ["*97"]


def test_the_rail_counts_missed_calls(seat: Seat) -> None:
    lost = replace(ended(code=487, begun_at=seat.clock.now), answered_at=None)
    for call in (ringing(begun_at=seat.clock.now), lost):
        seat.day.phone_notice(link.CallChanged(call=call))
    entry = seat.hands.find("rail:directory", QAbstractButton)
    assert entry.accessibleDescription() == "1 new"
    seat.day.see_calls()
    assert entry.accessibleDescription() == ""
