from dataclasses import fields, replace

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from support.builders import metrics, seen, unseen

from sleeptui.core.model import Control, EngineMetrics, Observation, Reach, SleepMetric
from sleeptui.recorder.line_samples import Prom
from sleeptui.recorder.prom_lines import LookLines, Looks

_encode, _decode = msgspec.json.encode, msgspec.json.Decoder(Prom).decode


def writing():
    found = []
    return LookLines("qwen", lambda line: found.append(_decode(_encode(line)))), found


def test_the_first_look_tells_all_and_the_next_only_what_changed():
    looks, found = writing()
    looks.take(seen(10.0, metrics=metrics(running=1)), is_still=False)
    looks.take(seen(10.5, metrics=metrics(running=2)), is_still=False)
    first, second = found
    assert (first.t, first.took_ns, first.looks) == (10_000_000_000, 4_000_000, 1)
    assert (first.reach, first.control, first.sleeping) == ("answered", "available", False)
    assert first.m == {
        "running": 1,
        "waiting": 0,
        "kv_usage": 0.0,
        "sleep_metric": "awake",
        "process_start_s": 1000.0,
    }
    assert first.gone == ("problem", "load")
    assert (second.reach, second.sleeping, second.m, second.gone) == (
        None,
        None,
        {"running": 2},
        (),
    )


def test_looks_that_find_nothing_new_are_counted_for_a_second():
    looks, found = writing()
    for step in range(21):
        looks.take(seen(10.0 + step / 10), is_still=True)
    assert [(line.t / 1e9, line.looks) for line in found] == [(10.0, 1), (11.0, 10), (12.0, 10)]
    assert found[1].m == {}
    assert sum(line.looks for line in found) == 21


def test_what_was_counted_comes_before_what_is_new():
    looks, found = writing()
    page = metrics()
    for at_s in (10.0, 10.1, 10.2):
        looks.take(seen(at_s, metrics=page), is_still=True)
    looks.take(seen(10.3, sleeping=True), is_still=True)
    assert [(line.t / 1e9, line.looks) for line in found] == [(10.0, 1), (10.2, 2), (10.3, 1)]
    assert found[2].sleeping is True
    looks.flush()
    assert len(found) == 3


def test_each_look_is_a_line_while_something_happens():
    looks, found = writing()
    for step in range(3):
        looks.take(seen(10.0 + step / 10), is_still=False)
    assert [line.looks for line in found] == [1, 1, 1]


def test_what_is_no_longer_known_is_gone():
    looks, found = writing()
    page = metrics(requests_total={"stop": 3.0, "abort": 1.0})
    looks.take(seen(10.0, metrics=page, load=4), is_still=False)
    page = replace(page, kv_usage=None, requests_total={"stop": 3.0})
    looks.take(seen(10.1, metrics=page), is_still=False)
    assert sorted(found[1].gone) == ["kv_usage", "load", "requests_total.abort"]
    looks.take(unseen(10.2, problem="nothing listens"), is_still=False)
    assert found[2].reach == "refused"
    assert found[2].problem == "nothing listens"
    assert {"running", "requests_total.stop", "sleeping"} <= set(found[2].gone)
    read = Looks()
    pages = [read.take(line).metrics for line in found]
    assert pages[1].kv_usage is None
    assert pages[2] is None


def test_all_is_told_again_after_a_refresh_also_what_is_gone_since():
    looks, found = writing()
    looks.take(seen(10.0), is_still=True)
    looks.refresh()
    looks.take(seen(10.1, metrics=metrics(running=None)), is_still=True)
    assert found[1].reach == "answered"
    assert found[1].m["waiting"] == 0
    assert found[1].gone == ("problem", "load", "running")


def test_a_page_that_is_the_same_is_read_as_the_same():
    looks, found = writing()
    for at_s in (10.0, 10.1):
        looks.take(seen(at_s), is_still=False)
    read = Looks()
    first, second = map(read.take, found)
    assert second.metrics is first.metrics


def test_names_and_words_of_a_newer_version_are_passed_over():
    read = Looks().take(
        Prom(
            s="qwen",
            t=1,
            took_ns=0,
            reach="by post",
            control="by hand",
            m={"running": 1, "spin": 3, "sleep_metric": "afloat", "waiting": "many"},
        )
    )
    assert (read.reach, read.control) == (Reach.ANSWERED, Control.UNKNOWN)
    assert read.metrics == EngineMetrics(running=1)


_counts = st.none() | st.integers(0, 3)
_floats = st.none() | st.sampled_from([0.0, 0.5, 1e9])
_pages = st.none() | st.builds(
    EngineMetrics,
    running=st.integers(0, 2),
    requests_total=st.dictionaries(st.sampled_from(["stop", "abort", "length"]), st.just(2.0)),
    sleep_metric=st.none() | st.sampled_from(SleepMetric),
    **{
        field.name: _counts if "int" in str(field.type) else _floats
        for field in fields(EngineMetrics)
        if field.name not in ("running", "requests_total", "sleep_metric")
    },
)
_flags = st.none() | st.booleans()
_looks = st.builds(
    Observation,
    at_s=st.just(0.0),
    took_s=st.sampled_from([0.0, 0.25]),
    reach=st.sampled_from(Reach),
    problem=st.none() | st.sampled_from(["why", "so"]),
    control=st.sampled_from(Control),
    is_sleeping=_flags,
    is_paused=_flags,
    is_sleeping_slow=st.booleans(),
    is_broken_off=st.booleans(),
    metrics=_pages,
    load=_counts,
)


@given(st.lists(st.tuples(_looks, st.booleans(), st.booleans()), max_size=12))
def test_looks_come_back_as_they_were(story):
    looks, found = writing()
    told = []
    for number, (look, is_still, is_refreshed) in enumerate(story):
        told.append(replace(look, at_s=number / 4))
        if is_refreshed:
            looks.refresh()
        looks.take(told[-1], is_still=is_still)
    looks.flush()
    read = Looks()
    came = {look.at_s: look for look in map(read.take, found)}
    assert all(came[at_s] == told[round(at_s * 4)] for at_s in came)
    assert sum(line.looks for line in found) == len(told)
    assert not told or told[-1].at_s in came
