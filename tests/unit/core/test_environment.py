"""The name of an environment: the same for the same, another for any other."""

import string
from dataclasses import fields, replace

import pytest

from sleeptui.core.environment import Card, Machine, env_id

CARD = Card(index=0, name="NVIDIA H200", pcie_gen=1, pcie_gen_max=5, pcie_width=16)
MACHINE = Machine(host="box", kernel="6.8.0", cpus=16, boot_id="a", cards=(CARD,))


def test_it_is_short_and_known_in_advance():
    assert env_id(Machine()) == "855c8f04d3ba"
    assert len(env_id(MACHINE)) == 12
    assert set(env_id(MACHINE)) <= set(string.hexdigits.lower())


@pytest.mark.parametrize(
    "same",
    [
        replace(MACHINE, boot_id="b"),
        replace(MACHINE, problems=("The driver did not answer",)),
        replace(MACHINE, cards=(replace(CARD, pcie_gen=5, pcie_width=8),)),
    ],
)
def test_a_reboot_and_a_busy_link_do_not_change_it(same):
    assert env_id(same) == env_id(MACHINE)


@pytest.mark.parametrize("name", [one.name for one in fields(Machine)])
def test_everything_else_does(name):
    if name in {"boot_id", "problems"}:
        return
    other = {"cards": (), "cpus": 8, "host": "other"}.get(name, "x")
    assert env_id(replace(MACHINE, **{name: other})) != env_id(MACHINE)


def test_another_card_changes_it():
    other = replace(MACHINE, cards=(replace(CARD, power_limit_w=350.0),))
    assert env_id(other) != env_id(MACHINE)
