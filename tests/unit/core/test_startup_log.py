"""What is read from the output of a server that starts."""

from pathlib import Path

import pytest

from sleeptui.core.startup_log import failure, read_phases

DATA = Path(__file__).parents[2] / "data"


def recorded(name: str) -> list[str]:
    return (DATA / name).read_text().splitlines()


def test_a_recorded_start_on_a_gpu():
    assert read_phases(recorded("vllm-0.25.1/start.log")) == {
        "weights_s": 2.38,
        "graph_compile_s": 13.68,
        "compile_s": 26.07,
        "engine_s": 46.79,
    }


def test_what_is_logged_after_the_start_is_no_part_of_it():
    lines = recorded("vllm-0.32.0/start.log")
    assert any("Reloading and processing weights took 0.01" in line for line in lines)
    assert read_phases(lines) == {"weights_s": 0.0, "engine_s": 0.05}
    assert read_phases(["Application startup complete.", "Loading weights took 1 s"]) == {}


@pytest.mark.parametrize(
    ("line", "phases"),
    [
        ("Model loading took 14.9888 GiB memory and 12.221976 seconds", {"load_s": 12.221976}),
        ("Model loading took 14.9888 GiB and 4.5 seconds", {"load_s": 4.5}),
        ("Dynamo bytecode transform time: 5.73 s", {"dynamo_s": 5.73}),
        ("torch.compile takes 16.61 s in total", {"compile_s": 16.61}),
        ("torch.compile took 25.93 s in total", {"compile_s": 25.93}),
        ("torch.compile and initial profiling run took 3.37 s in total", {"compile_s": 3.37}),
        (
            "torch.compile and initial profiling/warmup run together took 8.5 s in total",
            {"compile_s": 8.5},
        ),
        ("Initial profiling/warmup run took 0.40 s", {"profile_s": 0.4}),
        ("Graph capturing finished in 8 secs, took 0.31 GiB", {"graphs_s": 8.0}),
        ("Graph capturing finished in 69 secs.", {"graphs_s": 69.0}),
        ("init engine (profile, …) took 28.44 seconds", {"engine_s": 28.44}),
        (
            "Directly load the compiled graph(s) for dynamic shape from the cache, took 1.908 s",
            {"compiled_graph_s": 1.908},
        ),
        (f"Loading weights took {'9' * 400} seconds", {}),
        ("Loading weights took 1e9 seconds", {}),
        ("It took 0.5 seconds to wake up tags", {}),
    ],
)
def test_lines_of_other_versions(line, phases):
    assert read_phases([f"(Worker_TP0 pid=57) INFO 06-21 07:20:11 [x.py:1] {line}"]) == phases


def test_the_slowest_worker_counts_and_ranges_add_up():
    took = "Compiling a graph for compile range (1, 8) takes"
    assert read_phases(
        [
            "(Worker_TP0 pid=1) Loading weights took 2.0 seconds",
            "(Worker_TP1 pid=2) Loading weights took 3.5 seconds",
            "(Worker_TP0 pid=1) Loading weights took 1.0 seconds",
            f"(Worker_TP0 pid=1) {took} 5.5 s",
            f"(Worker_TP0 pid=1) {took} 2.0 s",
            f"(Worker_TP1 pid=2) {took} 7.0 s",
        ]
    ) == {"weights_s": 3.5, "graph_compile_s": 7.5}


def test_why_a_recorded_start_failed():
    assert failure(recorded("vllm-0.32.0/refused.log")) == (
        "Sleep mode is not supported on current platform."
    )


def test_the_cause_and_not_what_follows_from_it():
    cause = "ValueError: Free memory on device (10.1/24.0 GiB) is less than desired"
    core = "(EngineCore pid=9) ERROR 11-23 09:23:27 [core.py:900] "
    assert failure(
        [
            "INFO starting",
            f"{core}Traceback (most recent call last):",
            f"{core}{cause}",
            "(APIServer pid=1) RuntimeError: Engine core initialization failed. See above.",
            "",
        ]
    ) == (cause)
    only = "RuntimeError: Engine core initialization failed. See above."
    assert failure([only, "bye"]) == only


@pytest.mark.parametrize(
    "line",
    [
        "vllm serve: error: unrecognized arguments: --nope",
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB.",
        "KeyboardInterrupt",
        "sh: 1: vllm: not found",
        "ModuleNotFoundError: No module named 'vllm'",
    ],
)
def test_lines_that_say_why(line):
    assert failure(["INFO one", line, "INFO two"]) == line


def test_output_that_does_not_say_why():
    assert failure([]) == ""
    assert failure(["INFO Errors are handled", "INFO bye"]) == ""
    assert failure(["x.ValidationError: 1 validation error for M"]) == (
        "x.ValidationError: 1 validation error for M"
    )
    assert failure(["x.ValidationError: 1 validation error for M", " "]) == (
        "x.ValidationError: 1 validation error for M"
    )


def test_a_failure_is_told_without_secrets():
    assert failure(["vllm serve: error: bad --hf-token hunter2hunter2"]) == (
        "vllm serve: error: bad --hf-token ***"
    )
    echo = "EngineDeadError: http://me:hunter2@host"
    assert failure([f"RuntimeError: {echo}"]) == "RuntimeError: EngineDeadError: http://***@host"
