"""A session speaks the language that its value names; what has no translation stays as written."""

from __future__ import annotations

from halodesk.engine.flow import dump, load
from tests.fakes.order import Run, small
from tests.fakes.steps import page_step

SPANISH = {
    "Choose": "Elija",
    "Hello **{{ who }}**": "Hola **{{ who }}**",
    "Who?": "¿Quién?",
    "Yes": "Sí",
    "On": "Seguir",
}
FLOW = small(
    page_step(
        "choose",
        "hello",
        title="Choose",
        fields=[
            {"name": "language", "type": "dropdown", "options": [{"value": "en"}, {"value": "es"}]},
            {"name": "who", "type": "text"},
        ],
    ),
    page_step(
        "hello",
        title="Choose",
        config={"body": "Hello **{{ who }}**"},
        fallback_label="On",
        fields=[
            {"name": "more", "type": "text", "label": "Who?", "help": "Not translated"},
            {"name": "sure", "type": "dropdown", "options": [{"value": "y", "label": "Yes"}]},
        ],
    ),
    languages=["en", "es"],
    translations={"es": SPANISH},
)


def at_hello(language: str) -> Run:
    run = Run(FLOW).submit().answer(who="Ana")
    if language:
        run.answer(language=language)
    return run.submit()


def test_it_speaks_the_language_of_the_session() -> None:
    page = at_hello("es").page
    assert page.title == "Elija"
    assert "Hola <strong>Ana</strong>" in page.html
    assert [field.label for field in page.fields] == ["¿Quién?", "sure"]
    assert page.fields[0].help == "Not translated"
    assert [option.label for option in page.fields[1].options] == ["Sí"]
    assert page.choices[0].label == "Seguir"


def test_without_a_language_or_in_its_own_it_stays_as_written() -> None:
    for language in ("", "en"):
        page = at_hello(language).page
        assert page.title == "Choose"
        assert page.choices[0].label == "On"


def test_a_change_of_language_shows_at_once() -> None:
    run = Run(FLOW).submit()
    assert run.page.title == "Choose"
    run.answer(language="es")
    assert run.page.title == "Elija"
    assert run.page.fields[0].value == "es"


def test_values_are_the_same_in_every_language() -> None:
    run = at_hello("es").answer(sure="y")
    assert run.state.values["sure"] == "y"


def test_the_document_keeps_its_translations() -> None:
    assert load(dump(FLOW)) == FLOW
