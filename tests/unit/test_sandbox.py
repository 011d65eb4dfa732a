"""The JavaScript sandbox: what authors write, and the syntax check."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from halodesk.engine.errors import FunctionError
from halodesk.runtime.js_child import bare_names
from halodesk.runtime.ports import FunctionRunner
from halodesk.runtime.sandbox import JsSandbox, SyntaxChecker
from tests.fakes.sandbox import NOW, StillClock, evaluated, in_sandbox, outcomes


def test_is_a_function_runner() -> None:
    runner: FunctionRunner = JsSandbox(StillClock())
    assert hasattr(runner, "evaluate")


# --- what authors write ----------------------------------------------------------------------------


def test_variables_by_bare_name_and_through_vars() -> None:
    evaluated(
        ("attempts + 1", {"attempts": 2}, 3),
        ("vars.attempts + 1", {"attempts": 2}, 3),
        ("attempts >= 3 && !paid", {"attempts": 3, "paid": False}, True),
        ("lines.map(line => line.sku)", {"lines": [{"sku": "a"}, {"sku": "b"}]}, ["a", "b"]),
        ("größe * 2", {"größe": 21}, 42),
        ("price * 2 + 1", {"price": Decimal("10.50")}, 22),
        ("nothing === null", {"nothing": None}, True),
        ("name + '!'", {"name": "O'Brien \"\\ \n </script> ☃ 😀\0"}, "O'Brien \"\\ \n </script> ☃ 😀\0!"),
    )


def test_names_that_javascript_reserves_break_nothing() -> None:
    names = "class if vars helpers eval arguments undefined NaN await yield let static this null".split()
    variables = dict.fromkeys([*names, "a b", "1st", "a-b", "", "a=1", "__proto__", "ⅷ", "x,y", "ok"], 1)
    evaluated(("ok + vars.class + vars['a b'] + vars['a=1']", variables, 4))
    assert bare_names(variables) == ["__proto__", "ⅷ", "ok"]


def test_a_variable_shadows_a_helper_which_stays_within_reach() -> None:
    evaluated(
        ("age >= 18", {"age": 20}, True),
        ("helpers.age('2000-01-01') + age", {"age": 1}, 27),
    )


@pytest.mark.parametrize(
    ("now", "age"),
    [("2026-02-02T12:00:00Z", 24), ("2026-02-03T00:00:00Z", 25), ("2026-02-02T23:30:00-05:00", 24)],
)
def test_age_turns_on_the_local_birthday(now: str, age: int) -> None:
    variables = {"dob": "2001-02-03"}
    result = in_sandbox(lambda sandbox: sandbox.evaluate("age(dob)", variables, now=now))
    assert result == age


def test_helpers() -> None:
    lines = [{"price": 1.5}, {"price": "2"}, {"price": None}, {}]
    evaluated(
        ("age('2008-02-29')", {}, 18),
        ("age(dob)", {"dob": None}, None),
        ("age(dob) >= 18", {"dob": "2020-01-01T10:00:00Z"}, False),
        ("sum(lines, 'price')", {"lines": lines}, 3.5),
        ("sum([1, 2, 3]) + sum(null)", {}, 6),
        ("upper(a) + lower('ÄB') + trim('  x ')", {"a": "é"}, "Éäbx"),
        ("upper(a) + trim(a)", {"a": None}, ""),
        ("digits('+1 (555) 010-9999')", {}, "15550109999"),
        ("days_between('2026-03-01', '2026-02-01')", {}, -28),
        ("days_between('2026-03-01', later)", {"later": ""}, None),
        ("add_days('2024-02-28', 2)", {}, "2024-03-01"),
        ("add_days(today(), -1)", {}, "2026-06-14"),
    )


def test_sums_of_money_are_exact() -> None:
    cart = {"items": [{"total": "39.95"}, {"total": "0.10"}, {"total": "0.20"}], "quantity": 3}
    evaluated(
        ("sum(cart.items, 'total')", {"cart": cart}, 40.25),
        ("sum([0.1, 0.2])", {}, 0.3),
        ("sum(['1.005', null, '', 2])", {}, 3.005),
        ("sum(null)", {}, 0),
        ("sum([null, {a: 1}, {}], 'a')", {}, 1),
        ("round(1.005, 2)", {}, 1.01),
        ("round(-2.5)", {}, -3),
        ("round(1234.5, -2)", {}, 1200),
        ("round(0.0000001, 2)", {}, 0),
        ("round(null)", {}, None),
        ("count(cart.items)", {"cart": cart}, 3),
        ("count(null)", {}, 0),
    )


def test_dates_and_their_ends_of_months() -> None:
    evaluated(
        ("add_months('2024-01-31', 1)", {}, "2024-02-29"),
        ("add_months('2026-01-31', 1)", {}, "2026-02-28"),
        ("add_months('2026-03-31', -13)", {}, "2025-02-28"),
        ("add_years('2024-02-29', 1)", {}, "2025-02-28"),
        ("add_years(born, 18)", {"born": None}, None),
        ("weekday('2026-06-15')", {}, 1),
        ("weekday('2026-06-14')", {}, 7),
        ("age(dob) >= 18", {"dob": "2008-06-15"}, True),
        ("age(born) >= 18", {"born": "2008-06-16"}, False),
    )


def test_strings() -> None:
    evaluated(
        ("title(name)", {"name": "aNNA o'neil-SMITH"}, "Anna O'Neil-Smith"),
        ("contains(note, 'BACK')", {"note": "calls back"}, True),
        ("contains(note, 'x')", {"note": None}, False),
        ("starts_with(code, 'ab')", {"code": "ABC"}, True),
        (
            "join([first, middle, last_name], ' ')",
            {"first": "Jo", "middle": None, "last_name": "Lee"},
            "Jo Lee",
        ),
        ("last(digits(phone), 4)", {"phone": "(202) 555-0143"}, "0143"),
    )


def test_helpers_say_what_is_no_date() -> None:
    (first, second) = in_sandbox(
        lambda sandbox: outcomes(sandbox, {"age('soon')": {}, "age('2026-02-30')": {}})
    )
    assert "“soon” is not a date (YYYY-MM-DD)" in first
    assert "“2026-02-30” is not a date" in second


def test_clock_and_chance_are_given() -> None:
    async def scene(sandbox: JsSandbox) -> None:
        times = "[new Date(), Date.now(), Date(), new Date(0), typeof performance, new Date().getHours()]"
        assert await sandbox.evaluate(times, {}, now=NOW) == [
            "2026-06-16T04:30:00.000Z",
            1781584200000,
            "Tue Jun 16 2026 04:30:00 GMT+0000",
            "1970-01-01T00:00:00.000Z",
            "undefined",
            4,
        ]
        assert await sandbox.evaluate("new Date() instanceof Date && Date.UTC(1970, 0)", {}) == 0
        assert await sandbox.evaluate("Date.now()", {}) == 0, "the sandbox's own clock"
        chance = "[Math.random(), Math.random()]"
        first = await sandbox.evaluate(chance, {}, seed=7)
        assert first == await sandbox.evaluate(chance, {}, seed=7)
        assert first[0] != first[1]
        assert all(0 <= number < 1 for number in first)
        assert first != await sandbox.evaluate(chance, {}, seed=8)
        assert await sandbox.evaluate(chance, {}) != await sandbox.evaluate(chance, {})

    in_sandbox(scene)


def test_results() -> None:
    evaluated(
        ("undefined", {}, None),
        ("[undefined, null, {a: undefined}]", {}, [None, None, {"a": None}]),
        ("({a: [1, 1.5, 'x', true, {}]})", {}, {"a": [1, 1.5, "x", True, {}]}),
        ("new Date(0)", {}, "1970-01-01T00:00:00.000Z"),
        ("'\\u0000'", {}, "\0"),
        ("(() => { const twice = [1]; return [twice, twice] })()", {}, [[1], [1]]),
        ("1 // a comment", {}, 1),
        ("JSON.parse('{\"__proto__\": 1}')", {}, {"__proto__": 1}),
    )


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("NaN", "the result is NaN"),
        ("({total: 1 / 0})", "total is Infinity"),
        ("() => 1", "the result is a function"),
        ("({a: {b: [1, Symbol('x')]}})", "a.b[1] is a symbol"),
        ("10n", "the result is a bigint"),
        ("new Map()", "special object (Map)"),
        ("Promise.resolve(1)", "special object (Promise)"),
        ("(async () => 1)()", "special object (Promise)"),
        ("/x/", "special object (RegExp)"),
        ("new Date('x')", "not a valid date"),
        ("(() => { const a = {}; a.b = [a]; return a })()", "b[0] contains itself"),
        ("'\\ud800'", "cut in half"),
        ("({'\\ud800': 1})", "cut in half"),
        ("'x'.repeat(70000)", "larger than 64 KB"),
        ("Array(100).fill('x'.repeat(1000))", "larger than 64 KB"),
        ("(() => { let a = []; for (let i = 0; i < 40; i++) a = [a]; return a })()", "deeper than 32 levels"),
    ],
)
def test_results_that_are_no_data(expression: str, words: str) -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {expression: {}}))
    assert told.startswith("The function's result cannot be used: ")
    assert words in told


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("1 +", "it ends too early"),
        ("", "it ends too early"),
        ("(1", "it ends too early"),
        ("1 2", "line 1, column 3"),
        ("a\n+ b\n+ 'c", "line 3, column 3"),
        ("return 1", "line 1, column 1"),
        ("let x = 1", "line 1, column 1"),
        ("with (vars) {}", "line 1, column 1"),
    ],
)
def test_syntax_errors_name_the_place(expression: str, words: str) -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {expression: {}}))
    assert told.startswith("The function cannot be read: ")
    assert words in told
    assert told.endswith("Correct it in the builder.")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("attemps + 1", "line 1, column 1: there is no variable or function “attemps”"),
        ("1 +\n  caller.name.first", "line 2, column 3: cannot read property 'first' of undefined"),
        ("JSON.parse('{')", "line 1, column 6"),
        ("(() => { throw new Error('no stock') })()", "no stock"),
        ("(() => { throw 5 })()", "5"),
        ("(() => { throw new Error('\\ud800') })()", "The function failed"),
        ("(() => { throw null })()", "The function failed"),
        ("(() => { throw new Error('x'.repeat(100000)) })()", "xxx"),
    ],
)
def test_failures_are_put_in_words(expression: str, words: str) -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {expression: {"caller": {}, "attempts": 1}}))
    assert told.startswith("The function failed: ")
    assert words in told
    assert len(told) < 500


@pytest.mark.parametrize("value", [object(), 1j, "\ud800", iter("x")])
def test_variables_that_are_no_data(value: object) -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {"1": {"secret": value}}))
    assert told.startswith("A variable holds something that JavaScript cannot take.")


def test_variables_that_are_too_large() -> None:
    (told,) = in_sandbox(lambda sandbox: outcomes(sandbox, {"1": {"a": "x" * (9 << 20)}}))
    assert "larger than 8 MB" in told


@pytest.mark.parametrize("timeout_ms", [0, -1, 5001])
def test_time_limit_out_of_bounds(timeout_ms: int) -> None:
    with pytest.raises(FunctionError, match="time limit"):
        in_sandbox(lambda sandbox: sandbox.evaluate("1", {}, timeout_ms=timeout_ms))


# --- the syntax check ------------------------------------------------------------------------------


def test_syntax_check() -> None:
    with SyntaxChecker() as check:
        assert check("attempts + 1") is None
        assert check("anything.at.all(1)") is None
        assert check("(() => { while (true); })()") is None, "it is compiled, not run"
        assert check("1 +") == "it ends too early, or a bracket or quote is not closed"
        assert str(check("a\n b")).startswith("line 2, column 2: ")
        assert check("\ud800") == "it holds text that is not valid"
        assert check("(" * 20000) == "it is too long or nested too deeply"
        assert check("2") is None


def test_syntax_check_works_while_a_loop_runs() -> None:
    async def scene() -> str | None:
        with SyntaxChecker() as check:
            return check("1")

    assert asyncio.run(scene()) is None
