"""GPU lines."""

import pytest
from support import pictures
from support.builders import gpu_view

from sleeptui.core.model import GpuView, MemorySource
from sleeptui.tui.glyphs import ASCII
from sleeptui.tui.present import Look
from sleeptui.tui.present_gpu import gpu_line, name_cells, name_of, parts_of
from sleeptui.tui.spans import plain, width_of
from sleeptui.tui.tones import Tone

GIB = 1 << 30
LOOK = Look(now_s=pictures.NOW_S, tones={"qwen": "server-0", "llama": "server-1"})
HOLDERS = (
    ("qwen", 40 * GIB, MemorySource.MEASURED),
    ("llama", 10 * GIB, MemorySource.ESTIMATED),
)


def test_who_holds_the_memory_in_fleet_order_then_others():
    view = gpu_view(used_bytes=60 * GIB, holders=HOLDERS, other_bytes=10 * GIB)
    parts = parts_of(view, LOOK)
    assert [(part.label, part.size // GIB, part.tone) for part in parts] == [
        ("qwen", 40, "server-0"),
        ("~llama", 10, "server-1"),
        ("other", 10, Tone.OTHER),
    ]


def test_where_the_holders_are_not_known_the_rest_is_only_called_used():
    view = gpu_view(used_bytes=60 * GIB, holders=HOLDERS[:1])
    assert [(part.label, part.size // GIB) for part in parts_of(view, LOOK)] == [
        ("qwen", 40),
        ("used", 20),
    ]


def test_holders_that_add_up_to_more_than_is_used_leave_no_negative_rest():
    view = gpu_view(used_bytes=30 * GIB, holders=HOLDERS)
    assert [part.label for part in parts_of(view, LOOK)] == ["qwen", "~llama"]


def test_a_full_line_has_all_figures():
    text = plain(gpu_line(pictures.calm().gpus[0], LOOK, 118))
    assert text.startswith(" 0 H200")
    for told in ("qwen", "51.6 free", "88.4/140.0 GiB", "86%", "412 W", "54 °C", "▅"):
        assert told in text


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("NVIDIA H200", "H200"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("NVIDIA A100-SXM4-80GB", "A100-SXM4-80GB"),
        ("Tesla T4", "Tesla T4"),
    ],
)
def test_a_name_goes_without_its_brand(said, shown):
    view = gpu_view(name=said)
    assert name_of(view) == shown
    cells = name_cells([view], 118)
    assert cells == len(shown)
    assert f"{shown} " in plain(gpu_line(view, LOOK, 118, cells))


def test_all_names_get_the_cells_of_the_longest_within_bounds():
    short, long = gpu_view(name="NVIDIA L4"), gpu_view(name="NVIDIA " + "x" * 40)
    assert name_cells([short], 118) == 4
    assert name_cells([short, long], 118) == 18
    assert name_cells([short, long], 78) == 8
    assert name_cells([], 118) == 4
    lines = [plain(gpu_line(view, LOOK, 118, 18)) for view in (short, long)]
    assert lines[0].index("60.0/140.0") == lines[1].index("60.0/140.0")


def test_a_compact_line_goes_without_sparkline_and_power():
    text = plain(gpu_line(pictures.calm().gpus[0], LOOK, 78))
    assert "W" not in text
    assert "86%" in text
    assert "54 °C" in text


@pytest.mark.parametrize("width", [40, 58, 78, 99, 100, 118, 168])
@pytest.mark.parametrize("glyphs", [LOOK.glyphs, ASCII])
def test_lines_are_exactly_as_wide_as_asked(width, glyphs):
    look = Look(now_s=pictures.NOW_S, glyphs=glyphs)
    for picture in (pictures.calm(), pictures.all_states(), pictures.hostile(), pictures.many()):
        for gpu in picture.gpus:
            cells = name_cells(picture.gpus, width)
            assert width_of(gpu_line(gpu, look, width, cells)) == width


def test_ascii_lines_are_ascii():
    look = Look(now_s=pictures.NOW_S, glyphs=ASCII)
    assert plain(gpu_line(pictures.calm().gpus[0], look, 118)).isascii()


def test_a_lost_gpu_says_so_and_shows_no_figures():
    lost = gpu_view(problem="GPU is lost")
    line = gpu_line(lost, LOOK, 100)
    assert "GPU is lost" in plain(line)
    assert "GiB" not in plain(line)
    assert Tone.BAD in [span.tone for span in line]


def test_figures_that_nvml_does_not_have_are_dashes():
    view = gpu_view(used_bytes=None, utilization=None, power_w=None, temperature_c=None)
    text = plain(gpu_line(view, LOOK, 118))
    assert "memory not known" in text
    assert "--/140.0 GiB" in text
    assert text.count("--") == 4
    assert isinstance(view, GpuView)


def test_a_hot_and_a_full_gpu_are_warned_of():
    hot = gpu_view(used_bytes=139 * GIB, temperature_c=88.0)
    warned = [span.text for span in gpu_line(hot, LOOK, 118) if span.tone == Tone.WARN]
    assert [text.strip() for text in warned] == ["139.0/140.0", "88 °C"]


def test_columns_stand_still_while_values_change_their_width():
    small = gpu_view(used_bytes=1 * GIB, utilization=0.0, power_w=9.0, temperature_c=9.0)
    large = gpu_view(used_bytes=139 * GIB, utilization=1.0, power_w=700.0, temperature_c=99.0)
    places = [
        [plain(gpu_line(view, LOOK, 118)).index(word) for word in (" GiB", "W", "°C")]
        for view in (small, large)
    ]
    assert places[0] == places[1]
