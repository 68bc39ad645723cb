from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import GIB, gpu, process, reading

from sleeptui.core.model import GpuProcess, GpuReading, GpuSample, HostMemory
from sleeptui.recorder import gpu_lines
from sleeptui.recorder.gpu_lines import ReadingLines, Readings, load_average
from sleeptui.recorder.line_samples import Gpu, GpuSlow, Host

MEMORY = HostMemory(total_bytes=512 * GIB, available_bytes=400 * GIB)


def kinds(found):
    return [type(line) for line in found]


def test_what_changes_slowly_comes_first_then_once_a_second():
    lines = ReadingLines(lambda: 1.5)
    lines.rss_b["qwen"] = 3 * GIB
    found = [
        tuple(lines.take(reading(gpu(), at_s=10.0 + step / 10, host=MEMORY))) for step in range(11)
    ]
    assert kinds(found[0]) == [GpuSlow, Host, Gpu]
    assert all(kinds(one) == [Gpu] for one in found[1:10])
    assert kinds(found[10]) == [GpuSlow, Host, Gpu]
    slow, host, fast = found[0]
    assert (slow.gpus[0].power_mw, slow.gpus[0].name) == (120_000, "NVIDIA H200")
    assert (host.load1, host.rss_b, host.avail_b) == (1.5, {"qwen": 3 * GIB}, 400 * GIB)
    assert (fast.t, fast.gpus[0].used_b) == (10_000_000_000, 60 * GIB)


def test_a_problem_is_told_at_once():
    lines, read = ReadingLines(), Readings()
    list(lines.take(reading(at_s=10.0)))
    found = list(lines.take(GpuReading(at_s=10.1, problem="no NVML")))
    assert kinds(found) == [GpuSlow, Gpu]
    read.slow(found[0])
    assert read.take(found[1]) == GpuReading(at_s=10.1, problem="no NVML")


def test_processes_are_written_when_they_change():
    lines = ReadingLines()
    story = [(process(),), (process(),), (process(used_bytes=GIB),), None, None, ()]
    points, moved = [], []
    for number, listed in enumerate(story):
        found = list(lines.take(reading(gpu(processes=listed), at_s=10.0 + number)))
        points.append(found[-1].gpus[0])
        moved.append(lines.has_moved)
    assert [(point.p, point.unlisted) for point in points] == [
        (((4711, 40 * GIB),), False),
        (None, False),
        (((4711, GIB),), False),
        (None, True),
        (None, False),
        ((), False),
    ]
    assert moved == [True, False, True, True, False, True]
    lines.refresh()
    assert list(lines.take(reading(gpu(processes=()), at_s=99.0)))[-1].gpus[0].p == ()


def test_used_memory_is_known_as_long_as_it_is_told():
    lines = ReadingLines()
    list(lines.take(reading(gpu(0, 60 * GIB), gpu(1, 2 * GIB))))
    list(lines.take(reading(gpu(0, 61 * GIB), gpu(1, None))))
    assert lines.used_b == {0: 61 * GIB}


def test_a_gpu_without_a_card_line_still_has_its_figures():
    read = Readings().take(Gpu(t=0, gpus=(gpu_lines.GpuPoint(i=3, used_b=5),)))
    assert read.gpus == (GpuSample(index=3, name="GPU", used_bytes=5),)


def test_a_machine_without_a_load_average(monkeypatch):
    def none():
        raise OSError

    assert isinstance(load_average(), float)
    monkeypatch.setattr(gpu_lines.os, "getloadavg", none)
    assert load_average() is None


_sizes = st.none() | st.integers(0, 1 << 40)
_gpus = st.builds(
    GpuSample,
    index=st.just(0),
    name=st.sampled_from(["NVIDIA H200", "NVIDIA H100"]),
    total_bytes=_sizes,
    used_bytes=_sizes,
    reserved_bytes=_sizes,
    utilization=st.none() | st.sampled_from([0.0, 0.5, 0.07, 1.0]),
    processes=st.none()
    | st.lists(st.builds(GpuProcess, pid=st.integers(1, 5), used_bytes=_sizes), max_size=3).map(
        tuple
    ),
    problem=st.none() | st.just("lost"),
)


@given(st.lists(st.tuples(st.lists(_gpus, max_size=2), st.booleans()), max_size=8))
def test_readings_come_back_as_they_were(story):
    lines, read = ReadingLines(), Readings()
    for number, (gpus, has_host) in enumerate(story):
        told = GpuReading(
            at_s=float(2 * number),
            gpus=tuple(replace(one, index=index) for index, one in enumerate(gpus)),
            host=MEMORY if has_host else None,
        )
        for line in lines.take(told):
            match line:
                case GpuSlow():
                    read.slow(line)
                case Host():
                    read.host(line)
                case _:
                    came = read.take(line)
        assert came.gpus == tuple(
            replace(one, utilization=pytest.approx(one.utilization)) for one in told.gpus
        )
        assert came.host in (told.host, MEMORY)
