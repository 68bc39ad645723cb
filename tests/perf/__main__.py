"""Run all benchmarks: ``python -m tests.perf [name ...]``. Exit code 1 if a bar does not hold.

``python -m tests.perf detection [N] [--lanes N] [--limit SECONDS]`` takes minutes, and runs only
when it is named. A number after ``recording`` is how many seconds it lasts.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # as pytest does: ``support`` is importable

from tests.perf import (
    canary,
    coverage,
    curl,
    detection,
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
LONG = {"detection": detection.measure}
"""Only when named; a number after the name says how often."""
COUNTED = {"recording", "recording-panel", *LONG}
"""They take such a number."""


def main(names: list[str]) -> int:
    """Run the named benchmarks, all without a name; print a line each."""
    good = True
    for name, count, options in _asked(names) or [(name, [], {}) for name in BENCHMARKS]:
        measure = (BENCHMARKS | LONG)[name]
        line, holds = measure(*count, **options) if name in COUNTED else measure()
        print(f"{'ok  ' if holds else 'OVER'} {line}", flush=True)
        good = good and holds
    return 0 if good else 1


def _asked(words: list[str]) -> list[tuple[str, list[int], dict[str, int]]]:
    """Names, each with the number that follows it, and its options."""
    found: list[tuple[str, list[int], dict[str, int]]] = []
    option = ""
    for word in words:
        if word.startswith("--"):
            option = word[2:]
        elif not word.isdigit():
            found.append((word, [], {}))
        elif option:
            found[-1][2][option] = int(word)
            option = ""
        else:
            found[-1][1].append(int(word))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
