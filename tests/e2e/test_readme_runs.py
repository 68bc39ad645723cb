"""Each command that a document tells a reader to type is run, as a process, on simulated servers.

How: ``support/cookbook.py``. What has no recipe there fails (``tests/arch/test_readme.py``).
"""

import tomllib

import pytest
from support.cookbook import RECIPES
from support.desk import Desk
from support.recipes import FLEET, RUNTIME


@pytest.mark.timeout(400)
@pytest.mark.parametrize("line", RECIPES)
def test_a_command_that_is_shown_does_what_is_said(tmp_path, line):
    RECIPES[line].run(Desk(tmp_path), line)


def test_the_fleets_that_are_shown_are_those_that_are_used():
    assert [one["name"] for one in tomllib.loads(FLEET)["server"]] == ["chat", "code"]
    assert [one["name"] for one in tomllib.loads(RUNTIME)["server"]] == ["code"]
