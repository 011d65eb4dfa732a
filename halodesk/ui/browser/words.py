"""What the browser says to the agent. Texts of the page stand in quotes, cut short, and are plain text."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def tr(text: str) -> str:
    """In the language of the window."""
    return QCoreApplication.translate("browser", text)


def quote(foreign: str, most: int = 120) -> str:
    """Words of a page on one line."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in foreign).split())
    return f"“{line[: most - 1]}…”" if len(line) > most else f"“{line}”"


def fill_problem(code: str) -> str:
    """Why a value was not typed."""
    known = {
        "missing": tr("Not found on the page. Nothing was typed."),
        "gone": tr("The page did not answer. Nothing was typed."),
        "many": tr("The page has several that fit. Nothing was typed."),
        "bad_selector": tr("The selector of the flow cannot be used. Nothing was typed."),
        "no_frame": tr("The flow names a frame that is none. Nothing was typed."),
        "foreign": tr("It belongs to an origin that is not allowed. Nothing was typed."),
        "secret": tr("The page asks for a secret here. HaloDesk never types one into a web page."),
        "card": tr("The value looks like a card number. It is never given to a web page."),
        "locked": tr("The page does not let it be changed."),
        "unfillable": tr("Nothing can be typed into what the selector finds."),
        "no_option": tr("The page does not offer this value."),
        "refused_value": tr("The page does not take this value."),
        "too_long": tr("The value is longer than the page allows."),
        "lost": tr("The page did not keep the value."),
    }
    return known.get(code, tr("It could not be filled in."))


def changed(shown: str) -> str:
    """A page that writes a value its own way."""
    return tr("The page shows it as {text}.").format(text=quote(shown, 60))


def refusal(code: str) -> str:
    """What the page wanted and did not get."""
    known = {
        "window": tr("The page wanted to open another window. It was refused."),
        "download": tr("The page wanted to save a file. It was refused."),
        "file": tr("The page wanted a file of this computer. It was refused."),
        "permission": tr("The page wanted the microphone, the location or the like. It was refused."),
        "confirm": tr("The page asked a question. It was answered with no."),
        "password": tr("The server wanted a password in a window of its own. It was refused."),
    }
    return known[code]
