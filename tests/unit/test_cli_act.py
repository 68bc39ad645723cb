"""What a sleep from the shell asks about before it is given."""

from types import SimpleNamespace

import pytest
from support import builders

from sleeptui.cli_act import Sleep
from sleeptui.core.model import SleepMode, State
from sleeptui.core.settings import Settings

BUSY = builders.server("mine", metrics=builders.metrics(running=2))
FOUND = builders.server("found")
ASLEEP = builders.server("sleeper", State.ASLEEP)


def asked(*views, named=(), mode=SleepMode.WAIT, is_all=True, demo=None):
    """The question, of servers as they stand."""
    work = Sleep([view.name for view in views], level=None, mode=mode, is_all=is_all)
    work.chosen = tuple(view.name for view in views)
    store = {view.name: view for view in views}
    settings = Settings(servers=tuple(builders.spec(name) for name in named), demo=demo)
    work.services = SimpleNamespace(store=SimpleNamespace(server=store.get), settings=settings)
    return work.question()


@pytest.mark.parametrize(
    "given",
    [
        {"named": ("mine", "found")},
        {"demo": "default"},
        {"is_all": False},
    ],
)
def test_what_was_named_is_not_asked_about(given):
    assert asked(BUSY, FOUND, **given) == ""


def test_all_means_servers_of_others_only_when_they_are_agreed_to():
    question = asked(BUSY, FOUND, ASLEEP, named=("mine",))
    assert question == "put mine, found to sleep? no configuration names found"


def test_what_sleeps_already_is_nothing_to_ask_about():
    assert asked(ASLEEP) == ""


def test_requests_that_would_be_cut_off_are_counted():
    question = asked(BUSY, named=("mine",), mode=SleepMode.ABORT)
    assert question.startswith("put mine to sleep? 2 ")
    assert question.endswith("cut off")
