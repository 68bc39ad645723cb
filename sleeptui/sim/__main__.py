"""``python -m sleeptui.sim [SCENARIO]``: a simulated fleet in a process of its own.

With ``--announce`` it says where it is in one line of JSON and ends when its standard input is
closed, so that it never outlives the panel that started it. Without, it lists its servers and
runs until it is interrupted.
"""

import argparse
import asyncio
import os
import signal
import sys

from sleeptui.core.errors import SimError
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.scenario import SCENARIOS, scenario_named
from sleeptui.sim.spec import Scenario

_USAGE = 2
_CHUNK = 4096


def main(arguments: list[str] | None = None) -> int:
    """Run until the end; the exit code."""
    parser = argparse.ArgumentParser(prog="sleeptui.sim", description=__doc__)
    parser.add_argument("scenario", nargs="?", default="default", help=", ".join(SCENARIOS))
    parser.add_argument("--announce", action="store_true")
    parser.add_argument("--speed", type=float, default=1.0, help="so many times faster")
    given = parser.parse_args(arguments)
    try:
        scenario = scenario_named(given.scenario)
    except SimError as error:
        sys.stderr.write(f"{error}\n")
        return _USAGE
    asyncio.run(_run(scenario, speed=given.speed, announce=given.announce))
    return 0


async def _run(scenario: Scenario, *, speed: float, announce: bool) -> None:
    # Imported here: usage errors and --help need no web server.
    from sleeptui.sim.fleet import run  # noqa: PLC0415

    ending = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ending.set)
    if announce:
        _end_with_stdin(loop, ending)
    await run(scenario, speed=speed, announce=_line if announce else _list, until=ending)


def _end_with_stdin(loop: asyncio.AbstractEventLoop, ending: asyncio.Event) -> None:
    descriptor = sys.stdin.fileno()

    def read() -> None:
        if not os.read(descriptor, _CHUNK):
            loop.remove_reader(descriptor)
            ending.set()

    loop.add_reader(descriptor, read)


def _line(address: FleetAddress) -> None:
    sys.stdout.write(f"{address.announce()}\n")
    sys.stdout.flush()


def _list(address: FleetAddress) -> None:
    for server in address.servers:
        sys.stdout.write(f"{server.name}\t{server.url}\n")
    sys.stdout.write(f"control\t{address.control_url}\ttoken {address.token}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
