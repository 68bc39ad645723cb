"""``python -m sleeptui.sim [SCENARIO]``: a simulated fleet in a process of its own.

It says where it is in one line of JSON when all servers answer, and runs until it is
interrupted or, with ``--until-eof``, until its standard input ends: it then never outlives the
panel that started it. With ``--server NAME --port N --bank DIR`` it is one server of the
scenario alone, which starts, logs and ends as vLLM does.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sleeptui.core.errors import SimError
from sleeptui.core.text import one_line
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.faults import FaultSetting
from sleeptui.sim.scenario import SCENARIOS, scenario_named
from sleeptui.sim.spec import Scenario

_USAGE = 2
_CHUNK = 4096


def main(arguments: list[str] | None = None) -> int:
    """The program. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sleeptui.sim", description=__doc__)
    parser.add_argument("scenario", nargs="?", help=", ".join(SCENARIOS))
    parser.add_argument("--speed", type=float, default=1.0, help="so many times faster than real")
    parser.add_argument("--until-eof", action="store_true", help="end with standard input")
    alone = parser.add_argument_group("one server alone")
    alone.add_argument("--server", help="its name in the scenario")
    alone.add_argument("--port", type=int, help="where it listens, on loopback")
    alone.add_argument("--bank", type=Path, help="folder with the memory of the simulated GPUs")
    alone.add_argument("--weights", type=Path, help="file that its start reads")
    alone.add_argument("--fault", action="append", default=[], help="JSON, repeatable")
    alone.add_argument("--seed", help="of its pace and draws")
    given = parser.parse_args(arguments)
    try:
        if given.server is None:
            scenario = given.scenario or "default"
            return run(scenario, speed=given.speed, until_eof=given.until_eof)
        if given.port is None or given.bank is None:
            parser.error("--server needs --port and --bank")
        return run_server(
            given.server,
            port=given.port,
            bank=given.bank,
            scenario=given.scenario,
            speed=given.speed,
            weights=given.weights,
            faults=given.fault,
            seed=given.seed,
        )
    except SimError as error:
        sys.stderr.write(f"{error}\n")
        return _USAGE


def run(scenario: str, *, speed: float = 1.0, until_eof: bool = False) -> int:
    """Run a fleet until it is interrupted, or standard input ends.

    Args:
        scenario: Its name.
        speed: Everything takes so many times less.
        until_eof: End with standard input.

    Returns:
        The exit code.

    Raises:
        SimError: There is no such scenario.
    """
    asyncio.run(_run(scenario_named(scenario), speed=speed, until_eof=until_eof))
    return 0


def run_server(
    server: str,
    *,
    port: int,
    bank: Path,
    scenario: str | None = None,
    speed: float = 1.0,
    weights: Path | None = None,
    faults: Sequence[str] = (),
    seed: str | None = None,
) -> int:
    """Run one server of a fleet alone, until it is told to end or its engine has died.

    Args:
        server: Its name in the scenario.
        port: Where it listens, on loopback.
        bank: Folder with the memory of the simulated GPUs.
        scenario: Its name; None: that of the experiment.
        speed: Starts, sleeps and wakes take so many times less; requests are as fast as real ones.
        weights: File that its start reads; made where it is not there.
        faults: JSON objects, as the control port of a fleet takes them.
        seed: Of its pace and its draws; None: its process number.

    Returns:
        The exit code.

    Raises:
        SimError: Something of that cannot be had, or means nothing.
    """
    # Imported here: help and usage errors need no web server.
    from sleeptui.sim.single import Single, run_single  # noqa: PLC0415

    single = Single(
        server=server,
        port=port,
        bank=bank,
        speed=speed,
        weights=weights,
        faults=tuple(_fault(text) for text in faults),
        seed=seed,
    )
    return run_single(single if scenario is None else replace(single, scenario=scenario))


def _fault(text: str) -> FaultSetting:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SimError(
            f"The fault {one_line(text)!r} is no JSON",
            hint='For example {"fault": "leak", "bytes": 209715200}.',
        ) from error
    return FaultSetting.read(data)


async def _run(scenario: Scenario, *, speed: float, until_eof: bool) -> None:
    # Imported here: help and usage errors need no web server.
    from sleeptui.sim.fleet import running_fleet  # noqa: PLC0415

    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    if until_eof:
        _end_with_stdin(loop, ending)
    async with running_fleet(scenario, speed=speed) as fleet:
        _announce(fleet.address)
        await ending.wait()


def _end_with_stdin(loop: asyncio.AbstractEventLoop, ending: asyncio.Event) -> None:
    descriptor = sys.stdin.fileno()

    def read() -> None:
        """Throw away what comes; the end of it is what counts."""
        if not os.read(descriptor, _CHUNK):
            loop.remove_reader(descriptor)
            ending.set()

    loop.add_reader(descriptor, read)


def _announce(address: FleetAddress) -> None:
    sys.stdout.write(f"{address.announce()}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
