"""The JavaScript worker: a process that only evaluates flow authors' expressions.

Rules:
- One request at a time over standard input and output: four bytes of length (big-endian), then
  JSON. The process ends when its input does.
- Every evaluation has a QuickJS context of its own, so nothing an expression does to its world
  reaches the next one. 32 MB of memory, 256 KB of stack, and the time the request grants.
- No clock, no randomness, no I/O: `Date` and `Math.random` are fed by the request, QuickJS comes
  without its `std` and `os` modules, and promises never run, as nobody turns their queue.
- Against a hole in QuickJS itself stand the limits of the process: no file can be opened or
  written, no core dump, bounded memory and CPU time. The parent kills what its own clock finds
  late: a builtin busy in C does not look at QuickJS's time limit.
- An error text goes to the flow's author. It is bounded and comes from QuickJS, not from Python.

The expression is compiled as a strict function's body whose parameters are the variables, so a
variable shadows a helper of the same name (`helpers.age` is always there). It has to compile between
round and between square brackets: text that closes one pair early does not fit the other.
"""

from __future__ import annotations

import re
import signal
import struct
import sys
from typing import Any, BinaryIO, Literal

import msgspec
import quickjs  # type: ignore[import-untyped]  # ships no types; wrapped here alone

from halodesk.runtime.process_memory import disable_core_dumps

MEMORY_BYTES = 32 << 20
STACK_BYTES = 256 << 10
RESULT_BYTES = 64 << 10
RESULT_DEPTH = 32
LARGEST_FRAME = 8 << 20
"""Bound of a request, i.e. of a session's variables as JSON."""

_PROCESS_MEMORY_BYTES = 160 << 20
"""Room above what the process uses when it starts: QuickJS's limit, its copies, and Python's."""

HEAD = struct.Struct(">I")
"""Length of the frame that follows."""

_COMPILE_SECONDS = 1.0
_SPARE_CPU_SECONDS = 2
_LONGEST_MESSAGE = 300
_EXPRESSION_FIRST_LINE = 4
"""QuickJS puts two lines above a function's body, and ours begins with one more."""

_RESERVED = frozenset(
    "arguments await break case catch class const continue debugger default delete do else enum eval export"
    " extends false finally for function if implements import in instanceof interface let new null package"
    " private protected public return static super switch this throw true try typeof undefined var void"
    " while with yield globalThis helpers vars Infinity NaN".split()
)

FailureKind = Literal["syntax", "throw", "time", "memory", "stack", "result", "request"]


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One expression; `variables` is JSON, `now` ISO 8601 with offset. `check` compiles only."""

    expression: str
    variables: msgspec.Raw = msgspec.Raw(b"{}")
    now: str = "1970-01-01T00:00:00+00:00"
    seed: int = 0
    timeout_ms: int = 200
    check: bool = False


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """`result` is JSON; with a `failure`, `message` is in the author's words.

    `line` and `column` count from 1 within the expression; 0 where the place is not known.
    """

    result: msgspec.Raw = msgspec.Raw(b"null")
    failure: FailureKind | None = None
    message: str = ""
    line: int = 0
    column: int = 0


PRELUDE = r"""
(function (expression, variablesText, namesText, nowText, seed, depthLimit, textLimit) {
  'use strict';
  const { stringify, parse } = JSON;
  const { isArray } = Array;
  const { isFinite } = Number;
  const { getPrototypeOf, keys } = Object;
  const objectPrototype = Object.prototype;
  const RealDate = Date;
  const dateText = RealDate.prototype.toISOString;
  const compile = Function;
  const PLAIN_DATE = /^(\d{4})-(\d{2})-(\d{2})/;
  const DAY = 86400000;
  const NOW = RealDate.parse(nowText);

  function SandboxDate(...parts) {
    if (!new.target) return new RealDate(NOW).toString();
    return Reflect.construct(RealDate, parts.length ? parts : [NOW], new.target);
  }
  SandboxDate.prototype = RealDate.prototype;
  SandboxDate.now = () => NOW;
  SandboxDate.parse = RealDate.parse;
  SandboxDate.UTC = RealDate.UTC;
  RealDate.prototype.constructor = SandboxDate;
  globalThis.Date = SandboxDate;

  let state = seed | 0;
  Math.random = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  for (const name of ['performance', 'Atomics', 'SharedArrayBuffer', 'WeakRef', 'FinalizationRegistry',
                      'queueMicrotask']) delete globalThis[name];

  function day(value) {
    const found = PLAIN_DATE.exec(String(value));
    const at = found ? RealDate.UTC(+found[1], found[2] - 1, +found[3]) : NaN;
    if (!found || new RealDate(at).getUTCDate() !== +found[3])
      throw new TypeError(`“${String(value).slice(0, 40)}” is not a date (YYYY-MM-DD)`);
    return at;
  }
  const text = value => value === null || value === undefined ? '' : String(value);
  const missing = value => value === null || value === undefined || value === '';
  const exact = (value, places) => isFinite(value) && places <= 15 ? Number(value.toFixed(places)) : value;
  function later(date, months) {
    const from = new RealDate(day(date));
    const first = RealDate.UTC(from.getUTCFullYear(), from.getUTCMonth() + months, 1);
    const longest = new RealDate(RealDate.UTC(from.getUTCFullYear(), from.getUTCMonth() + months + 1, 0));
    const at = new RealDate(first).setUTCDate(Math.min(from.getUTCDate(), longest.getUTCDate()));
    return dateText.call(new RealDate(at)).slice(0, 10);
  }
  const helpers = Object.freeze({
    today: () => nowText.slice(0, 10),
    age(date) {
      if (missing(date)) return null;
      const born = new RealDate(day(date)), now = new RealDate(day(nowText));
      const years = now.getUTCFullYear() - born.getUTCFullYear();
      const before = now.getUTCMonth() - born.getUTCMonth() || now.getUTCDate() - born.getUTCDate();
      return before < 0 ? years - 1 : years;
    },
    days_between: (from, to) => missing(from) || missing(to) ? null : (day(to) - day(from)) / DAY,
    add_days: (date, days) =>
      missing(date) ? null : dateText.call(new RealDate(day(date) + Math.trunc(days) * DAY)).slice(0, 10),
    add_months: (date, months) => missing(date) ? null : later(date, Math.trunc(months)),
    add_years: (date, years) => missing(date) ? null : later(date, Math.trunc(years) * 12),
    weekday: date => missing(date) ? null : new RealDate(day(date)).getUTCDay() || 7,
    sum(list, key) {
      let total = 0, places = 0;
      for (const item of list || []) {
        const value = key === undefined ? item : missing(item) ? null : item[key];
        if (missing(value)) continue;
        total += Number(value);
        places = Math.max(places, (/[.]([0-9]+)$/.exec(text(value)) || ['', ''])[1].length);
      }
      return exact(total, places);
    },
    count: list => missing(list) ? 0 : isArray(list) ? list.length : keys(Object(list)).length,
    round(value, places = 0) {
      if (missing(value)) return null;
      const sign = value < 0 ? -1 : 1;
      // by its digits as they are written: 1.005 is 1.01, not 1.00
      const [digits, power = '0'] = text(Math.abs(Number(value))).split('e');
      const whole = Math.round(Number(digits + 'e' + (Number(power) + places)));
      return exact(sign * Number(whole + 'e' + -places), Math.max(places, 0));
    },
    title: value =>
      text(value).toLowerCase().replace(/(^|[\s'-])(\S)/gu, (all, gap, sign) => gap + sign.toUpperCase()),
    contains: (value, part) => text(value).toLowerCase().includes(text(part).toLowerCase()),
    starts_with: (value, part) => text(value).toLowerCase().startsWith(text(part).toLowerCase()),
    join: (list, gap = ', ') => (list || []).filter(item => !missing(item)).map(text).join(gap),
    last: (value, signs) => text(value).slice(-Math.max(1, signs)),
    upper: value => text(value).toUpperCase(),
    lower: value => text(value).toLowerCase(),
    trim: value => text(value).trim(),
    digits: value => text(value).replace(/[^0-9]/g, ''),
  });
  Object.assign(globalThis, helpers, { helpers });

  class ResultError extends Error {}
  Object.defineProperty(ResultError.prototype, 'name', { value: 'ResultError' });
  const UNKEPT = 'which is not a value that can be kept';
  function plain(value, path, above) {
    if (value === null || value === undefined) return null;
    const where = path || 'the result';
    const kind = typeof value;
    if (kind === 'boolean') return value;
    if (kind === 'string') {
      if (!value.isWellFormed()) throw new ResultError(`${where} is text with a character cut in half`);
      return value;
    }
    if (kind === 'number') {
      if (!isFinite(value)) throw new ResultError(`${where} is ${value}, ${UNKEPT}`);
      return value;
    }
    if (kind !== 'object') throw new ResultError(`${where} is a ${kind}, ${UNKEPT}`);
    if (above.length >= depthLimit)
      throw new ResultError(`the result is nested deeper than ${depthLimit} levels`);
    for (const outer of above)
      if (outer === value) throw new ResultError(`${where} contains itself`);
    above = [...above, value];
    if (isArray(value)) {
      const list = [];
      for (let i = 0; i < value.length; i++) list[i] = plain(value[i], `${path}[${i}]`, above);
      return list;
    }
    const prototype = getPrototypeOf(value);
    if (prototype === RealDate.prototype) {
      if (!isFinite(+value)) throw new ResultError(`${where} is not a valid date`);
      return dateText.call(value);
    }
    if (prototype !== objectPrototype && prototype !== null) {
      const kindName = text(value.constructor && value.constructor.name) || 'strange object';
      throw new ResultError(`${where} is a special object (${kindName}), ${UNKEPT}`);
    }
    const copy = { __proto__: null };
    for (const key of keys(value)) {
      const inner = path ? `${path}.${key}` : key;
      copy[plain(key, inner, above)] = plain(value[key], inner, above);
    }
    return copy;
  }

  const variables = parse(variablesText);
  const names = parse(namesText).filter(name => {
    if (/^[A-Za-z_$][A-Za-z0-9_$]*$/.test(name)) return true;
    try { compile(name, ''); return true; } catch { return false; }
  });
  const run = compile('vars', ...names, '"use strict";return (\n' + expression + '\n);');
  compile('"use strict";return [\n' + expression + '\n];');
  const result = stringify(plain(run(variables, ...names.map(name => variables[name])), '', []));
  if (result.length > textLimit) throw new ResultError(`the result is larger than ${textLimit / 1024} KB`);
  return result;
})
"""

COMPILE_ONLY = r"""
(function (expression) {
  Function('"use strict";return (\n' + expression + '\n);');
  Function('"use strict";return [\n' + expression + '\n];');
})
"""


def bare_names(variables: dict[str, Any]) -> list[str]:
    """The variables that can be written as they are: identifiers that JavaScript does not reserve."""
    return [name for name in variables if name.replace("$", "_").isidentifier() and name not in _RESERVED]


def answer(request: Request) -> Reply:
    """Evaluate or compile one expression in a context of its own; every failure is a reply."""
    context = quickjs.Context()
    context.set_memory_limit(MEMORY_BYTES)
    context.set_max_stack_size(STACK_BYTES)
    context.set_time_limit(_COMPILE_SECONDS if request.check else request.timeout_ms / 1000)
    try:
        if request.check:
            context.eval(COMPILE_ONLY)(request.expression)
            return Reply()
        variables = msgspec.json.decode(request.variables, type=dict[str, Any])
        result = context.eval(PRELUDE)(
            request.expression,
            bytes(request.variables).decode(),
            msgspec.json.encode(bare_names(variables)).decode(),
            request.now,
            request.seed,
            RESULT_DEPTH,
            RESULT_BYTES,
        )
    except quickjs.JSException as error:
        return _failure(str(error), request.expression)
    except UnicodeDecodeError:
        return Reply(failure="throw", message="an error without a readable text")
    except MemoryError:
        return Reply(failure="memory")
    # An expression that tampers with JSON.stringify fools nobody but itself: the bounds hold here.
    if not isinstance(result, str) or len(result) > RESULT_BYTES:
        return Reply(failure="result", message=f"the result is larger than {RESULT_BYTES >> 10} KB")
    return Reply(result=msgspec.Raw(result.encode()))


def _failure(told: str, expression: str) -> Reply:
    """Sort what QuickJS says: `Name: message`, then a line for every frame of the stack."""
    first, _, stack = told.partition("\n    at ")
    first = first.split("\n", 1)[0]
    name, _, message = first.partition(": ")
    message = message.strip()[:_LONGEST_MESSAGE]
    if first.startswith("InternalError: interrupted"):
        return Reply(failure="time")
    if first.startswith("InternalError: out of memory"):
        return Reply(failure="memory")
    if first.startswith(("InternalError: stack overflow", "RangeError: Maximum call stack size")):
        return Reply(failure="stack")
    if name == "ResultError":
        return Reply(failure="result", message=message)
    # The compiled function is named “anonymous”; a compiler's complaint has no function yet.
    place = (
        re.match(r"<input>:(\d+):(\d+)\n    at Function \(native\)", stack) if name == "SyntaxError" else None
    )
    compiling = place is not None
    place = place or re.search(r"(?:^|at )anonymous \(<input>:(\d+):(\d+)\)", stack)
    line, column = (int(place[1]) - _EXPRESSION_FIRST_LINE + 1, int(place[2])) if place else (0, 0)
    if compiling and line > expression.count("\n") + 1:
        line, column, message = 0, 0, "it ends too early, or a bracket or quote is not closed"
    if name == "ReferenceError" and message.endswith(" is not defined"):
        message = f"there is no variable or function “{message.removesuffix(' is not defined')}”"
    if not message:
        message = first.strip()[:_LONGEST_MESSAGE] or "an error without a text"
    return Reply(
        failure="syntax" if compiling else "throw", message=message, line=max(line, 0), column=column
    )


def read_frame(source: BinaryIO) -> bytes | None:
    """The next request; None when the parent is gone or talks nonsense."""
    head = source.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    (size,) = HEAD.unpack(head)
    if size > LARGEST_FRAME:
        return None
    body = source.read(size)
    return body if len(body) == size else None


def write_frame(sink: BinaryIO, body: bytes) -> None:
    """Send one message at once."""
    sink.write(HEAD.pack(len(body)) + body)
    sink.flush()


def lock_down() -> None:
    """Give up what an expression never needs. Other systems have no such limits.

    The memory limit needs Linux; macOS accepts and ignores it.
    """
    if sys.platform == "win32":
        return
    import resource

    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        limit = used + _PROCESS_MEMORY_BYTES
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # Standard input, output and error are open; no descriptor beyond them can be.
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))


def grant_cpu(seconds: float) -> None:
    """Let the kernel kill this process if a builtin spins on and no parent is there to do it."""
    if sys.platform == "win32":
        return
    import resource

    usage = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(usage.ru_utime + usage.ru_stime + seconds) + _SPARE_CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def main() -> int:
    """Serve requests until standard input ends. The first frame sent says that it is ready."""
    # Ctrl-C in a terminal reaches every process; the parent decides when this one ends.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    # Once through everything, so that nothing is left to import when no file can be opened.
    answer(Request(expression="1 +"))
    ready = msgspec.json.encode(answer(Request(expression="age('2000-01-01')")))
    disable_core_dumps()
    lock_down()
    write_frame(sink, ready)
    while (frame := read_frame(source)) is not None:
        try:
            request = msgspec.json.decode(frame, type=Request)
        except msgspec.DecodeError:
            reply = Reply(failure="request", message="the worker did not understand the request")
        else:
            grant_cpu(_COMPILE_SECONDS + request.timeout_ms / 1000)
            reply = answer(request)
        write_frame(sink, msgspec.json.encode(reply))
    return 0


if __name__ == "__main__":
    sys.exit(main())
