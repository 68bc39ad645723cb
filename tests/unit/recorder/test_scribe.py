import asyncio
from dataclasses import replace
from math import inf

import pytest
from support import builders as make
from support.builders import GIB
from support.playing import Twin

from sleeptui.core import events as ev
from sleeptui.core.canary import Token
from sleeptui.core.environment import Machine, env_id
from sleeptui.core.home import Home
from sleeptui.core.learned import Learned
from sleeptui.core.model import GpuReading, HostMemory
from sleeptui.core.operation import STOOD_STILL_S, Fate, Kind, Outcome, Phase
from sleeptui.recorder import lines
from sleeptui.recorder import scribe as module
from sleeptui.recorder.request_lines import sha


def look(at_s, server="qwen", **fields):
    return ev.StateObserved(at_s=at_s, server=server, observation=make.seen(at_s, **fields))


def weighed(at_s, used=40 * GIB):
    return ev.GpuSampled(
        at_s=at_s, reading=make.reading(make.gpu(processes=(make.process(4711, used),)), at_s=at_s)
    )


def twin(*names, **fields):
    """A fleet whose servers were looked at once."""
    found = Twin(**fields)
    for number, name in enumerate(names or ("qwen",)):
        home = Home(pids=frozenset({4711 + number}), host_bytes=GIB)
        found.hear(
            ev.ServerAdded(at_s=10.0, spec=make.spec(name)),
            ev.FactsLearned(at_s=10.0, server=name, facts=make.facts(models=(name,))),
            ev.HomeFound(at_s=10.0, server=name, home=home),
            look(10.0, name),
        )
    found.hear(weighed(10.1))
    return found


def started(at_s=20.0, **fields):
    operation = make.operation(**{"kind": Kind.SLEEP, "began_s": at_s, "level": 1, **fields})
    return ev.OperationStarted(at_s=at_s, operation=operation)


def ended(begun, at_s=20.5, **fields):
    operation = begun.operation
    values = {"id": operation.id, "began_s": operation.began_s, "level": operation.level}
    return ev.OperationEnded(at_s=at_s, record=make.record(operation.kind, **values, **fields))


def test_a_server_is_told_with_all_that_is_known_of_it():
    found = twin()
    assert found.sink.kinds == [
        "server",
        "state",
        "facts",
        "home",
        "prom",
        "state",
        "gpu.slow",
        "gpu",
    ]
    states = [(line.state, line.by) for line in found.sink.of(lines.StateLine)]
    assert states == [("unknown", ""), ("awake", "")]
    assert found.differences() == []


def test_one_that_is_gone():
    found = twin()
    found.hear(look(14.0), look(14.1), look(14.2), ev.ServerRemoved(at_s=15.0, server="qwen"))
    last, gone = found.sink.lines[-2:]
    assert (last.looks, last.t) == (2, 14_200_000_000)
    assert (gone.s, gone.gone) == ("qwen", True)
    found.hear(ev.HomeFound(at_s=16.0, server="qwen", home=None), look(16.0))
    assert found.differences() == []


def test_looks_are_counted_once_it_stands_still():
    found = twin()
    told = 1
    for step in range(1, 101):
        found.hear(look(10.0 + step / 10))
        told += 1
    found.scribe._servers["qwen"].looks.flush()
    looks = found.sink.of(lines.Prom)
    assert sum(line.looks for line in looks) == told
    assert len(looks) < 45
    assert [line.looks for line in looks if line.t < 12_950_000_000] == [1] * 30


@pytest.mark.parametrize(
    "fields",
    [
        {"metrics": make.metrics(sleep="weights_offloaded")},
        {"is_sleeping_slow": True, "sleeping": None},
    ],
)
def test_looks_at_one_in_doubt_are_all_written(fields):
    found = twin()
    for step in range(50):
        found.hear(look(15.0 + step / 10, **fields))
    assert {line.looks for line in found.sink.of(lines.Prom)} == {1}


def test_looks_that_nobody_answers_are_all_written():
    found = twin()
    for step in range(50):
        at_s = 15.0 + step / 10
        seen = make.unseen(at_s, problem="nothing listens")
        found.hear(ev.StateObserved(at_s=at_s, server="qwen", observation=seen))
    assert {line.looks for line in found.sink.of(lines.Prom)} == {1}
    assert found.differences() == []


def test_other_memory_ends_the_counting():
    found = twin("qwen", "phi")
    found.hear(look(19.0), look(19.1), weighed(19.2), look(19.3), look(19.4))
    counted = found.sink.of(lines.Prom)[-1]
    found.hear(weighed(19.5, used=41 * GIB), look(19.6))
    *_, flushed, reading, each = (
        line for line in found.sink.lines if isinstance(line, lines.Prom | lines.Gpu)
    )
    assert counted.t == 19_000_000_000
    assert (flushed.t, flushed.looks) == (19_400_000_000, 3)
    assert reading.gpus[0].p == ((4711, 41 * GIB),)
    assert (each.t, each.looks) == (19_600_000_000, 1)
    assert found.differences() == []


class TestOperations:
    def test_a_begin_says_how_it_stood_before_and_an_end_after(self):
        found = twin()
        begun = started()
        found.hear(begun)
        line, state = found.sink.lines[-2:]
        assert (line.op, line.name, line.phase) == (begun.operation.id, "sleep", "calling")
        assert (line.pre.state, line.pre.sleeping, line.pre.held_b) == ("awake", False, 40 * GIB)
        assert line.pre.used_b == {0: 60 * GIB}
        assert (state.state, state.by) == ("falling asleep", "sleeptui")
        found.hear(look(20.2, sleeping=True), weighed(20.3, used=GIB), ended(begun))
        line, state = found.sink.lines[-2:]
        assert (line.cls, line.post.state, line.post.sleeping) == ("ok", "asleep", True)
        assert (state.state, state.level, state.by) == ("asleep", 1, "sleeptui")
        assert found.differences() == []

    def test_all_its_steps_are_lines(self):
        found = twin()
        begun = started()
        waits = replace(begun.operation, phase=Phase.QUEUED, note="waits", began_s=19.0)
        found.hear(
            ev.OperationQueued(at_s=19.0, operation=waits),
            ev.OperationQueued(at_s=19.5, operation=replace(waits, note="still waits")),
        )
        assert [line.note for line in found.sink.of(lines.OpQueued)] == ["waits", "still waits"]
        assert found.differences() == []
        found.hear(
            begun,
            ev.OperationAdvanced(at_s=20.1, id=waits.id, server="qwen", phase=Phase.SETTLING),
        )
        assert [line.phase for line in found.sink.of(lines.OpPhase)] == ["settling"]
        assert found.differences() == []

    def test_every_look_is_a_line_while_it_runs(self):
        found = twin()
        found.hear(look(19.0), look(19.1), started(kind=Kind.PROMPT, phase=Phase.STREAMING))
        assert found.sink.of(lines.Prom)[-1].t == 19_100_000_000
        for step in range(60):
            found.hear(look(20.0 + step / 10))
        assert {line.looks for line in found.sink.of(lines.Prom)[-60:]} == {1}

    def test_one_on_a_server_that_nobody_watches_any_more(self):
        found = Twin()
        begun = started()
        found.hear(begun, ended(begun))
        begin, end = found.sink.lines
        assert (begin.pre, end.post) == (None, None)

    def test_the_class_of_a_prompt_is_that_of_its_request(self):
        found = twin()
        begun = started(kind=Kind.PROMPT, phase=Phase.STREAMING)
        number = begun.operation.id
        found.hear(
            begun,
            request(operation=number),
            ev.RequestAdvanced(at_s=20.1, id=1, server="qwen"),
            ev.RequestEnded(at_s=20.2, id=1, server="qwen", fate=Fate.ABORTED),
            ended(begun, outcome=Outcome.FAILED),
        )
        assert found.sink.of(lines.OpEnd)[0].cls == "invalid:aborted"
        assert [
            line.req for line in found.sink.of(lines.ReqBegin, lines.ReqMark, lines.ReqEnd)
        ] == [
            1,
            1,
            1,
        ]


def request(**fields):
    values = {
        "at_s": 20.0,
        "id": 1,
        "server": "qwen",
        "cohort": "prompt",
        "operation": None,
        "prompt": "why is it so?",
        "max_tokens": 8,
        **fields,
    }
    return ev.RequestBegan(**values)


class TestTexts:
    def test_a_prompt_is_hidden_before_its_line(self):
        hidden = []
        found = twin(hide=hidden.append)
        found.hear(request())
        assert hidden == ["why is it so?"]
        assert found.sink.lines[-1].prompt is None
        assert found.sink.lines[-1].prompt_sha == sha("why is it so?")

    def test_with_texts_it_is_written(self):
        hidden = []
        found = twin(hide=hidden.append, text=True)
        found.hear(request())
        assert hidden == []
        assert found.sink.lines[-1].prompt == "why is it so?"

    def test_a_request_whose_begin_was_not_heard(self):
        found = twin()
        end = ev.RequestEnded(at_s=20.2, id=9, server="qwen", fate=Fate.CUT, error="given up")
        found.hear(end)
        assert (found.sink.lines[-1].req, found.sink.lines[-1].error) == (9, "given up")


class TestProof:
    def test_a_canary_says_whose_it_is(self):
        found = twin()
        prompt = started(19.0, kind=Kind.PROMPT, phase=Phase.STREAMING)
        wake = started(kind=Kind.WAKE, phase=Phase.VERIFYING)
        said = make.verification(at_s=20.1)
        heard = ev.Verified(at_s=20.1, server="qwen", verification=said)
        found.hear(prompt, heard, wake, heard)
        alone, within = found.sink.of(lines.Canary)
        assert (alone.op, within.op) == (None, wake.operation.id)
        assert (within.recalled, within.verification) == (False, said)
        assert found.sink.of(lines.StateLine)[-1].by == "sleeptui"
        assert found.differences() == []

    def test_one_from_before_the_recording_is_marked(self):
        found = Twin()
        found.clock.at_s = 50.0
        begun = module.Scribe(found.sink, path="late", clock=found.clock, view=found.live.server)
        said = make.verification(at_s=20.1)
        begun.heard(ev.Verified(at_s=51.0, server="qwen", verification=said))
        assert found.sink.of(lines.Canary)[0].recalled is True

    def test_a_reference_without_its_texts(self):
        found = twin()
        found.hear(ev.ReferenceTaken(at_s=20.0, server="qwen", reference=make.reference()))
        line = found.sink.of(lines.ReferenceLine)[0]
        assert (line.model, line.answers, line.tokens, line.recalled) == ("qwen", 3, 16, False)
        assert line.spread_nats == 0.0
        assert line.taken_wall_s == 1_700_000_000.0
        assert len(line.ids_sha) == 64
        assert found.differences() == []

    def test_tokens_without_ids_or_numbers(self):
        found = twin()
        odd = (Token(id=None, text="a", logprob=float("nan")),)
        reference = make.reference(odd, (Token(id=None, text="a", logprob=-1.0),))
        assert reference.spread == inf
        found.hear(ev.ReferenceTaken(at_s=20.0, server="qwen", reference=reference))
        assert found.sink.of(lines.ReferenceLine)[0].spread_nats is None

    def test_what_earlier_runs_knew(self):
        found = twin()
        old = Learned(awake_by_gpu={0: 5}, times={"wake 1": (0.5,)}, reference=make.reference())
        found.hear(ev.Recalled(at_s=20.0, server="qwen", learned=old))
        learned, reference = found.sink.lines[-2:]
        assert learned.learned == replace(old, reference=None)
        assert (reference.recalled, reference.tokens) == (True, 16)
        found.hear(ev.Recalled(at_s=21.0, server="qwen", learned=old))
        assert found.sink.kinds[-2:] == ["learned", "reference"]
        other = replace(old, reference=make.reference(model="another"))
        found.hear(ev.Recalled(at_s=22.0, server="qwen", learned=other))
        found.hear(ev.Recalled(at_s=22.0, server="qwen", learned=replace(old, reference=None)))
        assert found.sink.kinds[-2:] == ["learned", "learned"]
        assert found.differences() == []


def test_what_is_none_of_the_others():
    found = twin()
    machine = Machine(host="box", kernel="6.8")
    found.hear(
        ev.Noted(at_s=20.0, server="qwen", severity="warning", text="careful"),
        ev.Discovered(at_s=20.1, notes=("two servers",)),
        ev.Marked(at_s=20.2, text="here"),
        ev.Described(at_s=20.3, machine=machine),
        ev.LagMeasured(at_s=20.4, worst_s=0.0125),
        ev.RecordingBegan(at_s=20.5, path="x"),
        ev.RecordingTroubled(at_s=20.6, problem="full"),
        ev.RecordingEnded(at_s=20.7, path="x"),
    )
    note, discovered, mark, env, lag = found.sink.lines[-5:]
    assert (note.s, note.severity, note.text) == ("qwen", "warning", "careful")
    assert (discovered.notes, mark.text) == (("two servers",), "here")
    assert (env.env_id, env.machine) == (env_id(machine), machine)
    assert lag.max_ns == 12_500_000
    assert found.differences() == []


def test_a_time_in_which_nothing_was_seen_is_told():
    found = twin()
    found.hear(
        ev.LagMeasured(at_s=20.0, worst_s=STOOD_STILL_S),
        ev.LagMeasured(at_s=33.0, worst_s=12.345),
    )
    (gap,) = [line for line in found.sink.lines if isinstance(line, lines.Anomaly)]
    assert (gap.t, gap.code) == (33_000_000_000, "stood_still")
    assert gap.detail == "nothing was seen for 12.3 s: sleeptui or its machine was stopped"
    assert found.differences() == []


def test_host_memory_of_the_servers_goes_with_the_machine():
    found = twin("qwen", "phi")
    memory = make.reading(at_s=20.0).gpus
    host = HostMemory(total_bytes=8 * GIB, available_bytes=4 * GIB)
    heard = ev.GpuSampled(at_s=20.0, reading=GpuReading(at_s=20.0, gpus=memory, host=host))
    found.hear(ev.HomeFound(at_s=19.0, server="phi", home=Home(pids=frozenset({1}))), heard)
    assert found.sink.of(lines.Host)[-1].rss_b == {"qwen": GIB}


class TestClocks:
    def test_each_minute_the_time_and_all_that_is_known(self):
        found = twin()
        found.hear(look(71.0))
        assert found.sink.kinds[-1] == "clock"
        found.hear(look(71.5))
        again = found.sink.lines[-1]
        assert (again.reach, again.m["running"]) == ("answered", 0)
        found.hear(look(72.0), weighed(72.1))
        assert found.sink.of(lines.Gpu)[-1].gpus[0].p is not None
        assert found.sink.of(lines.Anomaly) == []

    def test_a_jump_of_the_wall_clock_is_an_anomaly_once(self):
        found = twin()
        found.clock.offset_s -= 1.25
        found.hear(look(71.0), look(140.0))
        (anomaly,) = found.sink.of(lines.Anomaly)
        assert anomaly.code == "clock_jump"
        assert "-1.250 s" in anomaly.detail


class TestJournal:
    async def test_it_waits_until_all_is_written(self):
        found = twin()
        assert (found.scribe.path, found.scribe.problem) == ("twin", "")
        await found.scribe.written()
        assert found.sink.of(lines.Anomaly) == []

    async def test_a_stuck_disk_holds_nobody_up_for_long(self, monkeypatch):
        monkeypatch.setattr(module, "WRITTEN_LIMIT_S", 0.01)
        found = twin()
        found.sink.is_stuck = True
        await asyncio.wait_for(found.scribe.written(), 30)
        (anomaly,) = found.sink.of(lines.Anomaly)
        assert anomaly.code == "late_line"

    @pytest.mark.parametrize("aborted", [True, False])
    async def test_the_end_has_what_was_only_counted(self, aborted):
        found = twin()
        found.hear(look(14.0), look(14.1))
        await found.scribe.close(aborted=aborted)
        assert found.sink.kinds[-2:] == ["prom", "clock"]
        assert found.sink.closed is aborted
        assert sum(line.looks for line in found.sink.of(lines.Prom)) == 3
