"""email: as the step is reached, once, never a secret, and no reason to keep a caller waiting."""

from __future__ import annotations

from typing import Any

import pytest

from halodesk.engine import codec
from halodesk.engine import commands as c
from halodesk.engine import events as e
from halodesk.engine.evolve import fold
from tests.fakes.order import Run, small
from tests.fakes.steps import codes, page_step, secret

MAIL = {"subject": "Your order, {{ who }}", "text": "Hello **{{ who }}**,\n\nthank you."}
FIELDS = [{"name": "who", "type": "text"}, {"name": "mail", "type": "text"}]


def email(page: bool = False, **config: Any) -> Run:
    step = {
        "key": "m",
        "type": "email",
        "fallback": "after",
        "config": {"to": "{{ mail }}", "template": MAIL, "body": "I have sent it." if page else "", **config},
    }
    flow = small(page_step("ask", "m", fields=FIELDS), step, page_step("after"), page_step("failed"))
    return Run(flow).submit().answer(who="Jo", mail="jo@example.com")


def mails(run: Run) -> list[e.EffectRequested]:
    return [ask for ask in run.of(e.EffectRequested) if ask.kind == "email"]


def test_it_is_sent_as_the_step_is_reached() -> None:
    run = email().submit()
    args = run.ask().args
    assert (args["to"], args["subject"]) == (["jo@example.com"], "Your order, Jo")
    assert args["html"] == "<p>Hello <strong>Jo</strong>,</p>\n<p>thank you.</p>\n"
    run.resolve(status="sent")
    assert run.at == "after"
    assert run.state.values["email_sent"] == {"success": True, "status": "sent", "reason": ""}


def test_queued_is_as_good_as_sent() -> None:
    run = email().submit().resolve(status="queued")
    assert (run.at, run.state.values["email_sent"]["status"]) == ("after", "queued")


def test_with_a_page_it_is_sent_before_anything_is_pressed() -> None:
    run = email(page=True).submit()
    assert run.ask().kind == "email"
    assert run.page.waiting == "Sending the mail …"
    run.resolve(status="sent")
    assert (run.at, run.page.waiting, run.page.panel["status"]) == ("m", "", "sent")
    assert run.submit().at == "after"
    assert len(mails(run)) == 1


@pytest.mark.parametrize("page", [False, True])
def test_going_back_and_on_sends_no_second_one(page: bool) -> None:
    run = email(page).submit().resolve(status="sent")
    for _ in range(3):
        while run.at != "ask":
            run.do(c.Back())
        run.submit()
    assert len(mails(run)) == 1
    assert run.at == ("m" if page else "after")
    assert run.state.values["email_sent"]["success"] is True


def test_nor_does_it_after_a_restart() -> None:
    run = email().submit().resolve(status="sent").do(c.Back())
    run.state = fold([codec.decode(codec.encode(event)) for event in run.events])
    assert run.do(c.Restart()).submit().at == "after"
    assert len(mails(run)) == 1


def test_another_address_gets_one_all_the_same() -> None:
    run = email().submit().resolve(status="sent").do(c.Back()).answer(mail="new@example.com").submit()
    assert run.ask().args["to"] == ["new@example.com"]


def test_a_second_visit_on_the_way_forward_sends_again() -> None:
    flow = small(
        {"key": "m", "type": "email", "fallback": "ask", "config": {"to": "a@example.com", "template": MAIL}},
        page_step("ask", "m"),
    )
    run = Run(flow).submit().resolve().submit().resolve()
    assert len(mails(run)) == 2
    assert len({ask.id for ask in mails(run)}) == 2


def test_once_a_session_has_one_name_for_all() -> None:
    assert email(dedupe="session").submit().ask().args["dedupe"] == "m"
    assert email().submit().ask().args["dedupe"] == ""


@pytest.mark.parametrize("to", ["", "nobody", "a@b@c", "x\n@y", "<a@b.c>"])
def test_without_an_address_nothing_is_sent_and_it_is_told(to: str) -> None:
    run = email(on_failure="failed").answer(mail=to).submit()
    assert mails(run) == []
    assert (run.at, run.incidents()) == ("failed", ["email_failed"])
    assert run.state.values["email_sent"]["success"] is False


def test_a_mail_that_cannot_be_sent() -> None:
    run = email(on_failure="failed").submit().resolve("failed", reason="No provider.")
    assert run.at == "failed"
    run = email(page=True, on_failure="failed").submit().resolve("failed", reason="No provider.")
    assert (run.at, run.page.problem) == ("m", "No provider.")
    assert run.submit().at == "failed"
    assert email().submit().resolve("failed").at == "after"


def test_several_recipients_and_a_subject_on_one_line() -> None:
    run = email(to="a@example.com, {{ mail }}", template={"subject": "a\n{{ who }}", "text": "x"}).submit()
    assert run.ask().args["to"] == ["a@example.com", "jo@example.com"]
    assert run.ask().args["subject"] == "a Jo"


def test_markup_in_a_name_stays_a_name() -> None:
    run = email().answer(who="[x](http://evil) <b>").submit()
    assert "<a" not in run.ask().args["html"]
    assert "<b>" not in run.ask().args["html"]
    assert run.ask().args["subject"] == "Your order, [x](http://evil) <b>"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"to": ""}, "email_without_recipient"),
        ({"to": "nobody"}, "email_address"),
        ({"to": "{{ ssn }}"}, "secret_in_email"),
        ({"template": {"subject": "s", "text": "{{ ssn }}"}}, "secret_in_email"),
        ({"template": {"subject": "{{ ssn }}", "text": "t"}}, "secret_in_email"),
        ({"template": {"subject": "s", "text": "{{ a"}}, "template"),
    ],
)
def test_what_the_health_check_says(config: dict[str, Any], code: str) -> None:
    step = {"key": "m", "type": "email", "fallback": "end", "fields": [secret(retention="sealed")]}
    good = {"to": "a@example.com", "template": {"subject": "s", "text": "t"}}
    assert codes({**step, "config": good}) == []
    assert codes({**step, "config": {**good, **config}}) == [code]
