"""web_browser: a foreign page beside the script, filled from captured values, results read back.

Rules (engine side; the browser itself keeps the rest):
- Only the origins listed may be shown. The address's own is one of them, and no value can
  change its host.
- No secret can be filled in: secrets are in no value.
- The result comes as the answer to the visit, and the page goes on by itself. Leaving the page
  ends the visit. One that failed says why; the agent may try again or go on by `on_failure`.
- Who comes back to the page finds the result of before; only "again" opens the foreign page anew.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec
from msgspec.structs import replace

from halodesk.engine import url_template
from halodesk.engine.commands import Refused, Resolve
from halodesk.engine.effects import BrowserVisit
from halodesk.engine.events import EffectRequested
from halodesk.engine.findings import Finding, error, warning
from halodesk.engine.flow import Flow, Step
from halodesk.engine.session import Session, scope
from halodesk.engine.steps.base import Ask, Button, Chosen, Plain, Settled, Work, read_config

_AGAIN, _WITHOUT = "again", "on_failure"


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """`fields`: selector to text with `{{ value }}`; `extract`: variable to selector."""

    url: str
    origins: tuple[str, ...] = ()
    """Allowed origins; empty: that of the address alone."""
    fields: dict[str, str] = {}
    submit: Literal["agent", "automatic"] = "agent"
    submit_selector: str = ""
    extract: dict[str, str] = {}
    wait_for: str = ""
    timeout_ms: int = 60_000
    profile: str = ""
    on_failure: str = ""
    body: str = ""


class WebBrowser(Plain):
    """A page with a browser in it."""

    name = "web_browser"
    hands = "A foreign page is worked with eyes and hands."
    config_type = Config

    def enter(self, flow: Flow, step: Step, state: Session) -> Work:
        """The visit begins as the page opens."""
        return Work(ask=self._visit(step, state), values={_problem(step): None})

    def ready(self, flow: Flow, step: Step, state: Session) -> Refused | None:
        """A page that reads something back waits for it."""
        config = read_config(Config, step)
        if not config.extract or _result(step, state):
            return None
        return Refused(
            code="no_result",
            message=str(state.values.get(_problem(step)) or "The web page has not given its result yet."),
        )

    def settle(
        self, flow: Flow, step: Step, state: Session, ask: EffectRequested, answer: Resolve
    ) -> Settled:
        """The values read go on; a failure keeps the page."""
        config = read_config(Config, step)
        if answer.outcome == "ok":
            values = {name: answer.result.get(name) for name in config.extract}
            return Settled(go=True, values={**values, _problem(step): None, _done(step): state.visit})
        reason = str(answer.result.get("reason") or "The web page could not be worked.")
        return Settled(
            stay=True, problem=reason, values={_problem(step): reason}, incident=("browser_failed", reason)
        )

    def buttons(self, flow: Flow, step: Step, state: Session) -> tuple[Button, ...] | None:
        """The usual one, and what can be done after a failure or instead of waiting."""
        config = read_config(Config, step)
        found = []
        if not config.extract or _result(step, state):
            found.append(Button(key="", label=step.fallback_label or self.continue_label, primary=True))
        if state.values.get(_problem(step)) or (_result(step, state) and not state.beside):
            found.append(Button(key=_AGAIN, label="Open the web page again", primary=not found))
        if config.on_failure and not _result(step, state):
            found.append(Button(key=_WITHOUT, label="Go on without the web page"))
        return tuple(found)

    def choose(self, flow: Flow, step: Step, state: Session, choice: str) -> Chosen | Refused | None:
        """Open it anew, or leave without it."""
        target = read_config(Config, step).on_failure
        if choice == _AGAIN and not state.beside:
            again = replace(self._visit(step, state), once=False)
            return Chosen(work=Work(ask=again, values={_problem(step): None, _done(step): None}), stay=True)
        if choice == _WITHOUT and target:
            return Chosen(work=Work(to=target))
        return None

    def panel(self, flow: Flow, step: Step, state: Session) -> dict[str, Any]:
        """`visit`: id of the effect the browser works for; its arguments; `problem`."""
        visit = next((ask for ask in state.beside if ask.kind == BrowserVisit.kind), None)
        return {
            "visit": visit.id if visit is not None else "",
            "url": visit.args["url"] if visit is not None else "",
            "submit": read_config(Config, step).submit,
            "problem": str(state.values.get(_problem(step)) or ""),
        }

    def sets(self, step: Step) -> set[str]:
        """What is read back."""
        return set(read_config(Config, step).extract)

    def check(self, flow: Flow, step: Step) -> list[Finding]:
        """An address that stays where it belongs, selectors that are some, a way on."""
        findings = super().check(flow, step)
        if findings:
            return findings
        config = read_config(Config, step)
        problem = url_template.address_problem(config.url)
        home = url_template.origin(config.url)
        if not problem and not home:
            problem = "it is not absolute"
        if problem:
            findings.append(error("bad_url", step, f"The address cannot be used: {problem}.", "Correct it."))
        elif home.startswith("http:"):
            findings.append(warning("plain_http", step, "The page is fetched unencrypted.", "Use https."))
        for origin in config.origins:
            if url_template.origin(origin) != origin:
                findings.append(
                    error(
                        "bad_origin", step, f'"{origin}" is no origin.', "Write https://host, without a path."
                    )
                )
        if config.origins and home and home not in config.origins:
            findings.append(
                error(
                    "bad_origin", step, f"The page's own origin {home} is not allowed.", "Add it to the list."
                )
            )
        findings += self._check_selectors(flow, step, config)
        if config.extract and not config.on_failure:
            findings.append(
                warning(
                    "browser_failure", step, "Without a result this page cannot be left.",
                    'Name a step in "on_failure".',
                )
            )  # fmt: skip
        return findings

    def _check_selectors(self, flow: Flow, step: Step, config: Config) -> list[Finding]:
        findings = []
        selectors = [*config.fields, *config.extract.values()]
        selectors += [config.submit_selector] if config.submit == "automatic" else []
        for selector in selectors:
            problem = selector_problem(selector)
            if problem:
                findings.append(
                    error("bad_selector", step, f'The selector "{selector}": {problem}.', "Correct it (CSS).")
                )
        problem = url_template.problem(config.fields)
        if problem:
            findings.append(error("template", step, f"A text to fill in: {problem}.", "Correct it."))
        used = url_template.names(config.fields) | url_template.names(config.url)
        findings += [
            error(
                "secret_in_browser",
                step,
                f'The secret "{name}" would be given to a web page.',
                "Remove it.",
                name,
            )
            for name in sorted(used & flow.secrets)
        ]
        return findings

    def _visit(self, step: Step, state: Session) -> Ask:
        config = read_config(Config, step)
        known = scope(state)
        return Ask.of(
            BrowserVisit(
                url=url_template.address(config.url, known),
                origins=config.origins or (url_template.origin(config.url),),
                fill=url_template.texts(config.fields, known),
                submit=config.submit,
                submit_selector=config.submit_selector,
                extract=config.extract,
                wait_for=config.wait_for,
                timeout_ms=config.timeout_ms,
                profile=config.profile,
            )
        )


def selector_problem(selector: str) -> str:
    """What is wrong with a selector at first sight: brackets and quotes that do not close, empty parts."""
    for part in selector.replace(">>>", "\0").replace(">>", "\0").split("\0"):
        if not part.strip():
            return "a part of it is empty"
        open_: list[str] = []
        quote = ""
        for sign in part:
            if quote:
                quote = "" if sign == quote else quote
            elif sign in "\"'":
                quote = sign
            elif sign in "([":
                open_.append({"(": ")", "[": "]"}[sign])
            elif sign in ")]" and (not open_ or open_.pop() != sign):
                return f'"{sign}" closes nothing'
        if quote or open_:
            return "a bracket or quote is not closed"
        if any(sign in part for sign in "{};"):
            return "it is no selector"
    return ""


def _result(step: Step, state: Session) -> bool:
    return state.values.get(_done(step)) == state.visit


def _problem(step: Step) -> str:
    return f"browser:{step.key}:problem"


def _done(step: Step) -> str:
    return f"browser:{step.key}:visit"


TYPE = WebBrowser()
