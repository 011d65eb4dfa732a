"""`halodesk doctor`: each thing a seat needs, looked at for real, with what to do.

Rules:
- The doctor only looks. It changes nothing of the seat, sends nothing up, and does not take the line
  from a phone that runs.
- Each thing has one line, whatever happens to the others: a look that fails is a line, too.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from halodesk.engine.errors import HaloDeskError
from halodesk.runtime.ports import Clock
from halodesk.runtime.threads import SystemClock
from halodesk.selftest import central, children, day, desktop, holders, seat, telephone
from halodesk.selftest.checks import Check, not_checked, problem


def examine(folder: Path, clock: Clock | None = None) -> list[Check]:
    """All lines, in an order a person would go by."""
    clock = clock or SystemClock()
    offset = clock.wall() - clock.mono()
    settings, first = seat.settings(folder)
    lines = [seat.program(), first]
    lines += _lines(
        files=partial(seat.files, folder),
        disk=partial(seat.disk, folder),
        store=partial(seat.store, folder),
        keyring=partial(seat.keyring, folder),
        crashes=partial(seat.crashes, folder),
        functions=seat.functions,
        flows=partial(seat.flows, settings),
        flow_agents=partial(seat.flow_agents, folder, settings),
        holders=partial(holders.holders, folder, settings),
    )
    probe = children.probe(folder, settings)
    lines += _lines(
        phone=partial(telephone.phone, probe, settings),
        devices=partial(telephone.devices, settings, children.devices),
        sip_port=partial(telephone.sip_port, folder, settings),
        rtp_ports=partial(telephone.rtp_ports, settings),
        pbx=partial(telephone.pbx, settings, probe),
        recorders=partial(telephone.recorders, settings),
        gateway=partial(telephone.gateways, settings),
        queues=partial(day.queues, settings),
        contacts=partial(day.contacts, settings),
    )
    lines += _lines(
        tray=partial(desktop.tray, settings),
        hotkeys=partial(desktop.hotkeys, folder, settings),
        desktop_bus=desktop.bus,
        links=desktop.links,
    )
    return lines + _central(folder, clock, offset)


def _central(folder: Path, clock: Clock, offset: float) -> list[Check]:
    try:
        found = central.standing(folder)
    except HaloDeskError:  # told in the store's own line
        names = ("server_port", "certificate", "server", "waiting")
        lines = [not_checked(name, "The database that knows the server cannot be read.") for name in names]
        said = None
    else:
        said = central.ask(found, clock) if found is not None else None
        lines = _lines(
            server_port=partial(central.server_port, found),
            certificate=partial(central.certificate, found, clock.wall()),
            server=partial(central.server, found, said),
            waiting=partial(central.waiting, found, said),
        )
    jumped = clock.wall() - clock.mono() - offset
    return [*lines, central.clock(said, jumped, central.synchronised())]


def _lines(**checks: Callable[[], Check]) -> list[Check]:
    return [_safely(name, check) for name, check in checks.items()]


def _safely(name: str, check: Callable[[], Check]) -> Check:
    try:
        return check()
    except HaloDeskError as error:
        return problem(name, error.message, error.todo or "Tell IT.")
    except OSError as error:
        words = f"{error.filename or 'Something'} cannot be used: {error.strerror or type(error).__name__}."
        return problem(name, words, "Check the disk, the network and the permissions.")
