"""The program's own log: one file handle while it runs, none after."""

import asyncio
import logging
import stat

import pytest
from support.leaving import left

from sleeptui import logs
from sleeptui.core.settings import Settings
from sleeptui.wiring import open_services


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return tmp_path


def _open_handles():
    return sum("sleeptui.log" in one for one in left()["files"])


def test_the_file_is_closed_and_opened_again(home):
    path = logs.set_up()
    assert path is not None
    assert _open_handles() == 1
    logging.getLogger("sleeptui.a").info("first")
    logs.end()
    assert _open_handles() == 0
    logging.getLogger("sleeptui.a").info("heard by nobody")
    logs.set_up()
    logging.getLogger("sleeptui.a").info("second")
    logs.end()
    assert [line.split(": ")[1] for line in path.read_text().splitlines()] == ["first", "second"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_handlers_of_others_stay():
    logger, other = logging.getLogger("sleeptui"), logging.NullHandler()
    logger.addHandler(other)
    try:
        logs.end()
        assert other in logger.handlers
    finally:
        logger.removeHandler(other)


async def test_a_panel_that_has_ended_has_closed_its_log(home):
    async with open_services(Settings()) as services:
        services.begin()
        async with asyncio.timeout(30):
            while services.store.view.looking:  # noqa: ASYNC110 - of no interest but here
                await asyncio.sleep(0.01)
        assert _open_handles() == 1
    assert _open_handles() == 0
