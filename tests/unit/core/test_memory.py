import pytest
from support.builders import GIB, gpu, home, memory, process, reading, record

from sleeptui.core.learned import Cycle
from sleeptui.core.memory import estimated, last_freed, last_good_sleep, measured, others
from sleeptui.core.model import MemorySource
from sleeptui.core.operation import Kind, Outcome


def slept(freed=38, level=1, **fields):
    return record(
        Kind.SLEEP, level=level, freed_bytes=None if freed is None else freed * GIB, **fields
    )


def cycle(freed):
    return Cycle(process_start_s=1.0, level=1, freed_bytes=freed, residual_bytes=2 * GIB)


class TestMeasured:
    def test_the_whole_tree_on_all_gpus(self):
        gpus = (
            gpu(0, processes=(process(1, 3 * GIB), process(2, 1 * GIB), process(9, 7 * GIB))),
            gpu(1, processes=(process(2, 5 * GIB),)),
        )
        found = measured(reading(*gpus), home(1, 2))
        assert found.by_gpu == {0: 4 * GIB, 1: 5 * GIB}
        assert found.source is MemorySource.MEASURED
        assert found.total_bytes == 9 * GIB

    def test_not_visible_is_not_empty(self):
        seen = reading(gpu(processes=(process(9),)))
        assert measured(seen, home(1)) is None
        assert measured(seen, None) is None
        assert measured(seen, home().__class__()) is None

    def test_a_gpu_that_lists_nothing_makes_the_sum_unknown_where_it_held_memory(self):
        seen = reading(gpu(0, processes=(process(1),)), gpu(1, processes=None))
        assert measured(seen, home(1), gpus=(1,)) is None
        assert measured(seen, home(1), gpus=(0,)).by_gpu == {0: 40 * GIB}

    def test_a_figure_that_nvml_does_not_tell(self):
        assert measured(reading(gpu(processes=(process(1, None),))), home(1)) is None


class TestEstimated:
    def test_what_the_last_sleep_freed(self):
        found = estimated(slept(), awake=True, gpus=(1,))
        assert (found.by_gpu, found.source) == ({1: 38 * GIB}, MemorySource.ESTIMATED)

    @pytest.mark.parametrize(
        ("last", "awake", "gpus"),
        [
            (None, True, (0,)),
            (slept(), False, (0,)),
            (slept(), True, None),
            (slept(), True, (0, 1)),
            (slept(None), True, (0,)),
        ],
    )
    def test_else_nothing(self, last, awake, gpus):
        assert estimated(last, awake=awake, gpus=gpus) is None


class TestFreed:
    def test_the_newest_good_sleep(self):
        history = (
            slept(outcome=Outcome.SUSPECT),
            slept(None),
            slept(-3),
            record(Kind.WAKE),
            slept(38),
            slept(20),
        )
        assert last_good_sleep(history).freed_bytes == 38 * GIB
        assert last_good_sleep(history[:4]) is None

    def test_this_run_before_earlier_ones(self):
        found = last_freed((slept(38, residual_bytes=GIB),), (cycle(20 * GIB),))
        assert (found.freed_bytes, found.residual_bytes) == (38 * GIB, GIB)

    def test_a_pause_frees_nothing(self):
        assert last_freed((slept(1, level=0), slept(38)), ()).freed_bytes == 38 * GIB
        assert last_freed((slept(1, level=0),), ()) is None

    def test_the_newest_of_earlier_runs_that_was_measured(self):
        cycles = (cycle(10 * GIB), cycle(20 * GIB), cycle(None), cycle(-1))
        found = last_freed((), cycles)
        assert (found.freed_bytes, found.residual_bytes) == (20 * GIB, 2 * GIB)
        assert last_freed((), (cycle(None),)) is None


class TestOthers:
    def test_what_no_server_holds(self):
        sample = gpu(0, 60 * GIB, processes=())
        assert others(sample, {"a": memory(40 * GIB), "b": None}) == 20 * GIB
        assert others(sample, {"a": memory(40 * GIB, gpu=1)}) == 60 * GIB
        assert others(sample, {"a": memory(70 * GIB)}) == 0

    def test_not_known(self):
        assert others(gpu(0, None, processes=()), {}) is None
        assert others(gpu(0, processes=None), {}) is None
        assert others(gpu(0, processes=()), {"a": memory(measured=False)}) is None
