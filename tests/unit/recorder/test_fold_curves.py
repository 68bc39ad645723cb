from support.journal_lines import S, gpu, header, points

from sleeptui.core.environment import Card, Machine
from sleeptui.core.model import Home
from sleeptui.recorder import lines as kinds
from sleeptui.recorder.fold import fold
from sleeptui.recorder.line_samples import GpuCard, GpuPoint


def test_memory_is_that_of_the_whole_process_tree():
    home = Home(pids=frozenset({7, 8}))
    every = [
        header(),
        kinds.HomeLine(t=0, s="q", home=home),
        gpu(1, GpuPoint(i=0, used_b=9, util_pct=50.0, p=((7, 3), (8, 4), (9, 2)))),
        gpu(2, GpuPoint(i=0, used_b=9), GpuPoint(i=1, used_b=5, p=((8, 5),))),
        gpu(3, GpuPoint(i=0, used_b=None), GpuPoint(i=1, p=((8, None),))),
        gpu(4, GpuPoint(i=1, p=())),
        gpu(5, GpuPoint(i=0, unlisted=True)),
        gpu(6, GpuPoint(i=0, p=()), GpuPoint(i=2, unlisted=True)),
        kinds.HomeLine(t=6, s="q", home=None),
        gpu(7, GpuPoint(i=0, p=((7, 3),))),
    ]
    found = fold(every)
    assert points(found.servers[0].memory) == [
        (1, 7),
        (2, 12),
        (3, None),
        (4, 7),
        (5, None),
        (7, None),
    ]
    assert [(one.index, one.name) for one in found.gpus] == [(0, "GPU"), (1, "GPU"), (2, "GPU")]
    assert points(found.gpus[0].used) == [(1, 9), (2, 9), (3, None), (7, None)]
    assert points(found.gpus[0].utilization)[0] == (1, 0.5)


def test_a_gpu_is_known_by_its_card_or_by_the_machine():
    machine = Machine(cards=tuple(Card(index=i, name="NVIDIA H100", uuid="u") for i in range(2)))
    card = GpuCard(i=1, name="NVIDIA H200", power_mw=120_500, temp_c=31.0, total_b=7)
    every = [
        header(),
        kinds.Env(t=0, env_id="e", machine=machine),
        kinds.GpuSlow(t=1, gpus=(card, GpuCard(i=2, name="X"))),
        gpu(2, GpuPoint(i=0, used_b=1)),
        kinds.GpuSlow(t=3, gpus=(card,)),
    ]
    first, second, third = fold(every).gpus
    assert (first.name, first.uuid, second.name) == ("NVIDIA H100", "u", "NVIDIA H200")
    assert points(second.power_w) == [(1, 120.5), (3, 120.5)]
    assert points(second.temperature_c) == [(1, 31.0), (3, 31.0)]
    assert points(third.power_w) == [(1, None)]


def test_a_time_that_goes_back_counts_as_that_of_the_point_before():
    every = [header()]
    every += [kinds.Lag(t=t, max_ns=lag) for t, lag in ((5, S), (4, S), (3, 2 * S), (9, 2 * S))]
    assert points(fold(every).lag_s) == [(5, 1.0), (5, 2.0), (9, 2.0)]
