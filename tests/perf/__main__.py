"""Run all benchmarks: ``python -m tests.perf [name ...]``. Exit code 1 if a bar does not hold."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does: ``support`` is importable

from tests.perf import (
    canary,
    coverage,
    curl,
    first_frame,
    panel,
    parsing,
    recording,
    report,
    verdicts,
)

BENCHMARKS = {
    "parsing": parsing.measure,
    "first-frame": first_frame.measure,
    "two-gpus": lambda: panel.cost("two-gpus"),
    "sixty-four": lambda: panel.cost("sixty-four"),
    "timing": panel.timing,
    "canary": canary.measure,
    "curl": curl.measure,
    "recording": recording.cost,
    "recording-panel": recording.panel,
    "report": report.measure,
    "coverage": coverage.measure,
    "verdicts": verdicts.measure,
}


def main(names: list[str]) -> int:
    """Run the named benchmarks, all without a name; print a line each."""
    good = True
    for name in names or BENCHMARKS:
        line, holds = BENCHMARKS[name]()
        print(f"{'ok  ' if holds else 'OVER'} {line}", flush=True)
        good = good and holds
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
