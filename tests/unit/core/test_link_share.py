import pytest
from support.sessions import attempt, session

from sleeptui.core.cold import ColdStart
from sleeptui.core.environment import Card, Machine
from sleeptui.core.link_share import link_shares

GB = 10**9
CARD = Card(index=0, name="H200", pcie_gen_max=5, pcie_width_max=16)


def attempts():
    told = {"freed_bytes": 38 * GB, "host_bytes": 14 * GB}
    yield attempt("sleep", 12.0, nth=1, record=told)
    for seconds in (0.4, 0.5, 0.7, 0.0):
        yield attempt("wake", seconds)
    yield attempt("wake", 0.4, level=2)
    yield attempt("wake", 0.4, cls="timeout")
    yield attempt("wake", cls="unfinished", record=None)
    yield attempt("wake", 0.4, server="code")


def test_how_much_of_the_link_a_wake_has_used():
    (found,) = link_shares(session(*attempts(), machine=Machine(cards=(CARD,))))
    assert (found.server, found.n, found.weight_bytes) == ("qwen", 3, 14 * GB)
    assert found.bytes_per_s == pytest.approx(28 * GB)
    assert found.share == pytest.approx(28 / (16 * 3.938))


def test_a_link_that_is_not_known_has_no_share():
    (found,) = link_shares(session(*attempts()))
    assert (found.peak_bytes_per_s, found.share) == (None, None)


@pytest.mark.parametrize(("files", "weights"), [(12, 12), (20, 14), (None, 14)])
def test_no_more_is_copied_than_the_files_have(files, weights):
    """Pinned memory is given out in powers of two."""
    cold = ColdStart(weight_bytes=files and files * GB)
    (found,) = link_shares(session(attempt("start", record={"cold": cold}), *attempts()))
    assert found.weight_bytes == weights * GB
