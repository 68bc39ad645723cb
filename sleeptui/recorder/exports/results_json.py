"""``results.json``: the figures, in the names that users of ``vllm bench`` know, and ours beside.

The top level is the load of one server, as ``vllm bench serve`` writes a file for each: of the
one with the most requests. Those of the others are in ``sleeptui.other_phases``.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

from sleeptui.core.interval import Interval
from sleeptui.core.measure import Comparison
from sleeptui.core.session import ServerSeen, Session
from sleeptui.core.trials import Trial
from sleeptui.recorder.exports.bench_json import benchmark, verdicts
from sleeptui.recorder.exports.bench_names import phase
from sleeptui.recorder.exports.measured import Measured

SCHEMA, VERSION = "sleeptui.results", 1
_SERIES = re.compile(r'\[\n([^][{}"]*)\]')
"""A list of numbers. No string has a line feed as it is."""


def results_json(measured: Measured) -> bytes:
    """The file."""
    phases = [phase(measured.session, one, measured.intervals) for one in measured.session.servers]
    first = max(phases, key=lambda one: int(one["num_prompts"]), default={})
    others = [one for one in phases if one is not first]
    document = {**first, "sleeptui": {**_block(measured), "other_phases": others}}
    text = json.dumps(document, indent=1, allow_nan=False)
    return (_SERIES.sub(_on_one_line, text) + "\n").encode()


def _on_one_line(series: re.Match[str]) -> str:
    return f"[{' '.join(series[1].split())}]"


def _block(measured: Measured) -> dict[str, Any]:
    session, names = measured.session, _names(measured.intervals)
    return {
        "schema": SCHEMA,
        "v": VERSION,
        "run_id": session.run_id,
        "source": session.source,
        "partial": session.partial,
        "demo": session.demo,
        "began_utc_ns": session.wall_ns,
        "duration_s": session.duration_s,
        "env": _environment(session),
        "intervals": {names[_key(one)]: _interval(one) for one in measured.intervals},
        "ratios": _ratios(measured, names),
        "memory": _memory(measured),
        "reliability": [asdict(one) for one in measured.reliability],
        "canary": measured.canaries,
        "inflight": [asdict(one) for one in measured.in_flight],
        "trials": [_trial(one) for one in measured.trials],
        "attempts": dict(sorted(Counter(measured.classes.values()).items())),
        "verdicts": verdicts(session.verdicts),
        **benchmark(session),
        "anomalies": [
            {"at_s": (one.at_ns - session.began_ns) / 1e9, "code": one.code, "detail": one.text}
            for one in session.moments
            if one.kind == "anomaly"
        ],
        "marks": [
            {"at_s": (one.at_ns - session.began_ns) / 1e9, "text": one.text}
            for one in session.moments
            if one.kind == "mark"
        ],
        "imported": [asdict(one) for one in session.imported],
        "dropped": dict(session.dropped),
        "journal_sha256": session.journal_sha256,
    }


def _trial(one: Trial) -> dict[str, Any]:
    """One sleep with requests in flight; ``requests.csv`` has each of them."""
    counts = Counter((flight.cohort, flight.cls.value) for flight in one.flights)
    return {
        "phase": one.phase.id,
        "server": one.server,
        "mode": one.mode,
        "level": one.level,
        "streams": one.streams,
        "nth": one.phase.nth,
        "class": one.cls,
        "invalid": one.invalid or None,
        "sleep": one.sleep.id if one.sleep else None,
        "wake": one.wake.id if one.wake else None,
        "judged": len(one.counted),
        "expected": one.expected,
        "requests": [
            {"cohort": cohort, "class": cls, "count": count}
            for (cohort, cls), count in sorted(counts.items())
        ],
        "checks": [
            {"what": check.what, "ours": check.ours, "server": check.theirs} for check in one.checks
        ],
    }


def _environment(session: Session) -> dict[str, Any]:
    return {
        "env_id": session.env_id,
        "tool": session.tool,
        "machine": asdict(session.machine),
        "servers": [_server(one) for one in session.servers],
        "settings": dict(session.settings),
        "plan": dict(session.plan),
        "seed": session.seed,
    }


def _server(one: ServerSeen) -> dict[str, Any]:
    home, facts = one.home, one.facts
    return {
        "name": one.name,
        "url": one.url,
        "lives": one.lives,
        "facts": asdict(facts) if facts else None,
        "container": home.container if home else None,
        "image": home.image if home else None,
        "image_digest": home.image_digest if home else None,
        "command": list(home.command) if home else [],
        "environment": dict(home.environment) if home else {},
    }


_Key = tuple[str, str, str, int | None, str]


def _key(one: Interval) -> _Key:
    return one.server, one.model, one.id, one.level, one.arm


def _names(intervals: Iterable[Interval]) -> Mapping[_Key, str]:
    """``code/L1/wake.ttft``; without a level ``code/switch``, ``code/cold_disk/cold.ttft``.

    With the model behind it where a server has served several: none may take another's place.
    """
    names = {_key(one): _path(one) for one in intervals}
    counts = Counter(names.values())
    return {key: name if counts[name] == 1 else f"{name} [{key[1]}]" for key, name in names.items()}


def _path(one: Interval | Comparison) -> str:
    level = "" if one.level is None else f"L{one.level}/"
    return f"{one.server}/{one.arm and f'{one.arm}/'}{level}{one.id}"


def _interval(one: Interval) -> dict[str, Any]:
    return {
        "interval": one.id,
        "server": one.server,
        "model": one.model,
        "level": one.level,
        "arm": one.arm or None,
        "n": one.n,
        "blocks": one.lives,
        "values_s": list(one.values),
        "median_s": one.median,
        "ci95_s": None if one.low is None else [one.low, one.high],
        "ci_confidence": one.confidence,
        "ci_method": one.method,
        "mad_s": one.mad,
        "q1_s": one.q1,
        "q3_s": one.q3,
        "min_s": one.min,
        "max_s": one.max,
        "mean_s": one.mean,
        "std_s": one.std,
        "p90_s": one.p90,
        "p95_s": one.p95,
        "p99_s": one.p99,
        "percentile_note": one.percentile_note,
        "outliers": list(one.outliers),
        "by_block": [list(block) for block in one.blocks],
        "not_counted": dict(one.others),
        "note": one.note,
        "warnings": list(one.warnings),
    }


def _ratios(measured: Measured, names: Mapping[_Key, str]) -> dict[str, Any]:
    found = measured.ratios
    counts = Counter(map(_path, found))
    return {
        _path(one) + (f" [{one.model}]" if counts[_path(one)] > 1 else ""): _ratio(one, names)
        for one in found
    }


def _ratio(one: Comparison, names: Mapping[_Key, str]) -> dict[str, Any]:
    return {
        "server": one.server,
        "model": one.model,
        "above": names[_key(one.above)],
        "below": names[_key(one.below)],
        **asdict(one.ratio),
    }


def _memory(measured: Measured) -> dict[str, Any]:
    return {
        "unit": "bytes",
        "cycles": [asdict(one) for one in measured.memory],
        "trends": [asdict(one) for one in measured.trends],
    }
