import itertools

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import journals
from support.builders import verification
from support.journal_lines import S, begin, header, points, prom, target

from sleeptui.core import measure, measure_fates, measure_memory
from sleeptui.core.errors import JournalError
from sleeptui.core.model import Home, ServerFacts
from sleeptui.recorder import lines as kinds
from sleeptui.recorder.fold import fold, read
from sleeptui.recorder.line_operations import Standing
from sleeptui.recorder.line_samples import GpuPoint
from sleeptui.recorder.lines import AnyLine

# --- the sample -----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    return read(journals.folder(tmp_path_factory.mktemp("s")) / "journal.jsonl")


def test_the_sample_as_it_was_told(sample):
    assert (sample.run_id, sample.version) == (journals.RUN_ID, 1)
    assert (sample.tool, sample.demo, sample.partial) == ("sleeptui 0.3.0", None, None)
    assert (sample.began_ns, sample.wall_ns) == (journals.BEGAN_NS, journals.WALL_NS)
    assert sample.lines == len(journals.lines()) + 1
    assert len(sample.journal_sha256) == 64
    assert sample.looks == sum(isinstance(one, kinds.Prom) for one in journals.lines())
    assert sample.machine.driver == "570.86.15"
    assert sample.duration_s == pytest.approx(265, abs=10)
    assert [(one.name, one.lives, one.model) for one in sample.servers] == [
        ("summarize", 2, "mistral-7b"),
        ("code", 1, "qwen-coder-1.5b"),
    ]
    assert sample.servers[0].url == "http://127.0.0.1:8001"
    assert [gpu.name for gpu in sample.gpus] == ["NVIDIA H200"] * 2
    assert sample.gpus[0].total_bytes == 143_771 << 20


def test_attempts_of_the_sample(sample):
    assert len(sample.attempts) == 62
    ours = [one for one in sample.attempts if one.server == "summarize"]
    firsts = [one for one in ours if (one.kind, one.nth) == ("sleep", 1)]
    assert [(one.life, one.cycle) for one in firsts] == [(1, 1), (2, 7)]
    wakes = [one for one in ours if one.kind == "wake"]
    assert [one.cycle for one in wakes] == list(range(1, 17))
    switches = {one.id for one in sample.attempts if one.kind == "switch"}
    assert {one.parent for one in sample.attempts} == switches | {None}
    first = firsts[0]
    assert (first.pre.state, first.post.state, first.pre.held_bytes) == (
        "awake",
        "asleep",
        84 << 30,
    )
    assert first.pre.used_bytes == {0: (84 + 42) * (1 << 30) + (1 << 29)}
    assert first.sent_ns < first.done_ns < first.ended_ns


def test_memory_of_the_sample(sample):
    summarize, gpu = sample.server("summarize"), sample.gpus[0]
    held = [value for _, value in points(summarize.memory)]
    assert max(value for value in held if value) == 84 << 30
    assert min(value for value in held if value) == pytest.approx(2.37 * (1 << 30), rel=0.02)
    assert None in held  # between its two lives
    assert len(gpu.used) < 250  # of 531 readings: what stands still is not kept twice
    assert gpu.used.times_ns[-1] == pytest.approx(sample.ended_ns, abs=2 * S)
    assert len(sample.lag_s)
    assert len(sample.host_available)


def test_states_and_moments_of_the_sample(sample):
    spans = [one for one in sample.states if one.server == "code"]
    for one, following in itertools.pairwise(spans):
        assert one.ended_ns == following.began_ns
    assert spans[-1].ended_ns == sample.ended_ns
    others = [(one.state, one.by) for one in spans if one.by == "other"]
    assert others == [("asleep", "other"), ("awake", "other")]
    assert [one.began_ns for one in sample.states] == sorted(one.began_ns for one in sample.states)
    assert {one.kind for one in sample.moments} == {"mark", "note", "anomaly"}
    (jump,) = [one for one in sample.moments if one.kind == "anomaly"]
    assert (jump.code, jump.severity) == ("clock_jump", "warning")
    assert len(sample.canaries) == 26


def test_requests_of_the_sample(sample):
    prompts = [one for one in sample.requests if one.cohort == "prompt"]
    assert [(one.fate, one.finish_reason, one.gap_covers_sleep) for one in prompts] == [
        ("completed", "length", False),
        ("aborted", "abort", False),
        ("completed", "length", True),
        ("completed", "length", False),
    ]
    frozen = prompts[2]
    assert len(frozen.chunks) == frozen.output_tokens == 128
    assert frozen.chunks[0][0] == pytest.approx(frozen.first_ns, abs=2_000)
    assert frozen.max_gap_s == pytest.approx(7, abs=0.5)


@pytest.mark.parametrize(
    ("data", "partial"),
    [
        (lambda every: journals.dump(every, end=False), "it has no end"),
        (journals.torn, "its last line is torn"),
        (lambda every: journals.dump(every, aborted=True), "a signal or an error"),
    ],
    ids=["no end", "torn", "aborted"],
)
def test_what_is_not_whole_says_so(tmp_path, sample, data, partial):
    found = read(journals.folder(tmp_path, data=data(journals.lines())) / "journal.jsonl")
    assert partial in found.partial
    assert found.attempts == sample.attempts


def test_the_sample_without_what_may_be_missing():
    bare = journals.Sample(has_env=False, has_facts=False, has_gpus=False)
    found = fold(journals.lines(bare))
    assert (found.env_id, found.gpus) == ("", ())
    assert len(found.attempts) == 62
    assert {one.model for one in found.attempts} == {"summarize", "code"}
    assert len(found.servers[0].memory) == 0


def test_as_many_lines_as_there_are(tmp_path):
    path = tmp_path / "journal.jsonl"
    assert journals.large(path, 20_000) > 20_000
    found = read(path)
    assert found.partial is None
    assert found.lines > 20_000
    assert len(found.attempts) > 4


# --- the session ----------------------------------------------------------------------------------


def test_without_a_header_there_is_no_session():
    with pytest.raises(JournalError, match="no header"):
        fold([prom()])


def test_a_second_header_changes_nothing():
    assert fold([header(), header(run_id="other")]).run_id == "20261123T093000Z-q-0000"


def test_an_empty_session_is_one():
    found = fold([header(demo="calm", text=True, seed=4, settings={"a.b": 1})])
    assert (found.lines, found.duration_s, found.demo, found.has_text) == (1, 0.0, "calm", True)
    assert (found.seed, found.settings, found.servers) == (4, {"a.b": 1}, ())
    assert found.server("q") is None


def test_an_imported_session():
    series = kinds.Series(t=0, name="ttft", unit="s", values=(0.1, None), stats={"mean": 0.1})
    found = fold([header(source="vllm bench serve"), series])
    assert found.source == "vllm bench serve"
    assert (found.imported[0].name, found.imported[0].values) == ("ttft", (0.1, None))


def test_what_was_dropped_is_told():
    last = kinds.End(t=S, lines=1, sha256="", dropped={"gpu": 3})
    assert fold([header(), last]).dropped == {"gpu": 3}


def test_lines_that_tell_nothing_here_are_passed_over():
    clock, found = kinds.Clock(t=9 * S, wall_ns=14 * S), kinds.Found(t=S)
    assert fold([header(), clock, found]).ended_ns == 9 * S


@pytest.mark.parametrize(
    "line",
    [
        prom(t=1 << 63, m={"running": 1}),
        kinds.Gpu(t=1 << 70, gpus=(GpuPoint(i=0, used_b=1),)),
        kinds.Lag(t=0, max_ns=1 << 1100),
    ],
)
def test_a_number_beyond_reason_is_an_error(line):
    with pytest.raises(JournalError, match="line 2 has a number"):
        fold([header(), line])


# --- servers, lives, states -----------------------------------------------------------------------


def test_servers_come_as_configured_and_then_as_seen():
    targets = tuple(target(name) for name in ("b", "a"))
    late = kinds.Server(t=S, s="c", target=target("c", url="http://c"))
    bare = kinds.Server(t=S, s="a")
    found = fold([header(targets=targets), late, bare])
    assert [(one.name, one.url) for one in found.servers] == [
        ("b", "http://b"),
        ("a", "http://a"),
        ("c", "http://c"),
    ]


def test_another_start_of_the_process_is_another_life():
    first = prom(m={"process_start_s": 10.0})
    same = prom(t=2 * S, m={"process_start_s": 10.0, "running": 0})
    other = prom(t=3 * S, m={"process_start_s": 20.0})
    assert fold([header(), first, same, other]).servers[0].lives == 2


def test_a_start_is_also_told_by_an_operation():
    standing = [Standing(state="awake", process_start_s=start) for start in (10.0, 20.0)]
    every = [header(), begin(1, pre=standing[0]), begin(2, t=2 * S, pre=standing[1])]
    found = fold([*every, begin(3, t=3 * S), begin(4, t=3 * S, pre=Standing(state="down"))])
    assert [one.life for one in found.attempts] == [1, 2, 2, 2]
    assert [one.nth for one in found.attempts] == [1, 1, 2, 3]


def test_where_no_start_is_told_being_gone_between_tells():
    every = [header(), prom(reach="refused"), prom(t=2 * S, reach="answered")]
    assert fold(every).servers[0].lives == 1  # it was never seen before
    every += [prom(t=3 * S, reach="timed out"), prom(t=4 * S, reach="answered")]
    assert fold(every).servers[0].lives == 1  # slow is not gone
    every += [prom(t=5 * S, reach="refused"), prom(t=6 * S, reach="answered")]
    assert fold(every).servers[0].lives == 2


def test_the_queue_over_time():
    every = [
        header(),
        prom(t=1 * S, m={"running": 1, "waiting": 0}),
        prom(t=2 * S),
        prom(t=3 * S, m={"running": 2}),
        prom(t=4 * S, reach="timed out"),
        prom(t=5 * S, reach="answered", gone=("running",)),
        prom(t=6 * S, m={"running": "many"}, gone=("waiting",)),
        prom(t=7 * S, m={"kv_usage": 0.1}, looks=9),
    ]
    found = fold(every)
    (server,) = found.servers
    assert points(server.running) == [
        (1 * S, 1),
        (2 * S, 1),
        (3 * S, 2),
        (4 * S, None),
        (7 * S, None),
    ]
    assert points(server.waiting) == [
        (1 * S, 0),
        (3 * S, 0),
        (4 * S, None),
        (5 * S, 0),
        (6 * S, None),
        (7 * S, None),
    ]
    assert found.looks == 15


def test_the_newest_facts_and_the_newest_home_that_was_found():
    home = Home(pids=frozenset({7}))
    every = [
        header(),
        kinds.HomeLine(t=1, s="q", home=home),
        kinds.HomeLine(t=2, s="q", home=None),
        kinds.Facts(t=3, s="q", facts=ServerFacts(models=("a",))),
        begin(),
        kinds.Facts(t=5, s="q", facts=ServerFacts(models=("b",))),
    ]
    found = fold(every)
    assert found.servers[0].home == home
    assert (found.servers[0].model, found.attempts[0].model) == ("b", "a")


def test_a_model_that_is_learnt_later_counts_for_what_was_before():
    every = [header(), begin(), kinds.Facts(t=5, s="q", facts=ServerFacts(models=("b",)))]
    assert fold(every).attempts[0].model == "b"


def test_the_state_of_a_server_that_is_gone_ends_there():
    every = [
        header(),
        kinds.StateLine(t=1, s="q", state="awake", check="verified"),
        kinds.StateLine(t=0, s="q", state="asleep", level=1, by="other", reason="why"),
        kinds.Server(t=5, s="q", gone=True),
        kinds.Server(t=6, s="other", gone=True),
        kinds.Clock(t=9, wall_ns=0),
    ]
    first, second = fold(every).states
    assert (first.began_ns, first.ended_ns, first.check) == (1, 1, "verified")
    assert (second.ended_ns, second.by, second.reason, second.level) == (5, "other", "why", 1)


def test_a_canary_of_before_is_none_of_this_session():
    said = verification()
    every = [
        header(),
        kinds.Canary(t=1, s="q", recalled=True, verification=said),
        kinds.Canary(t=2, s="q", op=4, verification=said),
    ]
    (seen,) = fold(every).canaries
    assert (seen.at_ns, seen.operation, seen.verification) == (2, 4, said)


# --- anything -------------------------------------------------------------------------------------

SAMPLE = journals.dump(journals.lines()).splitlines()
DECODER = msgspec.json.Decoder(AnyLine)


@settings(deadline=None, derandomize=True, database=None, max_examples=60)
@given(
    picks=st.lists(st.integers(0, len(SAMPLE) - 1), max_size=60),
    times=st.lists(st.integers(-(1 << 62), 1 << 62), min_size=1, max_size=5),
    names=st.lists(st.text(max_size=3), min_size=1, max_size=3),
    numbers=st.lists(st.integers(0, 3), min_size=1, max_size=4),
)
def test_any_lines_in_any_order_are_a_session(picks, times, names, numbers):
    every = [header()]
    for place, pick in enumerate(picks):
        line = DECODER.decode(SAMPLE[pick])
        line.t = times[place % len(times)]
        for name, values in (("s", names), ("op", numbers), ("req", numbers)):
            if getattr(line, name, None) is not None:
                setattr(line, name, values[place % len(values)])
        every.append(line)
    found = fold(every)
    assert found.lines == len(every)
    begun = [line for line in every if isinstance(line, kinds.OpBegin)]
    assert len(found.attempts) >= len(begun)
    every = measure.intervals(found)
    assert all(one.n == 0 or one.median is not None for one in every)
    measure.ratios(found, every)
    measure_memory.trends(found)
    measure_fates.reliability(found)
    measure_fates.in_flight(found)
