"""Verdicts on benchmarks whose truth is known (``python -m tests.perf verdicts``: 200 of each)."""

import pytest
from perf.verdicts import FAULTS, rates

RUNS = 2


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_a_fault_is_found_and_nothing_else(fault):
    found = rates(fault, RUNS)
    assert found.wrong == 0
    assert found.found == (RUNS if fault.must_fail else 0)
    assert str(found).startswith(fault.name)
