"""A simulated fleet that another program runs: its address in the environment."""

import os

from sleeptui.sim.address import FleetAddress

ADDRESS_ENV = "SLEEPTUI_SIM_ADDRESS"
"""The announced line of a fleet that runs; set by the panel for a benchmark on its demo."""


def attached(scenario: str) -> FleetAddress | None:
    """The fleet of that name that another program runs; None: there is none.

    Raises:
        SimError: The variable has something else.
    """
    line = os.environ.get(ADDRESS_ENV)
    if not line:
        return None
    address = FleetAddress.read(line)
    return address if address.scenario == scenario else None
