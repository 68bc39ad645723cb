import pytest
from support.builders import GIB, gpu, home, memory, process, reading
from support.story import Story

from sleeptui.core.learned import Cycle
from sleeptui.core.memory import estimated, last_freed, measured, others
from sleeptui.core.model import MemorySource
from sleeptui.core.operation import Kind


def cycle(freed=38 * GIB):
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
        found = estimated(cycle(), awake=True, gpus=(1,))
        assert (found.by_gpu, found.source) == ({1: 38 * GIB}, MemorySource.ESTIMATED)

    @pytest.mark.parametrize(
        ("last", "awake", "gpus"),
        [
            (None, True, (0,)),
            (cycle(), False, (0,)),
            (cycle(), True, None),
            (cycle(), True, (0, 1)),
            (cycle(None), True, (0,)),
        ],
    )
    def test_else_nothing(self, last, awake, gpus):
        assert estimated(last, awake=awake, gpus=gpus) is None

    def test_what_a_process_before_freed_tells_nothing_of_this_one(self):
        story = Story()
        story.look(process_start_s=1.0)
        story.start(Kind.SLEEP, level=1)
        story.end(Kind.SLEEP, level=1, freed_bytes=60 * GIB)
        story.look(process_start_s=1.0)
        assert story.gpu(62, listed=False).servers[0].memory.total_bytes == 60 * GIB
        story.wait(1).look(process_start_s=2.0)
        assert story.gpu(30, listed=False).servers[0].memory is None


class TestFreed:
    def test_the_newest_that_was_measured(self):
        cycles = (cycle(10 * GIB), cycle(20 * GIB), cycle(None), cycle(-1))
        assert last_freed(cycles) is cycles[1]
        assert last_freed((cycle(None),)) is None


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
