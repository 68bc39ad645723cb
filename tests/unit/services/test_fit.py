from support.builders import (
    GIB,
    MIB,
    fleet,
    gpu_view,
    memory,
    metrics,
    server,
    spec,
)

from sleeptui.core.learned import Cycle, Learned
from sleeptui.core.model import GpuMemory, MemorySource, State
from sleeptui.services import fit
from sleeptui.services.fit import MARGIN_BYTES

START = 1_000.0
FREED = Cycle(process_start_s=START, level=1, freed_bytes=38 * GIB, residual_bytes=2 * GIB)
SLEPT = Learned(cycles=(FREED,))


def asleep(name="qwen", held=2, **fields):
    values = {"memory": memory(held * GIB), "metrics": metrics(sleep="weights_offloaded"), **fields}
    return server(name, State.ASLEEP, queue_frozen=True, **values)


def footprint(gib=40, *, gpu=0, life=START, cycles=()):
    return Learned(awake_by_gpu={gpu: gib * GIB}, awake_in_s=life, cycles=cycles)


def picture(*servers, used=60, gpus=1, **fields):
    return fleet(servers, [gpu_view(index, used * GIB, **fields) for index in range(gpus)])


def checked(view, *others, used=60, **fields):
    return fit.of(view, picture(view, *others, used=used, **fields))


class TestNeed:
    def need(self, view, **fields):
        return fit.need_of(view, picture(view, **fields))

    def test_what_it_held_awake_less_what_it_holds_now(self):
        need = self.need(asleep(learned=footprint(cycles=(FREED,))))
        assert need.by_gpu == {0: 38 * GIB}
        assert need.is_measured
        assert need.known == "it held 40.0 GiB awake and holds 2.0 GiB now"

    def test_from_before_a_restart_if_it_is_on_the_same_gpus(self):
        need = self.need(asleep(learned=footprint(life=1.0)))
        assert need.by_gpu == {0: 38 * GIB}
        assert "before it was restarted" in need.known
        moved = asleep(learned=footprint(gpu=1, life=1.0, cycles=(FREED,)))
        assert self.need(moved, gpus=2).by_gpu == {0: 38 * GIB}

    def test_a_server_that_tells_no_start_time_may_be_another_one(self):
        blind = metrics(sleep="weights_offloaded", process_start_s=None)
        need = self.need(asleep(learned=footprint(life=None), metrics=blind))
        assert "before it was restarted" in need.known

    def test_half_awake_it_takes_only_the_rest(self):
        view = server(state=State.PARTIAL, memory=memory(30 * GIB), learned=footprint())
        assert self.need(view).by_gpu == {0: 10 * GIB}
        view = server(state=State.PARTIAL, memory=memory(30 * GIB), learned=SLEPT)
        need = self.need(view)
        assert need.by_gpu == {0: 10 * GIB}
        assert need.known == "its last sleep freed 38.0 GiB, 28.0 GiB of it are back"

    def test_what_holds_its_memory_takes_nothing(self):
        for state in (State.PARTIAL, State.PAUSED, State.SUSPECT):
            view = server(state=state, memory=memory(40 * GIB - 100 * MIB), learned=footprint())
            assert set(self.need(view).by_gpu.values()) == {0}
            assert checked(view, used=140).fits
        assert checked(server(state=State.SUSPECT, memory=None), used=140).fits

    def test_a_suspect_that_sleeps_takes_what_it_gave(self):
        view = server(
            state=State.SUSPECT, queue_frozen=True, memory=memory(2 * GIB), learned=footprint()
        )
        assert self.need(view).by_gpu == {0: 38 * GIB}

    def test_what_its_last_sleep_freed(self):
        need = self.need(asleep(memory=None, learned=SLEPT))
        assert need.by_gpu == {0: 38 * GIB}
        assert need.is_measured
        assert need.known == "its last sleep freed 38.0 GiB"

    def test_an_earlier_run_may_have_seen_it(self):
        cycles = (
            Cycle(process_start_s=START, level=1, freed_bytes=38 * GIB),
            Cycle(process_start_s=START, level=1, freed_bytes=None),
        )
        need = self.need(asleep(memory=None, learned=Learned(cycles=cycles)))
        assert need.by_gpu == {0: 38 * GIB}

    def test_spread_over_its_gpus(self):
        view = asleep(spec=spec(gpus=(0, 1)), memory=None, learned=SLEPT)
        assert self.need(view, gpus=2).by_gpu == {0: 19 * GIB, 1: 19 * GIB}

    def test_its_share_of_the_gpu_is_an_upper_bound(self):
        half = metrics(gpu_memory_utilization=0.5)
        need = self.need(asleep(metrics=half))
        assert need.by_gpu == {0: 70 * GIB}
        assert not need.is_measured
        assert self.need(asleep(metrics=half, memory=None)).by_gpu == {0: 70 * GIB}
        view = server(state=State.PARTIAL, metrics=half, memory=memory(30 * GIB))
        assert self.need(view).by_gpu == {0: 40 * GIB}

    def test_a_sleep_that_freed_nothing_has_left_its_share_where_it_was(self):
        """Else a wake that takes nothing would be refused for want of room."""
        half = metrics(gpu_memory_utilization=0.5)
        view = server(state=State.SUSPECT, queue_frozen=True, metrics=half, memory=memory(72 * GIB))
        assert self.need(view).by_gpu == {0: 0}
        assert checked(view, used=139).fits
        view = server(state=State.SUSPECT, queue_frozen=True, metrics=half, memory=memory(9 * GIB))
        assert self.need(view).by_gpu == {0: 70 * GIB}

    def test_not_known(self):
        share = metrics(gpu_memory_utilization=0.5)
        assert self.need(asleep(metrics=None)) is None
        assert self.need(asleep(memory=None, metrics=share), gpus=2) is None
        assert self.need(asleep(metrics=share), total_bytes=None) is None


class TestFits:
    def test_where_there_is_room(self):
        found = checked(asleep(learned=footprint()))
        assert (found.fits, found.can_be_made, found.words, found.hint) == (True, True, "", "")
        assert found.known == (
            "room: needs 38.0 GiB on GPU 0, 80.0 GiB free"
            " (it held 40.0 GiB awake and holds 2.0 GiB now)"
        )

    def test_a_margin_is_left_beside_what_was_measured(self):
        found = checked(asleep(learned=footprint()), used=102)
        assert found.short == {0: MARGIN_BYTES}
        assert found.missing == (
            "qwen needs 38.0 GiB and 256 MiB to spare on GPU 0, 38.0 GiB are free,"
            " 256 MiB are missing"
        )

    def test_none_beside_an_upper_bound(self):
        half = asleep(metrics=metrics(gpu_memory_utilization=0.5))
        assert checked(half, used=70).fits
        found = checked(half, used=71)
        assert found.fits is False
        assert found.missing.startswith("qwen needs up to 70.0 GiB on GPU 0, 69.0 GiB are free")

    def test_what_cannot_be_known_is_said(self):
        found = checked(asleep(metrics=None))
        assert (found.fits, found.can_be_made, found.missing) == (None, None, "")
        assert found.known.startswith("room: not known, it was not seen awake yet")
        away = asleep(spec=spec(url="http://gpu7:8001"), learned=footprint())
        assert checked(away).known == "room: not known, its GPUs are those of gpu7"
        view = asleep(memory=None)
        assert "its GPUs are not known" in checked(view, gpus=2).known
        assert fit.of(view, fleet([view])).known == "room: not known, no GPU can be read"

    def test_a_gpu_that_cannot_be_read(self):
        view = asleep(learned=footprint())
        found = fit.of(view, fleet([view], [gpu_view(0, None)]))
        assert found.fits is None
        assert found.known == "room: not known, the memory of GPU 0 cannot be read"

    def test_one_that_cannot_be_read_does_not_matter_where_it_takes_nothing(self):
        held = {0: 2 * GIB, 1: 300 * MIB}
        learned = Learned(awake_by_gpu={0: 40 * GIB, 1: 300 * MIB}, awake_in_s=START)
        measured = GpuMemory(by_gpu=held, source=MemorySource.MEASURED)
        view = asleep(learned=learned, memory=measured)
        found = fit.of(view, fleet([view], [gpu_view(0, 60 * GIB), gpu_view(1, None)]))
        assert found.fits
        assert found.known.startswith("room: needs 38.0 GiB on GPU 0, 80.0 GiB free (it held")

    def test_only_the_gpus_that_are_short_are_named(self):
        learned = Learned(awake_by_gpu={0: 40 * GIB, 1: 40 * GIB}, awake_in_s=START)
        view = asleep(learned=learned)
        gpus = [gpu_view(0, 130 * GIB), gpu_view(1, 10 * GIB)]
        found = fit.of(view, fleet([view], gpus))
        assert found.short == {0: 28 * GIB + MARGIN_BYTES}
        assert "GPU 1" not in found.words


class TestWords:
    def target(self):
        return asleep(learned=footprint())

    def test_what_is_missing_who_could_give_it_and_what_to_do(self):
        code = server("code", memory=memory(58 * GIB))
        busy = server("chat", memory=memory(20 * GIB), metrics=metrics(running=3))
        found = checked(self.target(), code, busy, used=130)
        assert found.words == (
            "qwen needs 38.0 GiB on GPU 0, 10.0 GiB are free, 28.2 GiB are missing."
            " code could give 58.0 GiB, chat (busy) could give 20.0 GiB by sleeping."
            " x makes room first; a wake without room fails and can lose the server"
        )
        assert found.can_be_made

    def test_those_who_give_nothing_there_are_not_named(self):
        other = server("other", spec=spec("other", gpus=(0, 1)), memory=memory(9 * GIB, gpu=1))
        found = checked(self.target(), other, used=130, gpus=2)
        assert found.givers == ()
        assert found.can_be_made is False

    def test_not_enough(self):
        small = server("small", memory=memory(5 * GIB))
        found = checked(self.target(), small, used=130)
        assert found.can_be_made is False
        assert "small could give 5.0 GiB by sleeping, which is not enough" in found.who
        assert found.hint.startswith("free memory on GPU 0")

    def test_how_much_somebody_gives_may_not_be_known(self):
        guessed = server("guessed", spec=spec("guessed", gpus=(0,)), memory=memory(measured=False))
        found = checked(self.target(), guessed, used=130)
        assert found.can_be_made is None
        assert "guessed could give an amount that is not known" in found.who
        assert found.hint.startswith("x makes room")

    def test_those_who_are_not_asked(self):
        pinned = server("embed", spec=spec("embed", pinned=True), memory=memory(10 * GIB))
        lost = server("old", State.WEDGED, memory=memory(50 * GIB))
        slept = server("slept", State.ASLEEP, memory=memory(3 * GIB))
        tiny = server("tiny", State.SUSPECT, memory=memory(100 * MIB))
        found = checked(self.target(), pinned, lost, slept, tiny, used=130, other_bytes=12 * GIB)
        assert found.who == (
            "embed holds 10.0 GiB and is pinned: not asked;"
            " old holds 50.0 GiB and is wedged: not asked;"
            " 12.0 GiB are held by no watched server"
        )
        assert found.hint == (
            "free memory on GPU 0; a wake without room fails and can lose the server"
        )

    def test_a_name_is_one_line(self):
        view = asleep("a\nb\x1b[31m", learned=footprint())
        assert "\n" not in checked(view, used=130).words
        assert "\x1b" not in checked(view, used=130).words
