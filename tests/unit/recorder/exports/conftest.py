"""The golden session, read once; small sessions made by hand."""

import pytest
from golden import JOURNAL

from sleeptui.core.session import Session
from sleeptui.recorder.exports.measured import Measured
from sleeptui.recorder.fold import read


@pytest.fixture(scope="session")
def session():
    return read(JOURNAL)


@pytest.fixture(scope="session")
def measured(session):
    return Measured(session)


@pytest.fixture
def empty():
    return Session(
        run_id="20261123T093000Z-empty-0000",
        version=1,
        tool="sleeptui 0.3.0",
        began_ns=5_000_000_000,
        ended_ns=5_000_000_000,
        wall_ns=1_795_426_200_000_000_000,
    )
