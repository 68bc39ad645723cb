"""A simulated fleet that another program runs is taken, and is not ended."""

import pytest

from sleeptui.core.errors import SimError
from sleeptui.core.settings import ServerSpec
from sleeptui.sim.address import FleetAddress
from sleeptui.sim.attached import ADDRESS_ENV, attached
from sleeptui.sim.launch import launched_fleet

ADDRESS = FleetAddress(
    scenario="default",
    servers=(ServerSpec(name="code", url="http://127.0.0.1:9001"),),
    control_url="http://127.0.0.1:9000",
    token="secret",
)


async def test_it_is_taken_in_the_place_of_a_new_one(monkeypatch):
    monkeypatch.setenv(ADDRESS_ENV, ADDRESS.announce())
    async with launched_fleet("default") as address:
        assert address == ADDRESS


def test_another_scenario_and_an_empty_variable_are_none(monkeypatch):
    monkeypatch.setenv(ADDRESS_ENV, ADDRESS.announce())
    assert attached("faults") is None
    monkeypatch.setenv(ADDRESS_ENV, "")
    assert attached("default") is None
    monkeypatch.delenv(ADDRESS_ENV)
    assert attached("default") is None


def test_something_else_in_it_is_said(monkeypatch):
    monkeypatch.setenv(ADDRESS_ENV, "{}")
    with pytest.raises(SimError, match="announced"):
        attached("default")
