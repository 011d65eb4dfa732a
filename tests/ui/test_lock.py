"""Signing in, locking, going on; a step for another role. By keys, on a fake desk."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace
from PySide6.QtCore import QCoreApplication, QEvent
from PySide6.QtGui import QShortcut
from PySide6.QtWidgets import QWidget

from halodesk.engine import commands as c
from halodesk.engine.cart_actions.base import Moment
from halodesk.engine.roles import roles_of
from halodesk.runtime.people import Answered, Came, SignInProblem
from halodesk.ui.desk.call_panel import CallPanel
from halodesk.ui.lock.guard import Guard
from halodesk.ui.parts.banner import Banner
from halodesk.ui.theme.active import ThemeChoice
from tests.ui.conftest import Opener
from tests.ui.hands import CTRL, Hands, Key

WRONG = SignInProblem(message="The name or the password is wrong.", todo="Try again.")
STAFF = {"Anna": ("agent", "correct horse"), "Sam": ("supervisor", "battery staple")}


class FakePeople:
    """Two people; answers at once, or when a test lets it."""

    required = True
    key_words = "The key is in the keyring (SecretService)."

    def __init__(self) -> None:
        self.now: Came | None = None
        self.held: Callable[[], None] | None = None
        self.hold = False
        self.roles: list[tuple[str, ...]] = []

    def check(self, name: str, password: str, done: Answered) -> None:
        role, wanted = STAFF.get(name, ("", ""))
        good = bool(role) and password == wanted
        answer = Came(name=name, role=role, roles=roles_of(role)) if good else WRONG
        if self.hold:
            self.held = lambda: done(answer)
        else:
            done(answer)

    def sign_in(self, name: str, password: str, done: Answered) -> None:
        def answered(answer: Came | SignInProblem) -> None:
            if isinstance(answer, Came):
                self.now = answer
                self.roles.append(answer.roles)
            done(answer)

        self.check(name, password, answered)


@pytest.fixture
def people() -> FakePeople:
    return FakePeople()


Guarded = Callable[..., tuple[Hands, Guard]]


@pytest.fixture
def guarded(open_window: Opener, people: FakePeople) -> Iterator[Guarded]:
    made: list[Guard] = []

    def open_(
        theme: ThemeChoice = "light", idle_s: float = 0.0, width: int = 1280, height: int = 800
    ) -> tuple[Hands, Guard]:
        hands = open_window(theme, width, height)
        guard = Guard(hands.window, hands.desk, people, idle_s=idle_s)
        made.append(guard)
        hands.settle()
        return hands, guard

    yield open_
    for guard in made:
        guard.close()


def is_open(guard: Guard) -> bool:
    return not guard.locked


def call_state(hands: Hands) -> str:
    return hands.desk.call.state if hands.desk.call is not None else ""


def come(hands: Hands, name: str) -> None:
    """Types name and password into the lock page."""
    line = hands.line("sign_in_name")
    line.setFocus()
    line.selectAll()
    hands.type(name)
    hands.key(Key.Key_Return)
    hands.type(STAFF[name][1])
    hands.key(Key.Key_Return)
    hands.settle()


def test_nobody_sees_the_desk_before_signing_in(guarded: Guarded, people: FakePeople) -> None:
    hands, guard = guarded()
    assert guard.locked
    assert not hands.window.rail.isVisible()
    assert hands.focus is hands.line("sign_in_name")
    hands.fill("Anna", "wrong")
    hands.key(Key.Key_Return)
    assert hands.find("sign_in_problem", Banner).message == WRONG.message
    assert hands.line("sign_in_password").text() == ""
    assert hands.focus is hands.line("sign_in_password")
    hands.type("correct horse")
    hands.key(Key.Key_Return)
    hands.settle()
    assert is_open(guard)
    assert hands.window.rail.isVisible()
    assert people.now is not None


def test_while_it_is_checked_nothing_is_taken(guarded: Guarded, people: FakePeople) -> None:
    hands, guard = guarded()
    people.hold = True
    hands.fill("Anna", "correct horse")
    hands.key(Key.Key_Return)
    assert not hands.line("sign_in_password").isEnabled()
    assert people.held is not None
    people.held()
    assert is_open(guard)


def test_the_lock_keeps_the_call_and_what_was_typed(guarded: Guarded) -> None:
    hands, guard = guarded()
    come(hands, "Anna")
    hands.to_step("gather")
    hands.line("field:first_name").setFocus()
    hands.type("Ro")
    hands.key(Key.Key_L, CTRL)
    hands.settle()
    assert guard.locked
    assert hands.desk.state is not None
    assert hands.desk.state.values["first_name"] == "Ro", "what was typed is kept"
    panel = guard.page.call_panel
    assert isinstance(panel, CallPanel)
    assert panel.isVisible()
    assert not panel.answer_button.isVisible()
    assert not hands.sees("field:first_name"), "nothing of the session is in sight"
    hands.key(Key.Key_F6)
    hands.key(Key.Key_F7)
    call = hands.desk.call
    assert call is not None
    assert (call.hold, call.microphone_muted) == ("on", True)
    come(hands, "Anna")
    assert is_open(guard)
    assert hands.line("field:first_name").text() == "Ro"


def test_no_key_reaches_the_page_behind(guarded: Guarded) -> None:
    hands, guard = guarded()
    come(hands, "Anna")
    hands.to_step("main_offer")
    guard.lock()
    guard.page.setFocus()
    done = len(hands.desk.commands)
    for key in (Key.Key_1, Key.Key_Return, Key.Key_2):
        hands.key(key)
    hands.key(Key.Key_1, CTRL)
    assert len(hands.desk.commands) == done
    live = [found for found in hands.window.findChildren(QShortcut) if found.isEnabled()]
    assert {found.key().toString() for found in live} == {"F4", "F6", "F7"}
    come(hands, "Anna")
    live = [found for found in hands.window.findChildren(QShortcut) if found.isEnabled()]
    assert {"F2", "Alt+1", "Ctrl+L"} <= {found.key().toString() for found in live}
    assert sum(found.key().toString() == "F4" for found in live) == 1


def test_digits_of_secure_fields_are_wiped(guarded: Guarded) -> None:
    hands, guard = guarded()
    come(hands, "Anna")
    hands.to_step("payment")
    hands.desk.type_secret("card_number", "4")
    assert hands.desk.secret("card_number").length == 1
    guard.lock()
    assert hands.desk.secret("card_number").length == 0


def test_a_call_that_rings_wants_a_person(guarded: Guarded) -> None:
    hands, _ = guarded()
    hands.desk.ring()
    hands.settle()
    assert "Sign in to answer" in hands.text("lock_ringing")
    hands.key(Key.Key_F2)
    assert call_state(hands) == "incoming"
    come(hands, "Anna")
    hands.key(Key.Key_F2)
    assert call_state(hands) == "active"


def test_help_is_called_from_the_lock_page(guarded: Guarded) -> None:
    hands, guard = guarded()
    line = hands.line("emergency_number")
    line.setFocus()
    hands.type("123")
    assert not guard.page.call_help.isEnabled()
    line.clear()
    hands.type("112")
    hands.key(Key.Key_Return)
    assert hands.desk.dialled == ["112"]


def test_it_locks_by_itself_and_a_key_puts_that_off(guarded: Guarded) -> None:
    hands, guard = guarded(idle_s=0.6)
    come(hands, "Anna")
    assert guard._idle is not None
    timer = guard._idle._timer
    hands.until(lambda: timer.remainingTime() < 400)
    hands.key(Key.Key_Shift)
    assert timer.remainingTime() > 400
    hands.until(lambda: guard.locked)
    assert "secure fields are wiped" in hands.text("lock_why")


def test_somebody_else_goes_on(guarded: Guarded, people: FakePeople) -> None:
    hands, guard = guarded()
    come(hands, "Anna")
    guard.lock()
    assert hands.line("sign_in_name").text() == "Anna"
    come(hands, "Sam")
    assert is_open(guard)
    assert people.now is not None
    assert people.now.name == "Sam"


def for_supervisors(hands: Hands) -> None:
    """The offer is for supervisors."""
    flow = hands.desk.flow
    steps = tuple(
        replace(step, required_role="supervisor") if step.key == "main_offer" else step for step in flow.steps
    )
    hands.desk.flow = replace(flow, steps=steps)
    hands.desk.moment = Moment(roles=roles_of("agent"))


def test_a_supervisor_opens_a_step_over_the_shoulder(guarded: Guarded) -> None:
    hands, guard = guarded()
    come(hands, "Anna")
    for_supervisors(hands)
    hands.to_step("main_offer")
    assert hands.find("role_gate", Banner).message == "This step is for a supervisor."
    page = hands.desk.page
    assert page is not None
    assert page.choices == ()
    refused = hands.desk.do(c.Submit(choice="offer_response=yes"))
    assert refused is not None
    assert refused.code == "role"
    hands.click("open_step")
    hands.settle()
    dialog = guard._dialog
    assert dialog is not None
    for name in ("Anna", "Sam"):
        dialog.form.name_line.setFocus()
        dialog.form.name_line.clear()
        hands.type(name)
        hands.key(Key.Key_Tab)
        hands.type(STAFF[name][1])
        hands.key(Key.Key_Return)
        hands.settle()
        if name == "Anna":
            assert dialog.isVisible()
            assert "no supervisor" in dialog.form.problem.message
    assert not dialog.isVisible()
    assert not hands.sees("role_gate")
    hands.window.activateWindow()
    hands.until(hands.window.isActiveWindow)
    hands.key(Key.Key_1)
    assert hands.step == "upsell"


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_how_it_looks(guarded: Guarded, theme: ThemeChoice) -> None:
    hands, guard = guarded(theme)
    hands.picture(f"sign-in-{theme}")
    come(hands, "Anna")
    for_supervisors(hands)
    hands.to_step("main_offer")
    hands.picture(f"role-gate-{theme}")
    guard.lock_idle()
    hands.fill("Anna") if not hands.line("sign_in_name").text() else hands.type("x")
    hands.key(Key.Key_Return)
    hands.picture(f"locked-{theme}")
    for name in ("sign_in_name", "sign_in_password", "sign_in_button", "emergency_number"):
        assert hands.find(name, QWidget).accessibleName()
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
