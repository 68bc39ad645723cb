"""A journal may come from anybody: whatever its texts hold, its files stay what they are.

Every text of the sample journals gets something nasty in front of it; then the files must have the
same rows, no markup, no formula and no control character.
"""

import csv
import io
import json
import re

import pytest
from support import journals
from support.sessions import attempt, request, session

from sleeptui.core.session import StateSpan
from sleeptui.recorder.exports.files import sha256
from sleeptui.recorder.exports.measured import Measured
from sleeptui.recorder.exports.report_md import report_md
from sleeptui.recorder.exports.table import files
from sleeptui.recorder.fold import read

WORDS = {"k", "schema", "state", "check", "reach", "control", "sleep_state", "sleep_metric"}
WORDS |= {"by", "grade", "severity", "kind", "question", "cold", "word", "op", "statistic", "asked"}
WORDS |= {"compile_cache", "mode", "cohort", "fate", "what", "cls", "name@op.end", "unit", "metric"}
WORDS |= {"name@op.begin", "outcome", "cause", "parts", "started_at", "id", "phase@op.phase"}
"""Of the journal's own language, and what sections and rows hang on."""
NASTY = (
    '<script>alert(1)</script>|`|``|"\\![x](http://evil/x.png) [y](js:x) a\n## b\n\n| x |\n',
    "\x1b[31m\x1b]0;t\x07\x9b5m\u202e",
    "=cmd|' /C calc'!A0",
    "＝1",  # noqa: RUF001 - that is the test
    "- ",
    "1. ",
)
CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


def worse(value, nasty, kind, name=""):
    """The value of a line with ``nasty`` in front of each of its texts."""
    if isinstance(value, str):
        return value if {name, f"{name}@{kind}"} & WORDS else nasty + value
    if isinstance(value, list):
        return [worse(one, nasty, kind, name) for one in value]
    if isinstance(value, dict):
        return {key: worse(one, nasty, kind, key) for key, one in value.items()}
    return value


def hostile(folder, lines, nasty):
    """The session of a journal of which all texts are nasty."""
    body = b""
    for raw in journals.dump(lines).splitlines():
        line = json.loads(raw)
        line = worse(line, nasty, line["k"]) if line["k"] != "end" else line
        if line["k"] == "end":
            line["sha256"] = sha256(body)
        if line["k"] == "header":
            line |= {"source": f"{nasty}source", "settings": {f"{nasty}a": f"{nasty}b"}}
        if line["k"] == "req.end":
            line["error"] = f"{nasty}error"
        body += json.dumps(line).encode() + b"\n"
    journal = folder / "journal.jsonl"
    journal.write_bytes(body)
    return read(journal)


def made(every):
    return {
        name: data.decode()
        for name, data in files(every, ("csv", "requests", "trace", "json", "openmetrics")).items()
    } | {"report.md": report_md(Measured(every)).decode()}


def prose(page):
    """Without what stands in a fixed font, where all is literal."""
    unfenced = re.sub(r"(?ms)^```.*?^```$", "", page)
    return re.sub(r"(`+).*?\1", "", unfenced.replace("\\`", ""))


def shape(page):
    """Headings, list items, and rows of tables with their number of cells."""
    found = []
    for line in page.splitlines():
        head = re.match(r"#+ |- |\d+\. |```|>|\|", line)
        found.append((head[0], len(re.findall(r"(?<!\\)\|", line))) if head else None)
    return [one for one in found if one]


@pytest.fixture(scope="module", params=[journals.lines, journals.bench_lines])
def sample(request, tmp_path_factory):
    """Lines of a journal, and the files of it with harmless texts."""
    every = request.param()
    return every, made(hostile(tmp_path_factory.mktemp("harmless"), every, "zz"))


@pytest.mark.parametrize("nasty", NASTY)
def test_texts_of_a_journal_are_texts_in_every_file(tmp_path, sample, nasty):
    every, harmless = sample
    found = made(hostile(tmp_path, every, nasty))
    assert shape(found["report.md"]) == shape(harmless["report.md"])
    page = prose(found["report.md"])
    assert "<script" not in page
    assert not re.search(r"(?<!\\)\]\((?!charts/)", page)
    assert not re.search(r"(?m)^- (-|\d+\.) ", page)
    for name, text in found.items():
        assert not CONTROL.search(text), name
        assert text.count("\n") == harmless[name].count("\n") or name.endswith(".json")
    for name in ("results.csv", "requests.csv"):
        for row in csv.DictReader(io.StringIO(found[name])):
            texts = [cell for cell in row.values() if not re.fullmatch(r"-?[\d.]+", cell)]
            assert not any(cell.startswith(tuple("=+-@＝")) for cell in texts)  # noqa: RUF001
    assert json.loads(found["trace.json"])
    assert json.loads(found["results.json"])


def test_words_that_nobody_knows_are_texts_too():
    nasty = "<script>|\x1b[31m\n## x"
    page = report_md(
        Measured(
            session(
                attempt(nasty, cls="failed", record=None),
                attempt(mode=nasty, at_s=1),
                requests=(request(0.0, 9.0),),
                states=(StateSpan(server="qwen", state=nasty, by="other", began_ns=1, ended_ns=2),),
            )
        )
    ).decode()
    assert page.count("&lt;script&gt;\\|") == 4
    assert "<script" not in page
    assert not CONTROL.search(page)
