"""GPU lines: who holds the memory as a stacked bar, and the figures beside it. Pure."""

from collections.abc import Sequence

from rich.cells import cell_len

from sleeptui.core import units
from sleeptui.core.model import GpuView, MemorySource
from sleeptui.core.text import one_line
from sleeptui.tui.bar import Part, stacked
from sleeptui.tui.present import Look
from sleeptui.tui.spans import Line, Span, cut, fit, line, width_of
from sleeptui.tui.spark import bars
from sleeptui.tui.tones import Tone

_LEAST_NAME, _MOST_NAME = 4, 18
_SHORT_NAME = 8
_BRANDS = ("NVIDIA ", "GeForce ")
_SPARK = 16
_FEW_CELLS = 100
"""A line narrower than this goes without sparkline and power."""
_LEAST_BAR = 12
_HOT_C = 85.0
_FULL = 0.97


def parts_of(gpu: GpuView, look: Look) -> list[Part]:
    """Who holds the memory: servers in fleet order, then others, then the free rest."""
    parts = [
        Part(
            label=("~" if source is MemorySource.ESTIMATED else "") + one_line(server),
            size=size,
            tone=look.tone(server),
        )
        for server, size, source in gpu.holders
    ]
    sample = gpu.sample
    if gpu.other_bytes is not None:
        parts.append(Part(label="other", size=gpu.other_bytes, tone=Tone.OTHER))
    elif sample.used_bytes is not None:
        rest = sample.used_bytes - sum(size for _, size, _ in gpu.holders)
        parts.append(Part(label="used", size=max(rest, 0), tone=Tone.OTHER))
    return [part for part in parts if part.size > 0]


def name_of(gpu: GpuView) -> str:
    """The name that NVML gives, without what all have in common."""
    name = one_line(gpu.sample.name)
    for brand in _BRANDS:
        name = name.removeprefix(brand)
    return name


def name_cells(gpus: Sequence[GpuView], width: int) -> int:
    """Cells for the names, so that the bars of all GPUs begin in one column.

    Args:
        gpus: All that are shown.
        width: Of their lines.
    """
    longest = max((cell_len(name_of(gpu)) for gpu in gpus), default=0)
    return min(max(longest, _LEAST_NAME), _MOST_NAME if width >= _FEW_CELLS else _SHORT_NAME)


def gpu_line(gpu: GpuView, look: Look, width: int, name: int = _SHORT_NAME) -> Line:
    """The line of one GPU, ``width`` cells, ``name`` of them for its name."""
    sample = gpu.sample
    ellipsis = look.glyphs.ellipsis
    full = width >= _FEW_CELLS
    head = (
        Span(f"{sample.index:>2} ", Tone.MUTED),
        *fit(line(name_of(gpu), Tone.STRONG), name, ellipsis=ellipsis),
        Span(" "),
    )
    if sample.problem is not None:
        told = cut(one_line(sample.problem), max(width - name - 4, 1), ellipsis)
        return fit((*head, Span(told, Tone.BAD)), width, ellipsis=ellipsis)
    tail = _figures(gpu, look, full=full)
    room = width - width_of(head) - width_of(tail)
    if room < _LEAST_BAR:
        return fit((*head, *tail), width, ellipsis=ellipsis)
    return (*head, *_bar(gpu, look, room), *tail)


def _bar(gpu: GpuView, look: Look, width: int) -> Line:
    sample = gpu.sample
    if sample.total_bytes is None or sample.used_bytes is None:
        said = line("memory not known", Tone.FAINT)
        return fit(said, width, ellipsis=look.glyphs.ellipsis)
    free = sample.free_bytes
    label = f"{units.gib(free)} free" if free is not None and free > 0 else ""
    return stacked(parts_of(gpu, look), sample.total_bytes, label, width, look.glyphs)


def _figures(gpu: GpuView, look: Look, *, full: bool) -> Line:
    sample = gpu.sample
    memory = f"{units.gib(sample.used_bytes)}/{units.gib(sample.total_bytes)}"
    busy = sample.utilization
    heat = sample.temperature_c
    told = [
        Span(f" {memory:>11}", _memory_tone(gpu)),
        Span(" GiB ", Tone.MUTED),
        Span(f"{units.UNKNOWN if busy is None else f'{busy:.0%}':>4} ", _tone(busy)),
    ]
    if full:
        cells = look.sparks.cells(f"gpu {sample.index}", gpu.used_series, _SPARK, look.now_s)
        spark = bars(cells, float(sample.total_bytes or 0), look.glyphs.spark)
        told.insert(2, Span(f"{spark} ", Tone.ASLEEP))
        told.append(Span(f"{_with_unit(sample.power_w, 'W'):>6} ", _tone(sample.power_w)))
    hot = heat is not None and heat >= _HOT_C
    degrees = _with_unit(heat, look.glyphs.degrees)
    told.append(Span(f"{degrees:>5}", Tone.WARN if hot else _tone(heat)))
    return tuple(told)


def _memory_tone(gpu: GpuView) -> str:
    used, total = gpu.sample.used_bytes, gpu.sample.total_bytes
    if used is None or not total:
        return Tone.FAINT
    return Tone.WARN if used / total > _FULL else Tone.TEXT


def _with_unit(value: float | None, unit: str) -> str:
    return units.UNKNOWN if value is None else f"{value:.0f} {unit}"


def _tone(value: float | None) -> str:
    return Tone.FAINT if value is None else Tone.TEXT
