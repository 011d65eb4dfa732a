"""The Sessions page by keys and clicks, over a real store on its own thread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from halodesk.runtime.ports import ReviewPort
from halodesk.ui.parts.banner import Banner
from halodesk.ui.parts.buttons import Button
from halodesk.ui.sessions.list_page import SearchLine
from halodesk.ui.sessions.list_table import SessionTable
from halodesk.ui.sessions.page import SessionsPage
from halodesk.ui.sessions.replay_view import ReplayView
from halodesk.ui.sessions.time_line import TimeLine
from halodesk.ui.theme.tokens import THEMES, ThemeName
from halodesk.ui.window import MainWindow
from tests.fakes.order import CARD
from tests.ui.conftest import Opener
from tests.ui.fake_desk import FakeDesk
from tests.ui.hands import ALT, CTRL, Hands, Key, unclipped
from tests.ui.recorded import Recorded, erase_answers


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """For tests that only look."""
    found = Recorded(tmp_path_factory.mktemp("seat"))
    yield found
    found.store.close()


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Recorded]:
    """For a test that changes what was recorded."""
    found = Recorded(tmp_path)
    yield found
    found.store.close()


@pytest.fixture
def review(request: pytest.FixtureRequest) -> Iterator[ReviewPort]:
    recorded: Recorded = request.getfixturevalue("own" if "own" in request.fixturenames else "shared")
    with recorded.open() as opened:
        yield opened


def to_list(hands: Hands) -> SessionTable:
    """Ctrl+2, and the list is there with its chains checked."""
    hands.key(Key.Key_2, CTRL)
    hands.until(lambda: chain(hands, "order") == "holds")
    return hands.find("session_table", SessionTable)


def chain(hands: Hands, session: str) -> str:
    page = hands.window.page_beside
    return page.list.model.chain(session) if isinstance(page, SessionsPage) else ""


def to_replay(hands: Hands) -> ReplayView:
    """The order, searched for and opened by keys."""
    table = to_list(hands)
    hands.type("jordan")
    hands.until(lambda: table.model().rowCount() == 1)
    hands.key(Key.Key_Return)
    hands.key(Key.Key_Return)
    hands.until(lambda: hands.sees("replay"))
    view = hands.find("replay", ReplayView)
    hands.until(lambda: view.transport.line._wave is not None)
    return view


def words(view: ReplayView) -> str:
    assert view.review is not None
    return view.review.moments[view.moment].words


def lines(table: SessionTable) -> list[list[str]]:
    model = table.model()
    return [
        [str(model.index(row, column).data()) for column in range(model.columnCount())]
        for row in range(model.rowCount())
    ]


# the list


def test_the_list(hands: Hands) -> None:
    rows = lines(to_list(hands))
    assert [row[0] for row in rows] == ["4", "3", "2", "1"]
    number, began, caller, agent, flow, outcome, length, incidents, record = rows[1]
    assert (number, caller, agent, outcome) == ("3", "(202) 555-0143", "Ann", "sale")
    assert (length, incidents, record) == ("02:41", "1", "Intact")
    assert "inbound order" in flow
    assert len(began) == 16
    assert rows[0][5] == "In progress"
    assert rows[0][8] == "", "a session that goes on is checked when it is complete"
    assert hands.text("session_count") == "4 of 4 sessions"


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("jordan", ["3"]),
        ("ocean view", ["3"]),
        ("555-0177", ["2"]),
        ("service", ["4", "2", "1"]),
        ("zebra", []),
    ],
)
def test_searching(hands: Hands, typed: str, left: list[str]) -> None:
    table = to_list(hands)
    hands.type(typed)
    hands.until(lambda: [row[0] for row in lines(table)] == left)
    assert hands.sees("sessions_none") == (not left)
    hands.key(Key.Key_Escape)
    hands.until(lambda: table.model().rowCount() == 4)


def test_dates_and_incidents(hands: Hands) -> None:
    table = to_list(hands)
    day = lines(table)[1][1][:10]
    hands.find("session_from", SearchLine).setFocus()
    hands.type(day)
    hands.until(lambda: [row[0] for row in lines(table)] == ["4", "3"])
    hands.find("session_from", SearchLine).clear()
    hands.until(lambda: table.model().rowCount() == 4)
    hands.find("session_until", SearchLine).setFocus()
    hands.type(lines(table)[-1][1][:10])
    hands.until(lambda: "4" not in [row[0] for row in lines(table)])
    hands.find("session_until", SearchLine).clear()
    hands.click("incident_tab:1")
    hands.until(lambda: [row[0] for row in lines(table)] == ["3"])


def test_a_date_that_is_none_is_marked(hands: Hands) -> None:
    table = to_list(hands)
    box = hands.find("session_from", SearchLine)
    box.setFocus()
    hands.type("2026-13-45")
    hands.until(lambda: bool(box.property("wrong")))
    assert table.model().rowCount() == 4


def test_arrows_between_search_and_list(hands: Hands) -> None:
    table = to_list(hands)
    hands.key(Key.Key_Down)
    assert hands.focus is table
    assert table.currentIndex().row() == 0
    hands.key(Key.Key_Up)
    assert hands.focus.objectName() == "session_search"
    hands.key(Key.Key_Down)
    hands.key(Key.Key_Down)
    hands.key(Key.Key_F, CTRL)
    assert hands.focus.objectName() == "session_search"
    assert table.currentIndex().row() == 1


def test_a_changed_record_shows(hands: Hands, own: Recorded) -> None:
    own.change("short-0")
    to_list(hands)
    hands.until(lambda: chain(hands, "short-0") == "broken")
    assert lines(hands.find("session_table", SessionTable))[3][8] == "Broken"


def test_a_session_that_cannot_be_opened_is_said(hands: Hands, own: Recorded) -> None:
    erase_answers(own.store, "short-1", everything=True)
    table = to_list(hands)
    QTest.keyClick(table, Key.Key_End, CTRL)
    hands.key(Key.Key_Down)
    hands.key(Key.Key_Down)
    hands.key(Key.Key_Down)
    page = hands.window.page_beside
    assert isinstance(page, SessionsPage)
    table.selectRow([line.id for line in page.list.model.lines].index("short-1"))
    hands.key(Key.Key_Return)
    hands.until(lambda: hands.sees("open_problem"))
    assert "erased" in hands.find("open_problem", Banner).message


# the replay


def test_the_replay_shows_the_very_page(hands: Hands) -> None:
    view = to_replay(hands)
    assert hands.text("replay_title") == "No. 3  ·  Jordan Miller"
    assert hands.text("replay_chain") == "Record intact"
    assert hands.text("step_title") == "Welcome"
    hands.key(Key.Key_Down)
    assert hands.text("step_title") == "Gather caller info"
    assert hands.line("field:first_name").text() == ""
    hands.key(Key.Key_Right)
    assert words(view) == "Answer: First name: Jordan"
    assert hands.line("field:first_name").text() == "Jordan"
    assert not hands.line("field:first_name").isEnabled()
    assert view.at_s == 20.0
    assert hands.text("replay_time") == "00:20 / 02:42"
    hands.key(Key.Key_Left)
    assert hands.line("field:first_name").text() == ""
    hands.key(Key.Key_End)
    assert words(view).startswith("Recording kept")
    hands.key(Key.Key_Right)
    assert words(view).startswith("Recording kept"), "there is nothing after the end"
    hands.key(Key.Key_Home)
    hands.key(Key.Key_Up)
    assert view.moment == 0


def test_seconds_per_step_against_the_target(hands: Hands) -> None:
    view = to_replay(hands)
    said = [view.steps.entries.index(row, 0).data() for row in range(view.steps.entries.rowCount())]
    assert said[1] == "Gather caller info, 30 s / 45 s"
    assert said[6] == "Post payment: charge, 3.0 s", "the wait for the gateway is a step of its own"


def test_a_click_on_a_step_or_a_moment(hands: Hands) -> None:
    view = to_replay(hands)
    area = view.steps.visualRect(view.steps.entries.index(3, 0))
    QTest.mouseClick(view.steps.viewport(), Qt.MouseButton.LeftButton, pos=area.center())
    assert hands.text("step_title") == "Upsell: Dream Journal"
    hands.settle()
    area = view.moments.visualRect(view.moments.entries.index(1, 0))
    QTest.mouseClick(view.moments.viewport(), Qt.MouseButton.LeftButton, pos=area.center())
    assert words(view).startswith("Answer: Add the journal?")
    assert hands.focus is view, "the keys stay with the replay"


def test_nothing_in_a_replay_can_be_pressed(hands: Hands) -> None:
    view = to_replay(hands)
    hands.key(Key.Key_Return)
    hands.type("123")
    hands.key(Key.Key_Return, CTRL)
    hands.key(Key.Key_1, ALT)
    for button in view.page.choices.findChildren(Button):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert view.moment == 0
    assert hands.desk.commands == []


def test_secrets_are_nowhere(hands: Hands) -> None:
    view = to_replay(hands)
    assert view.review is not None
    for moment in range(len(view.review.moments)):
        view.go(moment)
        shown = [
            *(w.text() for w in hands.window.findChildren(QLabel)),
            *(w.text() for w in view.findChildren(QLineEdit)),
        ]
        for secret in (CARD, CARD[-4:], "1230"):
            assert not any(secret in text for text in shown)
    view.go([m.words for m in view.review.moments].index("Secure field filled: card_cvv (never recorded)"))
    box = hands.find("field:card_number", QWidget)
    hands.key(Key.Key_Tab)
    box.setFocus()
    hands.type("4")
    assert hands.desk.commands == []


def test_what_was_erased_is_shown_as_erased(hands: Hands, own: Recorded) -> None:
    erase_answers(own.store, "order")
    to_list(hands)
    table = hands.find("session_table", SessionTable)
    table.setFocus()
    table.selectRow(1)
    hands.key(Key.Key_Return)
    hands.until(lambda: hands.sees("replay"))
    assert "10 entries of this session were erased" in hands.find("replay_erased", Banner).message
    hands.key(Key.Key_Down)
    hands.key(Key.Key_Right)
    assert words(hands.find("replay", ReplayView)) == "Erased: answer given"
    assert hands.line("field:first_name").text() == ""
    assert hands.text("replay_chain") == "Record intact"


# sound


def playing(view: ReplayView) -> bool:
    return view.playing


def test_playing_moves_the_replay(hands: Hands, shared: Recorded) -> None:
    view = to_replay(hands)
    assert hands.text("replay_sound").startswith("No sound device in this build")
    hands.key(Key.Key_Space)
    assert playing(view)
    shared.clock.at += 27.0
    hands.until(lambda: view.at_s == 27.0)
    assert words(view) == "Answer: Last name: Miller"
    assert hands.line("field:last_name").text() == "Miller"
    hands.key(Key.Key_Space)
    assert not playing(view)
    shared.clock.at += 50.0
    hands.settle()
    assert view.at_s == 27.0
    hands.key(Key.Key_Space)
    shared.clock.at += 500.0
    hands.until(lambda: not view.playing)
    assert view.at_s == 162.0
    hands.key(Key.Key_Space)
    assert view.at_s == 0.0, "from the beginning again"
    hands.key(Key.Key_1, CTRL)
    assert not playing(view), "nothing plays behind the Desk"


def test_seeking_in_the_recording_moves_the_replay_and_the_reverse(hands: Hands, shared: Recorded) -> None:
    view = to_replay(hands)
    line = hands.find("time_line", TimeLine)
    QTest.mouseClick(line, Qt.MouseButton.LeftButton, pos=QPoint(round(line.x_of(100.0)), 50))
    assert view.at_s == pytest.approx(100.0, abs=0.2)
    assert hands.text("step_title") == "Billing and shipping"
    hands.key(Key.Key_Space)
    hands.key(Key.Key_Down)
    assert view.at_s == 112.0
    shared.clock.at += 3.0
    hands.until(lambda: view.at_s == 115.0)
    assert hands.text("mask_proof").startswith("MASKED")


def test_the_waveform_is_silent_where_it_was_masked(hands: Hands) -> None:
    view = to_replay(hands)
    wave = view.transport.line._wave
    assert wave is not None
    assert view.review is not None
    assert view.review.audio is not None
    assert view.review.audio.masked == ((112.4, 134.0),)
    slices = range(round(1200 * 113 / 155), round(1200 * 133 / 155))
    assert {wave.agent[at] for at in slices} == {wave.caller[at] for at in slices} == {0.0}
    assert max(wave.agent) > 0.3


def test_a_recording_that_was_changed_is_said(hands: Hands, own: Recorded) -> None:
    own.sound.write_bytes(own.sound.read_bytes()[:-1] + b"\0")
    to_list(hands)
    table = hands.find("session_table", SessionTable)
    table.setFocus()
    table.selectRow(1)
    hands.key(Key.Key_Return)
    hands.until(lambda: hands.sees("replay_problem"))
    assert "not the one that was kept" in hands.find("replay_problem", Banner).message


# exports


@pytest.mark.parametrize(
    ("kind", "begins"), [("jsonl", b"{"), ("csv", b"\xef\xbb\xbf"), ("html", b"<!doctype")]
)
def test_export(hands: Hands, tmp_path: Path, kind: str, begins: bytes) -> None:
    to_replay(hands)
    hands.click(f"export:{kind}")
    dialog = hands.window.findChild(QFileDialog)
    assert dialog is not None
    out = tmp_path / f"out.{kind}"
    line = dialog.findChild(QLineEdit)
    assert line is not None
    assert line.text().endswith(f"session-3.{kind}")
    line.setText(str(out))
    QTest.keyClick(line, Key.Key_Return)
    hands.until(lambda: hands.sees("export_told"))
    assert out.read_bytes().startswith(begins)
    assert str(out) in hands.find("export_told", Banner).message


# pages and calls


def test_the_way_back(hands: Hands) -> None:
    to_replay(hands)
    hands.key(Key.Key_Escape)
    table = hands.find("session_table", SessionTable)
    assert hands.focus is table
    hands.key(Key.Key_Return)
    hands.until(lambda: hands.sees("replay"))
    hands.key(Key.Key_Left, ALT)
    assert not hands.sees("replay")
    hands.key(Key.Key_1, CTRL)
    assert hands.focus.objectName() == "dial_number"
    hands.click("rail:sessions")
    assert hands.sees("sessions_page")
    hands.click("rail:desk")
    assert not hands.sees("sessions_page")


def test_a_call_while_on_sessions(hands: Hands) -> None:
    view = to_replay(hands)
    hands.desk.ring()
    hands.settle()
    band = hands.find("ring_band", QWidget)
    assert band.accessibleName() == "Robin Ortiz is calling"
    assert band.width() > 1100
    assert hands.sees("ring_answer")
    hands.key(Key.Key_F2)
    assert not hands.sees("sessions_page")
    assert not hands.sees("ring_band")
    assert hands.step == "start"
    assert hands.text("caller") == "Robin Ortiz"
    hands.key(Key.Key_1)
    assert hands.step == "gather", "the keys are the Desk's again"
    hands.key(Key.Key_2, CTRL)
    assert view.isVisible()
    assert hands.sees("caller"), "the call in hand stays in sight"
    hands.key(Key.Key_Return)
    assert hands.step == "gather", "no key of the Sessions page reaches the Desk"


def test_the_band_goes_with_the_call(hands: Hands) -> None:
    to_list(hands)
    hands.desk.ring()
    hands.click("ring_answer")
    assert hands.step == "start"
    hands.key(Key.Key_2, CTRL)
    hands.key(Key.Key_F4)
    assert not hands.sees("ring_band")


def test_what_is_half_typed_on_the_desk_is_kept(hands: Hands) -> None:
    hands.to_step("gather")
    hands.type("Rob")
    hands.key(Key.Key_2, CTRL)
    hands.until(lambda: chain(hands, "order") == "holds")
    hands.key(Key.Key_1, CTRL)
    assert hands.line("field:first_name").text() == "Rob"


def test_without_records_there_is_no_page(qtbot: QtBot, desk: FakeDesk, pictures: Path) -> None:
    window = MainWindow(desk)
    qtbot.addWidget(window)
    window.show()
    window.activateWindow()
    hands = Hands(window, desk, pictures)
    hands.until(window.isActiveWindow)
    hands.key(Key.Key_2, CTRL)
    assert window.page_beside is None
    assert not hands.sees("rail:sessions")
    window.close()


# look


def test_every_control_has_a_name_and_is_reached(hands: Hands) -> None:
    for to in (to_list, to_replay):
        to(hands)
        controls = [
            w
            for kind in (QAbstractButton, QLineEdit)
            for w in hands.window.findChildren(kind)
            if w.isVisible()
        ]
        assert [w for w in controls if not w.accessibleName().strip()] == []
        wanted = {w for w in controls if w.isEnabled() and w.focusPolicy() & Qt.FocusPolicy.TabFocus}
        reached = set()
        for _ in range(40):
            hands.key(Key.Key_Tab)
            reached.add(hands.focus)
        missed = {
            w for w in wanted - reached if not (isinstance(w, QAbstractButton) and w.group() is not None)
        }
        assert missed == set()
        hands.key(Key.Key_1, CTRL)


@pytest.mark.parametrize("theme", THEMES)
def test_pictures_and_no_text_is_clipped(open_window: Opener, theme: ThemeName) -> None:
    hands = open_window(theme, 1280, 800)
    to_list(hands)
    unclipped(hands)
    hands.picture(f"sessions-{theme}-list")
    view = to_replay(hands)
    view.go(27)
    unclipped(hands)
    hands.picture(f"sessions-{theme}-replay")
    hands.desk.ring()
    unclipped(hands)
    hands.picture(f"sessions-{theme}-ringing")


def test_the_theme_changes_in_a_replay(hands: Hands) -> None:
    view = to_replay(hands)
    before = hands.picture("sessions-theme-before")
    hands.click("toggle_theme")
    assert hands.picture("sessions-theme-after") != before
    assert view.isVisible()
