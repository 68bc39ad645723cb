"""What is understood of files of other tools: true ones, older ones, broken ones, any."""

import json
from math import inf, nan
from pathlib import Path
from statistics import mean, median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sleeptui.core.errors import JournalError
from sleeptui.core.session import ImportedSeries
from sleeptui.recorder.imports import documents, foreign
from sleeptui.recorder.imports.foreign import Foreign
from sleeptui.recorder.imports.table import KINDS, understood

DATA = Path(__file__).parents[3] / "data" / "imports"
SERVE = {"backend": "vllm", "request_throughput": 2.0}


def read(name: str) -> Foreign:
    return understood((DATA / name).read_bytes(), DATA / name)


def of(document: object) -> Foreign:
    return understood(json.dumps(document).encode(), Path("x.json"))


def by_name(found: Foreign, run: str = "") -> dict[str, ImportedSeries]:
    return {one.name: one for one in found.series if one.run == run}


class TestServe:
    def test_a_detailed_result_has_values_that_fit_its_own_figures(self):
        found = read("vllm-0.32.0-serve-detailed.json")
        assert (found.source, found.model) == ("vllm bench serve", "tiny-a")
        assert found.plan["request_rate"] == 8.0
        assert found.duration_s == pytest.approx(1.546, abs=1e-3)
        every = by_name(found)
        for name in ("ttft", "tpot", "itl", "e2el"):
            one = every[name]
            assert one.unit == "s"
            assert mean(one.values) == pytest.approx(one.stats["mean"])
            assert median(one.values) == pytest.approx(one.stats["median"])
            assert {"std", "p50", "p90", "p99"} <= one.stats.keys()
        assert len(every["itl"].values) == 12 * 15
        assert every["output_throughput"].unit == "tok/s"
        assert every["counts"].stats["completed"] == 12
        assert "made from" in every["tpot"].note

    def test_appended_results_are_runs(self):
        found = read("vllm-0.32.0-serve-appended.json")
        runs = list(dict.fromkeys(one.run for one in found.series))
        assert runs == ["first, concurrency 1", "second, concurrency 2"]
        ttft = by_name(found, runs[0])["ttft"]
        assert ttft.values == ()
        assert ttft.stats["median"] == pytest.approx(0.0084, abs=1e-4)
        assert len(by_name(found, runs[1])["e2el"].values) == 6
        assert "max_concurrency" not in found.plan
        assert found.plan["num_prompts"] == 6
        assert found.duration_s == pytest.approx(7.24, abs=0.01)

    def test_runs_of_the_same_name_are_numbered(self):
        text = "\n".join(json.dumps({**SERVE, "request_rate": 4}) for _ in range(3))
        found = understood(text.encode(), Path("x.jsonl"))
        assert [one.run for one in found.series] == ["rate 4", "rate 4 #2", "rate 4 #3"]
        found = understood(f"{json.dumps(SERVE)}{json.dumps(SERVE)}".encode(), Path("x"))
        assert [one.run for one in found.series] == ["run", "run #2"]

    def test_requests_that_failed_have_no_times(self):
        found = of(
            {
                **SERVE,
                "latencies": [1.0, 0.0, 2.0],
                "ttfts": [0.5, 0.0, 0.25],
                "output_lens": [2, 0, 1],
                "errors": ["", "boom", ""],
            }
        )
        every = by_name(found)
        assert every["e2el"].values == (1.0, None, 2.0)
        assert every["ttft"].values == (0.5, None, 0.25)
        assert every["tpot"].values == (0.5, None, None)

    def test_lists_that_do_not_belong_together_give_no_tpot(self):
        found = of({**SERVE, "latencies": [1.0], "ttfts": [1.0, 2.0], "errors": ["a", "b", "c"]})
        assert "tpot" not in by_name(found)
        assert by_name(found)["ttft"].values == (1.0, 2.0)

    @pytest.mark.parametrize(
        "date", [None, 7, "", "yesterday", "99999999-999999", "20261345-000000"]
    )
    def test_a_date_that_is_none(self, date):
        assert of({**SERVE, "date": date}).began_s is None

    def test_numbers_that_are_none_are_left_out(self):
        found = of(
            {
                **SERVE,
                "request_goodput": None,
                "mean_ttft_ms": nan,
                "p99_ttft_ms": inf,
                "latencies": [nan, True, "1", 10**400, 3.0],
                "median_ttft_ms": 2,
            }
        )
        every = by_name(found)
        assert every["ttft"].stats == {"median": 0.002}
        assert every["e2el"].values == (None, None, None, None, 3.0)
        assert "request_goodput" not in every

    def test_too_many_values_are_left_in_the_file(self, monkeypatch):
        monkeypatch.setattr(foreign, "MOST_VALUES", 3)
        found = of(
            {
                **SERVE,
                "ttfts": [1.0] * 4,
                "mean_ttft_ms": 1.0,
                "latencies": [2.0] * 4,
                "output_lens": [5] * 4,
            }
        )
        every = by_name(found)
        assert every["ttft"].values == ()
        assert every["ttft"].note == "4 values are in the file, too many to be kept here"
        assert "tpot" not in every  # no figure of the file speaks of it


class TestOffline:
    def test_startup(self):
        found = read("vllm-0.32.0-startup.json")
        every = by_name(found)
        cold = every["cold_startup_time"]
        assert (cold.unit, len(cold.values)) == ("s", 3)
        assert cold.stats["mean"] == pytest.approx(mean(cold.values))
        assert cold.stats["median"] == cold.stats["p50"]
        assert {"warm_startup_time", "warm_compilation_time"} <= every.keys()
        assert "not a cold start" in found.notes[0]

    def test_latency(self):
        found = of(
            {
                "model_id": "m",
                "avg_latency": 2.0,
                "latencies": [1.0, 3.0],
                "percentiles": {"50": 2.0},
            }
        )
        assert (found.source, found.model) == ("vllm bench latency", "m")
        (one,) = found.series
        assert (one.name, one.values) == ("latency", (1.0, 3.0))
        assert one.stats == {"mean": 2.0, "p50": 2.0, "median": 2.0}

    def test_throughput(self):
        text = json.dumps(
            {
                "elapsed_time": 3.0,
                "num_requests": 6,
                "requests_per_second": 2.0,
                "tokens_per_second": 9.5,
            }
        )
        found = understood(f"{text}\n{text}\n".encode(), Path("x"))
        assert (found.source, found.duration_s) == ("vllm bench throughput", 6.0)
        assert by_name(found, "run 2")["total_token_throughput"].values == (9.5,)


class TestGuidellm:
    def test_a_report(self):
        found = read("guidellm-0.8.1.json")
        assert (found.source, found.model) == ("guidellm", "tiny-a")
        runs = list(dict.fromkeys(one.run for one in found.series))
        assert runs == ["concurrent streams 1", "concurrent streams 2"]
        every = by_name(found, runs[0])
        for name in ("ttft", "tpot", "time_per_output_token", "e2el"):
            one = every[name]
            assert len(one.values) == 6
            assert mean(one.values) == pytest.approx(one.stats["mean"])
            assert {"p0.1", "p5", "p50", "p99", "p99.9", "std"} <= one.stats.keys()
        assert "what vLLM calls TPOT" in every["tpot"].note
        assert every["tpot"].stats["mean"] < every["time_per_output_token"].stats["mean"]
        assert every["ttft"].stats["max"] < every["e2el"].stats["max"] < 1
        assert every["counts"].stats["successful"] == 6
        assert found.began_s > 1.7e9
        assert found.plan["guidellm_version"] == "0.8.1"

    def test_an_older_report(self):
        benchmark = {
            "args": {"strategy": {"type_": "constant", "rate": 4.0}},
            "run_stats": {"start_time": 10.0, "end_time": 13.0},
            "worker": {"backend_model": "m"},
            "metrics": {
                "time_to_first_token_ms": {"successful": {"mean": 5.0, "percentiles": {"px": 1}}},
                "request_totals": {"successful": 3},
            },
            "requests": {"successful": [{"time_to_first_token_ms": 5.0}]},
        }
        other = {**benchmark, "run_stats": {"start_time": 13.0, "end_time": 12.0}}
        report = {"metadata": {"version": 1}, "benchmarks": [benchmark, other, other]}
        found = of(report)
        assert (found.model, found.began_s, found.duration_s) == ("m", 10.0, 3.0)
        runs = list(dict.fromkeys(one.run for one in found.series))
        assert runs == ["constant rate 4", "constant rate 4 #2", "constant rate 4 #3"]
        ttft = by_name(found, runs[0])["ttft"]
        assert (ttft.values, ttft.stats) == ((0.005,), {"mean": 0.005})
        assert ttft.note == "1 of 3 requests are in the file"

    def test_one_benchmark_has_no_run(self):
        report = {
            "metadata": {"version": 1},
            "args": {"model": "m"},
            "benchmarks": [
                {
                    "metrics": {
                        "inter_token_latency_ms": {"successful": {"median": 2.0}},
                        "request_totals": {"successful": 3},
                    },
                    "requests": {"successful": [{}]},
                }
            ],
        }
        found = of(report)
        tpot = by_name(found)["tpot"]
        assert found.model == "m"
        assert tpot.stats == {"median": 0.002}
        assert tpot.note.endswith("; 1 of 3 requests are in the file")


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            (b"", "x.json is empty"),
            (b" \n", "x.json is empty"),
            (b"\xff\xfe{}", "is no text"),
            (b'{"a": ', "is no JSON: line 1, column 7"),
            (b"[1, 2]", "not an object"),
            (b'{"a": 1} trailing', "is no JSON"),
            (b'{"a":' * 100_000, "JSON beyond reason"),
            (b"{}", "is no result that is known"),
            (b'{"backend": "x", "request_throughput": null}', "without any figure"),
            (b'{"backend": "x", "request_throughput": 1}{}', "and 1 other ones"),
        ],
    )
    def test_with_one_sentence(self, content, words):
        with pytest.raises(JournalError, match="x.json") as caught:
            understood(content, Path("x.json"))
        assert words in caught.value.message
        assert "\n" not in str(caught.value)

    def test_it_is_said_what_was_looked_for(self):
        with pytest.raises(JournalError) as caught:
            of({"something": 1})
        for kind in KINDS:
            assert kind.source in caught.value.hint
            assert all(key in caught.value.hint for key in kind.keys)

    def test_too_many_results(self, monkeypatch):
        monkeypatch.setattr(documents, "MOST_DOCUMENTS", 2)
        with pytest.raises(JournalError, match="more than 2 results"):
            understood(b"{}{}{}", Path("x"))

    def test_files_that_cannot_be_read(self, tmp_path, monkeypatch):
        with pytest.raises(JournalError, match="there is no file"):
            documents.read_bytes(tmp_path / "none")
        with pytest.raises(JournalError, match="there is no file"):
            documents.read_bytes(tmp_path)
        large = tmp_path / "large"
        large.write_bytes(b"{}")
        monkeypatch.setattr(documents, "LARGEST_BYTES", 1)
        with pytest.raises(JournalError, match="more than the 0 MiB"):
            documents.read_bytes(large)

        def denied(_path: Path) -> bytes:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(documents, "LARGEST_BYTES", 10)
        monkeypatch.setattr(Path, "read_bytes", denied)
        with pytest.raises(JournalError, match="cannot be read: Permission denied"):
            documents.read_bytes(large)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        "backend",
        "request_throughput",
        "date",
        "duration",
        "ttfts",
        "itls",
        "latencies",
        "errors",
        "output_lens",
        "mean_ttft_ms",
        "cold_startup_times",
        "cold_startup_percentiles",
        "avg_latency",
        "percentiles",
        "elapsed_time",
        "tokens_per_second",
        "metadata",
        "benchmarks",
        "model_id",
        "label",
        "request_rate",
        "max_concurrency",
        "queue_times",
    ]
)
DOCUMENTS = st.dictionaries(KEYS, ANY, max_size=8)
REPORTS = st.fixed_dictionaries(
    {
        "metadata": st.just({"version": 2}),
        "benchmarks": st.lists(
            st.dictionaries(
                st.sampled_from(["metrics", "requests", "config", "start_time", "end_time"]), ANY
            ),
            max_size=3,
        ),
    }
)


@given(st.lists(DOCUMENTS | REPORTS, min_size=1, max_size=3))
def test_any_document_is_understood_or_refused(every):
    text = "\n".join(json.dumps(one) for one in every)
    try:
        found = understood(text.encode(), Path("x.json"))
    except JournalError as error:
        assert "\n" not in str(error)
        return
    assert found.series
    assert found.duration_s == found.duration_s


@given(st.binary(max_size=60))
def test_any_bytes_are_understood_or_refused(content):
    with pytest.raises(JournalError):
        understood(content, Path("x.json"))
