"""Charts: drawn whole from any session, the same each time, with names from outside as text."""

import random
import re
import warnings
import xml.etree.ElementTree as ET
from array import array
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from support import journals

from sleeptui.core.operation import Kind, OperationRecord, Outcome
from sleeptui.core.session import (
    Attempt,
    Curve,
    GpuSeen,
    Moment,
    RequestSeen,
    ServerSeen,
    StateSpan,
)
from sleeptui.recorder.exports import canvas
from sleeptui.recorder.exports.charts import CHARTS, MEMORY, REQUESTS, RESIDUAL, TIMES, charts
from sleeptui.recorder.exports.curves import changes, thinned, told
from sleeptui.recorder.exports.measured import Measured
from sleeptui.recorder.fold import fold

NASTY = "$\\frac{1}$ <script>&\x1b[31m 模型"
S = 1_000_000_000


def curve(*points):
    made = Curve()
    for at, value in points:
        made.add(at, value)
    return made


def slept(number, server, *, began=6 * S, held=2_400 << 20, took=0.3, **how):
    record = OperationRecord(
        id=number, kind=Kind.SLEEP, server=server, began_s=began / S, duration_s=took,
        outcome=Outcome.DONE, level=1, residual_bytes=held,
    )  # fmt: skip
    values = {
        "kind": "sleep", "level": 1, "model": server, "cls": "ok", "cycle": number, "life": 1,
        "nth": number, "mode": "keep", "began_ns": began, "sent_ns": began, "done_ns": began + S,
        "ended_ns": began + S, **how,
    }  # fmt: skip
    return Attempt(id=number, server=server, record=record, **values)


def request(number, server, **how):
    values = {"sent_ns": 5 * S, "first_ns": 5 * S + 1, "ended_ns": 9 * S, "fate": "aborted", **how}
    return RequestSeen(
        id=number, server=server, cohort="prompt", began_ns=5 * S, max_tokens=9, prompt_sha="",
        **values,
    )  # fmt: skip


def texts(svg):
    """Comments of the drawn texts: Matplotlib writes each beside its paths."""
    return [line for line in svg.decode().splitlines() if line.lstrip().startswith("<!--")]


def test_an_empty_session_has_no_chart(empty):
    assert charts(Measured(empty)) == {}


def test_all_charts_are_files_that_can_be_read(session):
    for data in charts(Measured(session)).values():
        root = ET.fromstring(data)
        assert root.get("width") == str(canvas.PIXELS)
        assert b"<dc:date>" not in data


def test_nothing_of_matplotlib_stays_changed(session):
    before = dict(mpl.rcParams)
    MEMORY.draw(Measured(session))
    assert dict(mpl.rcParams) == before


def test_names_from_outside_are_text(empty):
    nasty = replace(
        empty,
        ended_ns=20 * S,
        servers=(ServerSeen(name=NASTY, url="http://a", gpus=(0,), memory=curve((5 * S, 1e9))),),
        gpus=(GpuSeen(index=0, name=NASTY, used=curve((5 * S, 2e9), (9 * S, 1e9))),),
        states=(
            StateSpan(server=NASTY, state="awake", began_ns=5 * S, ended_ns=9 * S),
            StateSpan(server="nobody", state="awake", began_ns=5 * S, ended_ns=9 * S),
        ),
        attempts=(slept(1, NASTY), slept(2, "nobody", began=7 * S), slept(3, NASTY, began=8 * S)),
        requests=(request(1, NASTY, error=NASTY),),
        moments=(Moment(at_ns=6 * S, kind="mark", text=NASTY),),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = charts(Measured(nasty))
    assert len(made) == len(CHARTS)
    for data in made.values():
        assert b"<script" not in data
        assert b"\x1b" not in data
        ET.fromstring(data)


def test_gpus_that_stand_still_are_left_out_unless_all_do(session, empty):
    assert not any("GPU 1" in text for text in texts(MEMORY.draw(Measured(session))))
    still = GpuSeen(index=3, name="H200", used=curve((5 * S, None), (6 * S, None)))
    alone = replace(empty, gpus=(still,))
    assert any("GPU 3" in text for text in texts(MEMORY.draw(Measured(alone))))


def test_a_server_is_drawn_on_the_gpu_that_it_alone_is_on(empty):
    def moved(index):
        return GpuSeen(index=index, name="H200", used=curve((5 * S, 8e9), (9 * S, 1e9)))

    held = curve((6 * S, 4e9), (7 * S, None))
    places = {"a": (1,), "b": (0, 1), "c": (), **{f"a-long-name-{n}": (2,) for n in range(9)}}
    several = replace(
        empty,
        ended_ns=20 * S,
        gpus=(moved(0), moved(1), moved(2)),
        servers=tuple(
            ServerSeen(name=name, url="http://a", gpus=gpus, memory=held)
            for name, gpus in places.items()
        ),
    )
    words = " ".join(texts(MEMORY.draw(Measured(several))))
    assert words.count("<!-- a -->") == 2  # over its GPU, and at its lane
    assert words.count("<!-- b -->") == 1
    assert words.count("<!-- c -->") == 1
    assert "and 6 more" in words


def test_marks_have_their_text_where_there_is_room_else_a_number(session, empty):
    words = " ".join(texts(MEMORY.draw(Measured(session))))
    assert "before the level 2 cycles" in words
    near = tuple(Moment(at_ns=5 * S + n, kind="mark", text="a long mark") for n in range(3))
    close = replace(
        empty, ended_ns=9 * S, moments=near,
        states=(StateSpan(server="a", state="awake", began_ns=5 * S, ended_ns=9 * S),),
    )  # fmt: skip
    assert "⚑ 2 -->" in " ".join(texts(MEMORY.draw(Measured(close))))


def test_sixty_four_servers_are_drawn(empty):
    names = [f"model-{number}" for number in range(64)]
    many = replace(
        empty,
        ended_ns=20 * S,
        servers=tuple(ServerSeen(name=name, url="http://a") for name in names),
        attempts=tuple(slept(n, name) for n, name in enumerate(names, 1)),
        states=tuple(
            StateSpan(server=name, state="asleep", level=1, began_ns=6 * S, ended_ns=20 * S)
            for name in names
        ),
    )
    for data in charts(Measured(many)).values():
        assert len(data) < 400_000


def test_what_did_not_end_well_is_shown_and_not_in_the_median(empty):
    good = [slept(n, "a", took=0.3, nth=n) for n in (2, 3, 4)]
    bad = slept(5, "a", took=9.0, cls="timeout", nth=5)
    first = slept(1, "a", took=12.0, nth=1)
    instant = slept(6, "a", took=0.0, nth=6)
    session = replace(
        empty, ended_ns=99 * S, servers=(ServerSeen(name="a", url="http://a"),),
        attempts=(first, *good, bad, instant),
    )  # fmt: skip
    words = " ".join(texts(TIMES.draw(Measured(session))))
    assert "0.30 s, n = 3" in words
    assert "1 not well" in words
    stalled = slept(7, "a", took=0.9, cls="disturbed", nth=7)
    words = " ".join(texts(TIMES.draw(Measured(replace(session, attempts=(*good, stalled))))))
    assert "0.30 s, n = 3" in words
    assert "not well" not in words
    lone = replace(session, attempts=(bad,))
    assert "n = 0" in " ".join(texts(TIMES.draw(Measured(lone))))


def test_a_sleep_without_a_wake_shows_its_requests(empty):
    alone = replace(
        empty,
        ended_ns=30 * S,
        servers=(ServerSeen(name="a", url="http://a"),),
        attempts=(slept(1, "a"), slept(2, "a", began=20 * S, sent_ns=None, done_ns=None)),
        requests=(
            request(1, "a", first_ns=None, ended_ns=None, fate="open"),
            request(2, "a", fate="completed", output_tokens=7, error=None),
            request(3, "a", fate="cut", ended_ns=S, sent_ns=S // 2),
        ),
    )
    words = " ".join(texts(REQUESTS.draw(Measured(alone))))
    assert "still open at the end" in words
    assert "completed, 7 tokens" in words
    assert "prompt 3" not in words


def test_a_sleep_by_somebody_else_shows_its_requests_too(empty):
    asleep = StateSpan(
        server="a", state="asleep", level=1, by="other", began_ns=2 * S, ended_ns=9 * S
    )
    others = replace(
        empty,
        ended_ns=30 * S,
        servers=(ServerSeen(name="a", url="http://a"),),
        states=(
            asleep,
            replace(asleep, by="sleeptui", level=2),
            replace(asleep, server="b"),
            replace(asleep, level=0, began_ns=20 * S, ended_ns=30 * S),
        ),
        requests=(request(1, "a", fate="completed"), request(2, "a", ended_ns=None, fate="open")),
    )
    words = " ".join(texts(REQUESTS.draw(Measured(others))))
    assert "a: sleep level 1, by somebody else" in words
    assert "level 2" not in words


def test_words_of_slopes_that_would_meet_stand_below_each_other(empty):
    sleeps = [slept(n, "a", held=(100 + n) << 20, level=1 + n // 8 % 2) for n in range(1, 20)]
    session = replace(
        empty, servers=(ServerSeen(name="a", url="http://a"),), attempts=tuple(sleeps)
    )
    words = [one for one in texts(RESIDUAL.draw(Measured(session))) if "a cycle (" in one]
    assert [one.strip(" <!-").partition(":")[0] for one in words] == ["level 1", "level 2"]


def test_more_requests_than_lanes_are_told(empty):
    crowd = replace(
        empty,
        ended_ns=30 * S,
        servers=(ServerSeen(name="a", url="http://a"),),
        attempts=(slept(1, "a"), slept(2, "a", mode="abort", level=None)),
        requests=tuple(request(n, "a") for n in range(50)),
    )
    words = " ".join(texts(REQUESTS.draw(Measured(crowd))))
    assert "10 more requests are not drawn" in words


@pytest.mark.parametrize(("length_s", "unit"), [(99, "s"), (3000, "min"), (30_000, "h")])
def test_the_time_axis_has_a_unit_that_fits(empty, length_s, unit):
    state = StateSpan(server="a", state="awake", began_ns=5 * S, ended_ns=9 * S)
    mark = Moment(at_ns=6 * S, kind="mark", text="x")
    long = replace(
        empty,
        ended_ns=(5 + length_s) * S,
        states=(state,),
        moments=(mark,),
        attempts=(slept(1, "a"),),
    )
    assert f"began, {unit} -->" in " ".join(texts(MEMORY.draw(Measured(long))))


def test_a_resumed_request_is_cut_where_it_was_silent(session):
    assert "resumed, completed" in " ".join(texts(REQUESTS.draw(Measured(session))))


def test_residual_says_the_slope_of_each_life_and_what_lies_beyond(empty, session):
    sleeps = [slept(n, "a", held=(100 + 10 * n) << 20) for n in range(1, 9)]
    beyond = [
        slept(9, "a", held=90 << 30, cls="no_op"),
        slept(10, "a", held=0, cls="no_op", life=2, level=2),
        slept(11, "a", held=None),
    ]
    leak = replace(
        empty, servers=(ServerSeen(name="a", url="http://a"),), attempts=(*sleeps, *beyond)
    )
    other = [slept(n, "b", held=(100 - n) << 20) for n in range(20, 28)]
    two = (*leak.servers, ServerSeen(name="b", url="http://b"))
    leak = replace(leak, servers=two, attempts=(*leak.attempts, *other))
    words = " ".join(texts(RESIDUAL.draw(Measured(leak))))
    assert "-1.0 MiB a cycle" in words
    assert "+10.0 MiB a cycle" in words
    assert "↑ 92160" in words
    assert "↓ 0" in words
    only_bad = replace(leak, attempts=tuple(beyond))
    assert RESIDUAL.is_worth(only_bad)
    assert RESIDUAL.draw(Measured(only_bad))


def test_one_sleep_says_nothing_of_growth(empty):
    one = replace(empty, servers=(ServerSeen(name="a", url="http://a"),), attempts=(slept(1, "a"),))
    assert not RESIDUAL.is_worth(one)
    assert RESIDUAL.is_worth(replace(one, attempts=(slept(1, "a"), slept(2, "a", began=9 * S))))


@pytest.mark.parametrize("most", [50, 400])
def test_thinning_keeps_peaks_and_gaps(most):
    source = random.Random(5)
    values = array("d", (source.random() for _ in range(5000)))
    values[1234], values[3210], values[4000] = 9.0, -9.0, np.nan
    long = Curve(times_ns=array("q", range(5000)), values=values)
    times, kept = thinned(long, most)
    assert len(times) <= most * 1.1
    assert list(times) == sorted(set(times))
    assert (np.nanmax(kept), np.nanmin(kept)) == (9.0, -9.0)
    assert np.isnan(kept).any()
    assert (times[0], times[-1]) == (0, 4999)


def test_changes_are_all_that_a_quiet_curve_needs():
    quiet = curve((1, 5.0), (2, 5.0), (3, None), (4, None), (5, 6.0), (6, 6.0), (7, 6.0))
    times, _ = changes(quiet)
    assert list(times) == [1, 3, 5, 7]
    assert [list(part) for part in changes(Curve())] == [[], []]
    assert len(told(quiet, 100)[0]) == 4
    assert len(told(quiet, 2)[0]) >= 2
    assert len(thinned(quiet, 7)[0]) == 7


@pytest.fixture(scope="module")
def bench():
    return fold(journals.bench_lines())


def test_a_benchmark_has_its_cold_starts_beside_its_wakes(bench):
    words = " ".join(texts(TIMES.draw(Measured(bench))))
    assert "code  start, page cache -->" in words
    assert "code  start, page cache → token -->" in words
    assert "n = 7" in words  # of the starts of code
    assert "n = 12" in words  # of its steady wakes: first ones and those of trials are apart


def test_memory_over_time_has_the_experiments_of_a_benchmark(bench):
    words = " ".join(texts(MEMORY.draw(Measured(bench))))
    assert "wake against cold start -->" in words
    assert "stability -->" in words
    cut = replace(bench, phases=bench.phases[:1])
    open_ = replace(bench.phases[0], ended_ns=None)
    for phases in (cut.phases, (open_,)):
        drawn = MEMORY.draw(Measured(replace(bench, phases=phases)))
        assert "wake against cold start -->" in " ".join(texts(drawn))


def test_what_is_marked_and_clipped_has_numbers_for_names(bench):
    """Names that hash a place to its last bit would be others in another process."""
    drawn = REQUESTS.draw(Measured(bench))
    named = set(re.findall(rb'\bid="([mp]\w+)"', drawn))
    used = set(re.findall(rb"url\(#(\w+)\)", drawn)) | set(re.findall(rb'href="#([mp]\w+)"', drawn))
    assert used <= named
    assert all(re.fullmatch(rb"[mp]\d{1,3}", one) for one in used)
    assert len(used) > 3
