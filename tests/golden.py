"""The golden sessions and what must come out of them: ``python -m tests.golden`` writes it anew.

The journal is a file of its own: exports of what was once recorded must stay as they are, whatever
becomes of the code that records. Those under ``screenshots`` and ``compose/exp1`` were recorded on
a real GPU; above what is made from the latter stands what it does not tell itself.
"""

import lzma
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).parent))  # as pytest does: ``support`` is importable

from support import journals

from sleeptui.recorder.exports.table import EXPORTERS, Files, files
from sleeptui.recorder.fold import read
from sleeptui.recorder.lines import Gpu, Host, Lag, Prom

GOLDEN = Path(__file__).parent / "data" / "golden"
JOURNAL = GOLDEN / "journal.jsonl"
BENCH = Path(__file__).parent / "data" / "benchmark"
BENCH_SAMPLE = journals.BenchSample(
    blocks=3, stability=6, streams=2, garbage_every=19, every_s=10.0
)
"""Every kind of phase, in as few lines as that takes."""
MEASURED = Path(__file__).parents[1] / "screenshots" / "session-h200"
EXPERIMENT = Path(__file__).parents[1] / "compose" / "exp1"
MADE = b"<!-- below: what sleeptui report makes of journal.jsonl.xz -->\n\n"
KEEP = 6
"""Of so many samples in a row one is kept: the file is small, and nothing else is lost."""


def exported() -> Files:
    """All files, by their name in the folder."""
    return files(read(JOURNAL), tuple(EXPORTERS))


def benchmarked() -> Files:
    """The same of the benchmark."""
    return files(read(BENCH / JOURNAL.name), tuple(EXPORTERS))


def measured() -> Files:
    """The report of the session that was recorded on a GPU, with its charts."""
    return files(read(MEASURED / "journal.jsonl"), ("markdown",))


def experimented() -> Files:
    """The page of the experiment, below the words that stand on it, its results and charts."""
    with TemporaryDirectory() as folder:
        journal = Path(folder) / "journal.jsonl"
        journal.write_bytes(lzma.decompress((EXPERIMENT / "journal.jsonl.xz").read_bytes()))
        made = dict(files(read(journal), ("markdown", "json")))
    words, mark, _ = (EXPERIMENT / "report.md").read_bytes().partition(MADE)
    return {**made, "report.md": words + mark + made["report.md"]}


def record() -> None:
    """Write the journal."""
    kept = []
    seen: dict[type, int] = {}
    for line in journals.lines():
        if isinstance(line, Gpu | Prom | Host | Lag) and not _tells_a_change(line):
            seen[type(line)] = seen.get(type(line), 0) + 1
            if seen[type(line)] % KEEP != 1:
                continue
        kept.append(line)
    JOURNAL.write_bytes(journals.dump(journals.numbered(kept)))


def _tells_a_change(line: Gpu | Prom | Host | Lag) -> bool:
    """What a line does not say is as in the line before: such lines cannot be left out."""
    if isinstance(line, Gpu):
        return any(point.p is not None for point in line.gpus)
    return isinstance(line, Prom) and bool(line.m or line.gone)


def main() -> None:
    """Write what comes out; the journal only where there is none."""
    if not JOURNAL.exists():
        record()
    if not BENCH.exists():
        BENCH.mkdir()
        lines = journals.bench_lines(BENCH_SAMPLE)
        (BENCH / JOURNAL.name).write_bytes(journals.dump(lines))
    every = (
        (GOLDEN, exported()),
        (BENCH, benchmarked()),
        (MEASURED, measured()),
        (EXPERIMENT, experimented()),
    )
    for folder, made in every:
        for name, data in made.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            print(f"{len(data):8} {folder.name}/{name}")


if __name__ == "__main__":
    main()
