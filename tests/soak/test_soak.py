"""A short soak holds all that the long one does but the slope; and each check can fail."""

import asyncio
import functools
import os
import threading
from dataclasses import replace

import pytest
from support import builders as build
from support import journals
from support.leaving import left

from sleeptui.core import fleet, learned, track
from sleeptui.core.events import OperationEnded, OperationQueued, OperationStarted
from sleeptui.core.operation import Kind
from sleeptui.core.settings import Settings
from sleeptui.recorder.line import seconds
from sleeptui.recorder.line_operations import OpBegin, OpEnd
from sleeptui.recorder.line_session import Clock
from sleeptui.sim.faults import Fault
from tests.soak.fleet import GPUS, PLACES, SCENARIO
from tests.soak.inside import Inside, reach_bounds
from tests.soak.journals import read_back
from tests.soak.run import Soak, Soaked
from tests.soak.samples import BLOCK_S, Sample, Watched, growth, keep
from tests.soak.trouble import turns
from tests.soak.verdict import checks

SECONDS = 10.0
MIB = 1 << 20
NOTHING = {"threads": ["MainThread"], "files": ["0 tty"], "children": []}
TOLD = {
    "before": NOTHING,
    "after": NOTHING,
    "tasks": [],
    "begun": [1, 2],
    "ended": {"1": 5.0, "2": 6.0},
    "tally": {"sleep done": 1, "wake done": 1},
    "broken": [],
    "said": {},
}


def sample(at_s, rss_bytes, *, threads=4, files=50):
    return Sample(at_s=at_s, rss_bytes=int(rss_bytes), threads=threads, files=files, cpu_s=at_s)


def samples(rss_of, minutes=30):
    return [sample(at_s, rss_of(at_s)) for at_s in range(0, minutes * 60, 5)]


def wobble(at_s):
    """As an allocator has it: some hundreds of KiB up and down."""
    return 80 * MIB + (at_s * 7919) % 611 * 1024


@pytest.fixture
def without_reports(monkeypatch):
    """Each takes seconds: one test makes them."""
    monkeypatch.setattr("tests.soak.journals._report", lambda session: [])


@pytest.fixture
def soaked(tmp_path, without_reports):
    """A program that has nothing against it."""
    journals.folder(tmp_path)
    watched = Watched(os.getpid())
    watched.samples = samples(wobble)
    return Soaked(
        name="panel",
        code=0,
        watched=watched,
        inside=TOLD,
        sessions=tmp_path,
        switched={"hang": 2},
    )


def failing(soaked):
    return [check.text for check in checks(soaked) if not check.holds]


# --- the soak itself --------------------------------------------------------------------------


@pytest.mark.timeout(240)
def test_a_short_soak_leaves_nothing(tmp_path):
    soak = Soak(tmp_path, seconds=SECONDS, seed="short", recordings=2)
    told = []
    done = soak.run(told.append)
    found = [check for one in done for check in checks(one)]
    print(*found, sep="\n")
    assert {one.name for one in done} == {"panel", "services"}
    assert not [str(check) for check in found if not check.holds]
    assert all(one.inside["ended"] for one in done)


# --- what goes wrong, and when ------------------------------------------------------------------


def test_troubles_are_those_of_the_seed():
    first, again, other = turns("1", 600), turns("1", 600), turns("2", 600)
    assert first == again
    assert first != other
    assert [turn.at_s for turn in first] == sorted(turn.at_s for turn in first)


def test_each_fault_and_trouble_comes_and_ends():
    found = turns("1", 1800)
    begun = {turn.what for turn in found if turn.setting is not None}
    assert begun >= set(Fault)
    assert begun - set(Fault) == {"gpu lost", "gpu taken", "nvml lost"}
    for what in begun:
        on = sum(turn.what == what and turn.setting is not None for turn in found)
        assert sum(turn.what == what and turn.setting is None for turn in found) == on
    assert "no hang" in "".join(map(str, found))


def test_the_fleet_has_16_servers_that_share_4_gpus():
    assert len(SCENARIO.engines) == 16
    assert len(SCENARIO.gpus) == GPUS
    assert max(len(gpus) for gpus in PLACES.values()) == 2
    total = SCENARIO.gpus[0].total_bytes
    each = [
        SCENARIO.pool_bytes(one) / len(one.gpus) + one.residual_bytes for one in SCENARIO.engines
    ]
    assert 2 * max(each) < total < 3 * min(each)


# --- memory --------------------------------------------------------------------------------------


def test_memory_that_wobbles_is_flat(soaked):
    slope = growth(soaked.watched.samples)
    assert slope.low <= 0 <= slope.high
    assert not failing(soaked)


def test_what_is_filled_in_the_first_half_is_no_leak():
    def filled(at_s):
        return wobble(at_s) + min(at_s, 800) * 100 * 1024

    assert growth(samples(filled)).low <= 0


def test_what_is_given_back_within_the_minute_is_no_leak():
    def peaks(at_s):
        is_high = at_s > 1400 and at_s % BLOCK_S < BLOCK_S - 10
        return 80 * MIB + is_high * 6 * MIB

    assert growth(samples(peaks)).low <= 0


def test_a_leak_of_100_kib_a_minute_is_found(soaked):
    soaked.watched.samples = samples(lambda at_s: wobble(at_s) + at_s / 60 * 100 * 1024)
    slope = growth(soaked.watched.samples)
    assert slope.low < 100 * 1024 < slope.high
    (text,) = failing(soaked)
    assert "memory" in text
    assert "KiB/min" in text


@pytest.mark.parametrize(
    ("small", "large", "is_flat"),
    [(0, 0, True), (500, 0, False), (0, 100 * 1024, False), (500, 100 * 1024, False)],
)
def test_holes_between_blocks_are_no_leak_and_what_is_in_use_is(soaked, small, large, is_flat):
    soaked.watched.samples = samples(lambda at_s: wobble(at_s) + at_s / 60 * 100 * 1024)
    in_use = [
        [at_s, 600_000 + at_s * 7919 % 613 + at_s / 60 * small, 20 * MIB + at_s / 60 * large]
        for at_s in range(0, 1800, 30)
    ]
    told = replace(soaked, inside=TOLD | {"in_use": in_use})
    assert bool(failing(told)) is not is_flat
    assert any("small blocks/min" in check.text for check in checks(told))


def test_where_malloc_tells_nothing_it_is_judged_by_its_rss(soaked):
    soaked.watched.samples = samples(lambda at_s: wobble(at_s) + at_s / 60 * 100 * 1024)
    in_use = [[at_s, 600_000, 0] for at_s in range(0, 1800, 30)]
    assert failing(replace(soaked, inside=TOLD | {"in_use": in_use}))


def test_a_short_soak_has_no_slope(soaked):
    soaked.watched.samples = samples(wobble, minutes=1)
    assert growth(soaked.watched.samples) is None
    assert growth(samples(wobble, minutes=int(12 * BLOCK_S / 60))) is not None
    assert any("too short for a slope" in check.text for check in checks(soaked))


def test_a_process_is_looked_at_and_written_down(tmp_path):
    watched = Watched(os.getpid())
    watched.look(1.0)
    watched.look(2.0)
    assert "RSS" in watched.words()
    keep(tmp_path / "a.csv", watched.samples)
    head, *rows = (tmp_path / "a.csv").read_text().splitlines()
    assert head.startswith("at_s,rss_bytes")
    assert [row.split(",")[0] for row in rows] == ["1.0", "2.0"]


def test_the_bounds_are_those_of_the_program(monkeypatch):
    for module, name in ((track, "HISTORY"), (fleet, "LOG_LENGTH"), (learned, "CYCLES_KEPT")):
        monkeypatch.setattr(module, name, getattr(module, name))
    monkeypatch.setattr(functools, "lru_cache", functools.lru_cache)
    reach_bounds()
    one = track.Track(spec=build.spec(), settings=Settings())
    assert one.history.maxlen == 10
    for maxsize, kept in ((16_384, 256), (16, 16), (None, None), (len, 128)):
        cached = functools.lru_cache(maxsize)
        cached = cached if maxsize is len else cached(abs)
        assert cached.cache_info().maxsize == kept


# --- what is left ---------------------------------------------------------------------------------


def test_a_thread_and_a_file_that_are_left_are_seen(tmp_path):
    before, release = left(), threading.Event()
    thread = threading.Thread(target=release.wait, name="left behind")
    thread.start()
    with (tmp_path / "open.txt").open("w"):
        during = left()
    release.set()
    thread.join()
    assert set(during["threads"]) - set(before["threads"]) == {"left behind"}
    assert any("open.txt" in one for one in during["files"])
    assert left() == before


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("tasks", ["watch qwen"], "watch qwen"),
        ("begun", [1, 2, 3], "begun 3, ended 2"),
        ("broken", ["two at once"], "two at once"),
        ("said", {"Task exception was never retrieved": 1}, "never retrieved"),
        ("after", NOTHING | {"files": ["0 tty", "9 socket"]}, "9 socket"),
        ("after", NOTHING | {"threads": ["MainThread", "journal"]}, "journal"),
        ("after", NOTHING | {"children": ["4711"]}, "4711"),
    ],
)
def test_what_is_left_fails(soaked, field, value, words):
    (text,) = failing(replace(soaked, inside=TOLD | {field: value}))
    assert words in text


def test_fonts_of_the_report_are_not_the_panels(soaked):
    fonts = ["0 tty", "3 /lib/matplotlib/mpl-data/fonts/ttf/DejaVuSans.ttf"]
    assert not failing(replace(soaked, inside=TOLD | {"after": NOTHING | {"files": fonts}}))


def test_what_is_closed_late_is_told(soaked):
    late = replace(soaked, inside=TOLD | {"said": {"ResourceWarning: unclosed transport": 2}})
    assert not failing(late)
    assert any("unclosed transport" in check.text for check in checks(late))


def test_a_program_that_did_not_end_well_fails(soaked):
    assert any("ended with 1" in text for text in failing(replace(soaked, code=1)))
    assert any("did not tell" in text for text in failing(replace(soaked, inside={})))
    assert any("0 troubles" in text for text in failing(replace(soaked, switched={})))


# --- what was done -------------------------------------------------------------------------------


def _begun(number, kind, server, parent=None):
    operation = build.operation(kind, server, id=number, parent=parent)
    return OperationStarted(at_s=0.0, operation=operation)


def _ended(number, kind=Kind.SLEEP, server="m00", **fields):
    known = {"message": "asleep", "known": ("measured",)} | fields
    return OperationEnded(at_s=1.0, record=build.record(kind, server, id=number, **known))


def test_two_transitions_on_one_gpu_are_seen():
    inside = Inside()
    inside._follow(_begun(1, Kind.SLEEP, "m00"))
    inside._follow(_begun(2, Kind.VERIFY, "m04"))
    inside._follow(_begun(3, Kind.WAKE, "m01"))
    assert not inside.broken
    inside._follow(_begun(4, Kind.WAKE, "m04"))
    assert len(inside.broken) == 1


def test_a_switch_and_its_parts_are_one():
    inside = Inside()
    inside._follow(OperationQueued(at_s=0.0, operation=build.operation(Kind.SWITCH, "m00", id=1)))
    inside._follow(_begun(1, Kind.SWITCH, "m00"))
    inside._follow(_begun(2, Kind.SLEEP, "m04", parent=1))
    inside._follow(_ended(2, server="m04"))
    inside._follow(_begun(3, Kind.WAKE, "m00", parent=1))
    assert not inside.broken
    assert inside.begun == {1, 2, 3}


def test_an_end_comes_once_and_says_how_it_is_known():
    inside = Inside()
    inside._follow(_ended(1))
    assert not inside.broken
    assert inside.tally == {"sleep done": 1}
    inside._follow(_ended(1))
    inside._follow(_ended(2, known=()))
    assert len(inside.broken) == 2


def test_errors_are_heard_with_what_raised_them(caplog):
    async def fails():
        raise ValueError("nobody asks")

    async def leaves():
        task = asyncio.ensure_future(fails())
        await asyncio.wait({task})

    inside = Inside()
    with inside.listening():
        asyncio.run(leaves())
    assert any("nobody asks" in text for text in inside.said())


# --- journals -------------------------------------------------------------------------------------


def _but_end_of(name):
    """The sample without the last end of such an operation. Returns lines, and its number."""
    every = journals.lines()
    last = [line for line in every if isinstance(line, OpEnd) and line.name == name][-1]
    kept = [line for line in every if line is not last]
    for number, line in enumerate(kept):
        line.n = number
    return kept, last.op


def test_a_whole_journal_is_whole(tmp_path):
    journals.folder(tmp_path)
    found = read_back(tmp_path, {})
    assert found.flaws == []
    assert found.count == 1
    assert found.begun == len({one.op for one in journals.lines() if isinstance(one, OpBegin)})


def test_an_operation_without_an_end_is_found(tmp_path, without_reports):
    kept, _ = _but_end_of("sleep")
    journals.folder(tmp_path, data=journals.dump(kept))
    (flaw,) = read_back(tmp_path, {}).flaws
    assert "no end of sleep" in flaw


def test_what_ended_after_the_recording_has_no_end_in_it(tmp_path, without_reports):
    kept, number = _but_end_of("sleep")
    first = journals.folder(tmp_path, data=journals.dump(kept))
    first.rename(tmp_path / "00-first")
    journals.folder(tmp_path)
    assert read_back(tmp_path, {number: 1e12}).flaws == []
    assert read_back(tmp_path, {number: 0.0}).flaws


def test_what_ended_while_the_recording_was_closed_has_no_end_in_it(tmp_path, without_reports):
    kept, number = _but_end_of("sleep")
    t_ns = kept[-1].t + 10_000_000
    closing = Clock(t=t_ns, n=len(kept), wall_ns=t_ns)
    first = journals.folder(tmp_path, data=journals.dump([*kept, closing]))
    first.rename(tmp_path / "00-first")
    journals.folder(tmp_path)
    assert read_back(tmp_path, {number: seconds(t_ns - 1_000_000)}).flaws == []


def test_a_torn_journal_is_found(tmp_path, without_reports):
    journals.folder(tmp_path, data=journals.torn(journals.lines()))
    assert "torn" in "".join(read_back(tmp_path, {}).flaws)


def test_a_session_of_which_no_report_can_be_made_is_found(tmp_path):
    session = journals.folder(tmp_path)
    (session / "report.md").mkdir()
    (flaw,) = read_back(tmp_path, {}).flaws
    assert "cannot be written" in flaw
