from support.builders import GIB, fleet, gpu_view, memory, metrics, server, spec

from sleeptui.core.learned import Cycle, Learned
from sleeptui.core.model import GpuMemory, MemorySource, State
from sleeptui.services.room import Giver, givers, next_to_go


def cycle(gib, life=1_000.0):
    return Cycle(process_start_s=life, level=1, freed_bytes=gib * GIB)


def giver(name, gib, *, busy=False, gpu=0):
    return Giver(name=name, busy=busy, gives=None if gib is None else {gpu: gib * GIB})


def chosen(short, *left):
    found = next_to_go(short, left)
    return found and found.name


def short(gib, gpu=0):
    return {gpu: gib * GIB}


class TestNext:
    def test_nobody_when_there_is_room(self):
        assert chosen({}, giver("a", 40)) is None

    def test_nobody_when_nobody_is_left(self):
        assert chosen(short(10)) is None
        assert chosen(None) is None

    def test_the_smallest_that_is_enough(self):
        assert chosen(short(30), giver("a", 60), giver("b", 40), giver("c", 20)) == "b"

    def test_idle_before_busy_even_if_it_takes_two(self):
        left = giver("busy", 40, busy=True), giver("b", 20), giver("c", 15)
        assert chosen(short(30), *left) == "b"

    def test_busy_when_the_idle_ones_are_not_enough(self):
        assert chosen(short(30), giver("busy", 40, busy=True), giver("b", 20)) == "busy"

    def test_the_largest_idle_one_when_nobody_is_enough(self):
        left = giver("busy", 20, busy=True), giver("b", 5), giver("c", 8)
        assert chosen(short(90), *left) == "c"

    def test_only_those_on_the_gpu_that_is_short(self):
        assert chosen(short(10, gpu=1), giver("a", 60), giver("b", 12, gpu=1)) == "b"
        assert chosen(short(10, gpu=1), giver("a", 60)) is None

    def test_one_whose_share_is_not_known_comes_last(self):
        assert chosen(short(30), giver("a", None), giver("b", 40)) == "b"
        assert chosen(short(30), giver("a", None)) == "a"

    def test_all_when_the_need_is_not_known_idle_and_small_first(self):
        left = [giver("busy", 1, busy=True), giver("big", 40), giver("small", 10)]
        order = []
        while (found := next_to_go(None, left)) is not None:
            order.append(found.name)
            left.remove(found)
        assert order == ["small", "big", "busy"]


def test_givers_are_awake_not_pinned_and_on_the_same_gpu():
    target = server("target", State.ASLEEP, spec=spec("target", gpus=(0,)))
    idle = server("idle", memory=memory(30 * GIB))
    busy = server("busy", memory=memory(20 * GIB), metrics=metrics(running=1))
    slept = server(
        "slept",
        memory=memory(30 * GIB),
        learned=Learned(cycles=(cycle(40), cycle(25))),
    )
    others = [
        server("pinned", spec=spec("pinned", pinned=True), memory=memory()),
        server("asleep", State.ASLEEP, memory=memory()),
        server("elsewhere", memory=memory(gpu=1)),
    ]
    guessed = server("guessed", spec=spec("guessed", gpus=(0,)), memory=memory(measured=False))
    picture = fleet([target, idle, busy, slept, guessed, *others], [gpu_view(0), gpu_view(1)])
    assert givers(target, picture) == (
        Giver(name="idle", busy=False, gives={0: 30 * GIB}),
        Giver(name="busy", busy=True, gives={0: 20 * GIB}),
        Giver(name="slept", busy=False, gives={0: 25 * GIB}),
        Giver(name="guessed", busy=False, gives=None),
    )


class TestGives:
    target = server("target", State.ASLEEP, spec=spec("target", gpus=(0, 1)))

    def gives(self, **fields):
        view = server("giver", **fields)
        (found,) = givers(self.target, fleet([self.target, view], [gpu_view(0), gpu_view(1)]))
        return found.gives

    def test_on_each_gpu_as_it_holds_its_memory(self):
        held = GpuMemory(by_gpu={0: 30 * GIB, 1: 10 * GIB}, source=MemorySource.MEASURED)
        learned = Learned(cycles=(cycle(36),))
        assert self.gives(memory=held, learned=learned) == {0: 27 * GIB, 1: 9 * GIB}

    def test_never_more_than_it_holds(self):
        assert self.gives(memory=memory(), learned=Learned(cycles=(cycle(50),))) == {0: 40 * GIB}
        empty = GpuMemory(by_gpu={0: 0}, source=MemorySource.MEASURED)
        assert self.gives(memory=empty) == {0: 0}

    def test_what_a_process_before_gave_counts_only_where_nothing_is_measured(self):
        learned = Learned(cycles=(cycle(20, life=1.0),))
        assert self.gives(memory=memory(), learned=learned) == {0: 40 * GIB}
        blind = self.gives(memory=None, learned=learned, spec=spec("giver", gpus=(0, 1)))
        assert blind == {0: 10 * GIB, 1: 10 * GIB}
