"""``python -m sleeptui.sim [SCENARIO]``: a simulated fleet in a process of its own.

It says where it is in one line of JSON when all servers answer, and runs until it is
interrupted or, with ``--until-eof``, until its standard input ends: it then never outlives the
panel that started it.
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
    """The program. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m sleeptui.sim", description=__doc__)
    parser.add_argument("scenario", nargs="?", default="default", help=", ".join(SCENARIOS))
    parser.add_argument("--speed", type=float, default=1.0, help="so many times faster than real")
    parser.add_argument("--until-eof", action="store_true", help="end with standard input")
    given = parser.parse_args(arguments)
    try:
        return run(given.scenario, speed=given.speed, until_eof=given.until_eof)
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
