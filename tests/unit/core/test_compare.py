"""Two sessions side by side: what is said of figures, of differences, and of unlike things."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from support import journals

from sleeptui.core.compare import Comparison, compare
from sleeptui.core.compare_pairs import TimePair, Verdict, memory_pairs, rate_pair, time_pair
from sleeptui.core.environment import Card, Machine
from sleeptui.core.home import Home
from sleeptui.core.interval import Interval, Sample, measured
from sleeptui.core.measure_fates import Reliability
from sleeptui.core.measure_memory import MemoryCycle
from sleeptui.core.model import ServerFacts
from sleeptui.core.session import Attempt, GpuSeen, ImportedSeries, ServerSeen, Session
from sleeptui.core.stats import binomial
from sleeptui.recorder import fold

GIB = 1 << 30


@cache
def recorded(**how: object) -> Session:
    with TemporaryDirectory() as directory:
        folder = journals.folder(Path(directory), journals.Sample(**how))
        return fold.read(folder / "journal.jsonl")


def bare(**fields: object) -> Session:
    known = {"run_id": "x", "version": 1, "tool": "sleeptui 0.3.0"}
    return Session(**{**known, "began_ns": 0, "ended_ns": 1, "wall_ns": 0, **fields})


def server(name: str, model: str, root: str | None = None, home: Home | None = None) -> ServerSeen:
    facts = ServerFacts(version="0.32.0", models=(model,), root=root)
    return ServerSeen(name=name, url="", facts=facts, home=home)


def times(comparison: Comparison) -> dict[tuple[str, str, int | None], TimePair]:
    return {(pair.model, pair.id, pair.level): pair for pair in comparison.times}


@cache
def slower() -> Comparison:
    return compare(recorded(), recorded(seed=9, wakes=1.2))


class TestTwoRecordings:
    def test_slower_wakes_are_found_and_nothing_else(self):
        found = times(slower())
        wake = found["mistral-7b", "wake.call", 1]
        assert wake.verdict is Verdict.SLOWER
        assert wake.change == pytest.approx(1.2, rel=0.02)
        assert wake.ratio.low < wake.change < wake.ratio.high
        assert found["mistral-7b", "sleep.call", 1].verdict is Verdict.SAME
        assert found["qwen-coder-1.5b", "wake.ready_l2", 2].verdict is Verdict.SLOWER
        assert found["mistral-7b", "prompt.ttft", None].verdict is Verdict.UNCLEAR

    def test_the_other_way_round_they_are_faster(self):
        found = times(compare(recorded(seed=9, wakes=1.2), recorded()))
        assert found["mistral-7b", "wake.call", 1].verdict is Verdict.FASTER

    def test_a_session_is_the_same_as_itself(self):
        comparison = compare(recorded(), recorded())
        assert comparison.unlike == comparison.differences == comparison.lone == ()
        assert {pair.verdict for pair in comparison.times} == {Verdict.SAME}
        assert {pair.why for pair in comparison.times} == {""}
        assert not any(pair.is_notable for pair in comparison.memory)
        assert not any(pair.is_notable for pair in comparison.reliability)

    def test_two_journals_that_say_the_same_are_two_measurements(self):
        """Only the hash of its bytes tells that a session is compared with itself."""
        again = replace(recorded(), journal_sha256="other")
        unhashed = replace(recorded(), journal_sha256="")
        for a, b in ((recorded(), again), (unhashed, unhashed)):
            verdicts = {pair.id: pair.verdict for pair in compare(a, b).times}
            assert verdicts["prompt.ttft"] is Verdict.UNCLEAR

    def test_memory_and_reliability_are_there(self):
        comparison = slower()
        assert {(pair.what, pair.model) for pair in comparison.memory} >= {
            ("freed", "mistral-7b"),
            ("residual", "qwen-coder-1.5b"),
        }
        assert {(pair.kind, pair.level) for pair in comparison.reliability} >= {
            ("sleep", 1),
            ("wake", 2),
        }

    def test_a_loop_that_was_late_spoils_times_not_bytes(self):
        spoiled = replace(
            recorded(),
            attempts=tuple(
                replace(one, cls="disturbed") if one.cls == "ok" else one
                for one in recorded().attempts
            ),
        )
        whole, late = compare(recorded(), recorded()), compare(spoiled, spoiled)
        assert late.memory == whole.memory
        assert not late.times

    def test_what_only_one_has_is_listed(self):
        a = recorded()
        b = replace(a, attempts=tuple(one for one in a.attempts if one.kind != "switch"))
        lone = compare(a, b).lone
        assert {(one.side, one.id) for one in lone} == {
            ("A", "switch"),
            ("A", "switch.total"),
            ("A", "switch.sleep"),
            ("A", "switch.wake"),
        }
        assert {one.side for one in compare(b, a).lone} == {"B"}


class TestModels:
    def test_servers_with_other_names_pair_by_their_model(self):
        a = recorded()
        b = renamed(a, {"summarize": "one", "code": "two"})
        assert len(compare(a, b).times) == len(slower().times)

    def test_two_servers_of_one_model_pair_by_their_names_first(self):
        a = bare(servers=(server("p", "m"), server("q", "m")), attempts=waking("p", "q"))
        b = bare(servers=(server("r", "m"), server("p", "m")), attempts=waking("r", "p"))
        found = {(pair.a.server, pair.b.server) for pair in compare(a, b).reliability}
        assert found == {("p", "p"), ("q", "r")}

    def test_the_same_weights_under_another_name(self):
        a = bare(servers=(server("s", "old", "org/Model-7B"),), attempts=waking("s", model="old"))
        cached = "/cache/models--org--Model-7B/snapshots/0123"
        b = bare(servers=(server("s", "new", cached),), attempts=waking("s", model="new"))
        comparison = compare(a, b)
        assert comparison.unlike == ()
        assert comparison.models == {"new": "old"}
        rows = {row.what: (row.a, row.b, row.model) for row in comparison.differences}
        assert rows["served name"] == ("old", "new", "old")
        assert rows["weights"] == ("org/Model-7B", cached, "old")
        assert len(comparison.reliability) == 1

    def test_other_weights_under_the_same_name_are_refused(self):
        a = bare(servers=(server("s", "m", "org/Model-7B"),), attempts=waking("s"))
        b = bare(servers=(server("s", "m", "org/Model-8B"),), attempts=waking("s"))
        comparison = compare(a, b)
        assert comparison.unlike == ("m has the weights model-7b in A, model-8b in B",)
        assert comparison.reliability == ()
        assert len(compare(a, b, force=True).reliability) == 1

    def test_no_model_in_common_is_refused_and_can_be_forced(self):
        a = bare(servers=(server("s", "m"), server("t", "n")), attempts=waking("s", model="m"))
        b = bare(servers=(server("s", "o"),), attempts=waking("s", model="o"))
        comparison = compare(a, b)
        assert comparison.unlike == ("A has measured m and n, B o: no model in common",)
        forced = compare(a, b, force=True)
        assert forced.models == {"o": "m"}
        assert len(forced.reliability) == 1

    def test_a_refusal_names_a_few_models_of_many(self):
        a = bare(servers=(server("s", "m"), server("t", "n"), server("u", "o")))
        b = bare(servers=tuple(server(f"s{n}", f"m{n}") for n in range(19)))
        (why,) = compare(a, b).unlike
        assert why == "A has measured m, n and o, B m0, m1, m2 and 16 more: no model in common"

    def test_a_session_without_servers_refuses_nothing(self):
        assert compare(bare(), bare()).unlike == ()
        assert compare(bare(), bare(servers=(server("s", "m", "/"),))).unlike == ()


class TestUnlikeThings:
    def test_simulated_against_real(self):
        (why,) = compare(recorded(), recorded(demo="default")).unlike
        assert why == "B was recorded on a simulated fleet, A on real servers"

    def test_other_gpus(self):
        other = bare(gpus=(GpuSeen(index=0, name="NVIDIA A100"),))
        (why,) = compare(bare(gpus=(GpuSeen(index=0, name="NVIDIA H200"),)), other).unlike
        assert why == "A was measured on NVIDIA H200, B on NVIDIA A100"
        assert compare(bare(), other).unlike == ()

    def test_another_tool(self):
        (why,) = compare(bare(), bare(source="vllm bench serve")).unlike
        assert "A was recorded by sleeptui, B was imported from vllm bench serve" in why


class TestDifferences:
    def test_gpus_come_first_then_servers_machine_and_recording(self):
        card = Card(index=0, name="NVIDIA H200", pcie_gen_max=5, pcie_width_max=16, ecc=True)
        machine = Machine(driver="570.1", cuda="12.8", cpus=16, ram_bytes=GIB, cards=(card,))
        other = replace(
            machine,
            driver="580.1",
            cpus=8,
            memlock_bytes=8 << 20,
            cards=(
                replace(card, ecc=False, power_limit_w=350.0, pcie_gen_max=4),
                replace(card, index=1, ecc=False, pcie_gen_max=None),
            ),
        )
        a = bare(env_id="1", machine=machine, settings={"sampling.interval_s": 0.5, "x": True})
        b = bare(env_id="2", machine=other, settings={"sampling.interval_s": 1.0}, tool="other")
        rows = [(row.what, row.a, row.b) for row in compare(a, b).differences]
        assert rows == [
            ("GPUs", "1 x NVIDIA H200", "2 x NVIDIA H200"),
            ("driver", "570.1", "580.1"),
            ("power limit", "--", "350 W"),
            ("PCIe link at most", "gen 5 x16", "gen 4 x16"),
            ("ECC", "on", "off"),
            ("processors in use", "16", "8"),
            ("memory lock limit", "none", "8 MiB"),
            ("recorded by", "sleeptui 0.3.0", "other"),
            ("setting sampling.interval_s", "0.5", "1"),
            ("setting x", "true", "--"),
        ]

    def test_flags_and_variables_are_compared_one_by_one(self):
        one = Home(
            command=("vllm", "serve", "m", "--port", "1", "--max_num_seqs=8", "--enforce-eager"),
            image="vllm:1",
            image_digest="sha256:1",
            environment={"VLLM_A": "1"},
        )
        other = replace(
            one,
            command=("vllm", "serve", "m", "--port", "2", "--max-num-seqs", "16"),
            image_digest="sha256:2",
            environment={},
        )
        a, b = (bare(servers=(server("s", "m", home=home),)) for home in (one, other))
        assert [(row.what, row.a, row.b) for row in compare(a, b).differences] == [
            ("image id", "sha256:1", "sha256:2"),
            ("--enforce-eager", "on", "not given"),
            ("--max-num-seqs", "8", "16"),
            ("VLLM_A", "1", "not set"),
        ]
        titled = replace(one, command=(), image="vllm:2")
        c = bare(servers=(server("s", "m", home=titled),))
        assert [(row.what, row.a, row.b) for row in compare(a, c).differences] == [
            ("image", "vllm:1", "vllm:2"),
            ("command line", "known", "not known"),
        ]

    def test_what_is_not_known_of_one_is_said_once(self):
        home = Home(command=("vllm", "serve", "m"))
        a = bare(env_id="1", machine=Machine(driver="1"), servers=(server("s", "m", home=home),))
        b = bare(servers=(replace(server("s", "m"), facts=None, name="m"),))
        assert [(row.what, row.a, row.b) for row in compare(a, b).differences] == [
            ("what the server says of itself", "known", "not known"),
            ("how it was started", "known", "not known"),
            ("the machine", "known", "not known"),
        ]

    def test_models_without_a_server_have_none(self):
        a, b = (bare(attempts=waking("s")) for _ in range(2))
        assert compare(a, b).differences == ()


class TestVerdicts:
    @pytest.mark.parametrize(
        ("a", "b", "verdict"),
        [
            ([1.00, 1.01, 0.99, 1.00, 1.01], [1.01, 1.00, 1.01, 1.00, 1.02], Verdict.SAME),
            ([1.00, 1.01, 0.99, 1.00, 1.01], [1.30, 1.31, 1.29, 1.30, 1.31], Verdict.SLOWER),
            ([1.30, 1.31, 1.29, 1.30, 1.31], [1.00, 1.01, 0.99, 1.00, 1.01], Verdict.FASTER),
            ([1.0, 2.0, 3.0, 1.5, 2.5], [1.2, 2.9, 3.1, 1.1, 2.6], Verdict.UNCLEAR),
            ([1.0, 1.0, 1.0, 1.0, 9.0], [1.0, 1.0, 1.0, 1.0, 1.0], Verdict.UNCLEAR),
            ([1.0, 1.0, 1.0, 1.0, 1.0], [1.04, 1.04, 1.06, 1.06, 1.04], Verdict.SAME),
            ([1.0, 1.0, 1.0], [2.0, 2.0, 2.0], Verdict.UNCLEAR),
            ([0.5, 0.9, 1.0, 1.1, 2.0], [0.5, 0.9, 1.0, 1.1, 2.0], Verdict.UNCLEAR),
            ([1.0], [2.0, 2.0, 2.0, 2.0, 2.0], Verdict.UNCLEAR),
            ([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], Verdict.UNCLEAR),
            ([0.97, 0.98, 1.0, 1.02, 1.03], [0.96, 0.98, 1.0, 1.02, 1.03], Verdict.SAME),
        ],
    )
    def test_of_values(self, a, b, verdict):
        pair = time_pair(series(a), series(b))
        assert pair.verdict is verdict
        assert bool(pair.why) == (verdict is Verdict.UNCLEAR)

    def test_of_rates_more_is_better(self):
        pair = time_pair(series([10.0] * 5, "tok/s"), series([20.0] * 5, "tok/s"))
        assert pair.verdict is Verdict.FASTER

    def test_of_memory(self):
        ours = [cycle(freed=80 * GIB, residual=GIB)]
        theirs = [cycle(freed=70 * GIB, residual=GIB + 1)]
        freed, residual = memory_pairs(ours, theirs)
        assert (freed.what, freed.is_notable) == ("freed", True)
        assert (residual.what, residual.is_notable) == ("residual", False)

    def test_of_reliability(self):
        assert rate_pair(rate(59, 59), rate(30, 59)).is_notable
        assert not rate_pair(rate(59, 59), rate(58, 59)).is_notable
        assert not rate_pair(rate(59, 59), Reliability(server="s", model="m", kind="x")).is_notable


class TestImported:
    def test_series_of_two_files_are_compared_run_by_run(self):
        values = (0.1, 0.101, 0.1, None, 0.1, 0.1)
        doubled = tuple(value and value * 2 for value in values)
        a = bare(source="guidellm", imported=(told("ttft", values), told("ttft", values, "r2")))
        b = bare(source="guidellm", imported=(told("ttft", doubled), told("ttft", values, "r2")))
        found = times(compare(a, b))
        assert found["", "ttft", None].verdict is Verdict.SLOWER
        assert found["", "ttft [r2]", None].verdict is Verdict.SAME

    def test_a_file_that_names_its_model_is_not_one_that_does_not(self):
        a = bare(source="x", servers=(server("m", "m"),), imported=(told("ttft", (0.1,)),))
        b = bare(source="x", imported=(told("ttft", (0.1,)),))
        (why,) = compare(a, b).unlike
        assert why == "A has measured m, B a model that is not named: no model in common"

    def test_figures_without_values_are_shown_and_not_judged(self):
        seen = (server("m", "m"),)
        a = bare(source="x", servers=seen, imported=(told("ttft", (), median=0.1),))
        b = bare(source="x", servers=seen, imported=(told("ttft", (), median=0.3),))
        (pair,) = compare(a, b).times
        assert pair.change == pytest.approx(3)
        assert (pair.verdict, pair.ratio) == (Verdict.UNCLEAR, None)
        assert "no values" in pair.why

    def test_counts_are_not_compared(self):
        a = bare(source="x", imported=(ImportedSeries(name="n", unit="tokens", values=(1.0,)),))
        assert compare(a, a).times == ()


def renamed(session: Session, names: dict[str, str]) -> Session:
    return replace(
        session,
        servers=tuple(replace(one, name=names[one.name]) for one in session.servers),
        attempts=tuple(replace(one, server=names[one.server]) for one in session.attempts),
    )


def samples(values: Sequence[float]) -> tuple[Sample, ...]:
    return tuple(
        Sample(value_s=value, attempt_id=number, at_ns=0, life=1)
        for number, value in enumerate(values)
    )


def series(values: Sequence[float], unit: str = "s") -> Interval:
    return measured(Interval(id="x", server="s", model="m", unit=unit, samples=samples(values)))


def waking(*servers: str, model: str = "m") -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            id=number, kind="wake", server=name, model=model, level=1, began_ns=0, cls="timeout"
        )
        for number, name in enumerate(servers)
    )


def cycle(*, freed: int, residual: int) -> MemoryCycle:
    return MemoryCycle(
        server="s",
        model="m",
        life=1,
        cycle=1,
        level=1,
        at_ns=0,
        attempt_id=1,
        cls="ok",
        freed_bytes=freed,
        residual_bytes=residual,
    )


def rate(k: int, n: int) -> Reliability:
    return Reliability(server="s", model="m", kind="wake", level=1, rate=binomial(k, n))


def told(
    name: str, values: tuple[float | None, ...], run: str = "", median: float | None = None
) -> ImportedSeries:
    stats = {} if median is None else {"median": median}
    return ImportedSeries(name=name, run=run, unit="s", values=values, stats=stats)
