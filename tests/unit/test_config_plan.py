import pytest

from sleeptui.config_plan import BUILT_IN, parse_plan, read_plan
from sleeptui.core.bench import Question
from sleeptui.core.cold import ColdKind
from sleeptui.core.errors import ConfigError
from sleeptui.core.plan import ORDER, InFlight, Latency, Memory, Stability


def plan(text, name="mine"):
    return parse_plan(f"version = 1\n{text}", name=name, where="p.toml")


def refused(text):
    with pytest.raises(ConfigError) as caught:
        parse_plan(text, name="mine", where="p.toml")
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_plans_that_come_with_it_are_read(name):
    found = read_plan(name)
    assert (found.name, found.version) == (name, 1)
    assert found.title
    assert found.latency
    assert found.memory
    assert found.in_flight
    assert found.stability
    assert found.text.startswith("#")


def test_a_larger_plan_has_more_of_everything():
    quick, standard, careful = (read_plan(name) for name in BUILT_IN)
    blocks = [one.latency.blocks for one in (quick, standard, careful)]
    assert blocks == [3, 6, 10]
    assert [one.stability.cycles for one in (quick, standard, careful)] == [10, 59, 59]
    assert careful.latency.cold == (ColdKind.CACHED, ColdKind.DISK)


def test_a_table_that_is_there_has_the_defaults_of_its_part():
    found = plan("[latency]\n[memory]\n[in_flight]\n[stability]")
    assert found.latency == Latency()
    assert found.memory == Memory()
    assert found.in_flight == InFlight()
    assert found.stability == Stability()


def test_a_table_that_is_missing_is_left_out():
    found = plan("[stability]\ncycles = 3")
    assert (found.latency, found.memory, found.in_flight) == (None, None, None)
    assert found.stability == Stability(cycles=3)


def test_everything_can_be_said():
    found = plan(
        'title = "A \\u001b[31mplan"\nmodels = ["a", "b"]\nseed = 7\nmax_duration_s = 60\n'
        '[latency]\nblocks = 0\ncold = ["cold_virgin", "cold_disk"]\nlevels = [2]\ndwell_s = [1.5]'
    )
    assert "\x1b" not in found.title
    assert (found.models, found.seed, found.max_duration_s) == (("a", "b"), 7, 60.0)
    assert found.latency.cold == (ColdKind.VIRGIN, ColdKind.DISK)
    assert (found.latency.blocks, found.latency.levels) == (0, (2,))
    assert found.latency.dwell_s == (1.5,)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("version = 2", "p.toml, line 1: plan version 2 cannot be read", "reads version 1"),
        ("[latency]", "p.toml: the top level lacks “version”", "add version"),
        ('version = "1"', "p.toml, line 1: version: expected int", "correct"),
        ("version = 1\n[latncy]", "p.toml, line 2: the top level has no key", "latency"),
        ("version = 1\n[latency]\nblock = 1", "p.toml, line 3: [latency] has no key", "blocks"),
        ("version = 1\n[memory]\ncycles = 0", "p.toml, line 3: memory.cycles", "correct"),
        ("version = 1\n[stability]\ndwell_s = nan", "p.toml, line 3: stability.dwell_s", ""),
        ("version = 1\n[latency]\ndwell_s = [inf]", "p.toml, line 3: latency.dwell_s", ""),
        ("version = 1\n[latency]\ncold = ['warm']", "latency.cold[0]", "cold_cached, cold_disk"),
        ("version = 1\n[memory]\nlevels = [3]", "memory.levels[0]", "use one of 1, 2"),
        ("version = 1\n[in_flight]\nmodes = ['x']", "in_flight.modes[0]", "abort, wait, keep"),
        ("version = 1", "p.toml: the plan measures nothing", "[latency]"),
        ("version = 1\nmodels = ['a', 'a']\n[memory]", "line 2: models: “a”", "once"),
        ("version = 1\n[memory]\nlevels = [1, 1]", "line 3: memory.levels: “1”", "once"),
        ("version = ", "p.toml: not TOML", "correct that line"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(text, message, hint):
    said, helps = refused(text)
    assert message in said
    assert hint in helps


def test_a_file_is_read_by_its_path(tmp_path):
    path = tmp_path / "short.toml"
    path.write_text("version = 1\n[stability]\ncycles = 2\n")
    found = read_plan(str(path))
    assert (found.name, found.stability.cycles) == ("short", 2)


def test_a_plan_that_is_not_there_names_those_that_are(tmp_path):
    with pytest.raises(ConfigError, match="there is no such plan") as caught:
        read_plan("quik")
    assert "quick, standard, careful" in caught.value.hint
    with pytest.raises(ConfigError, match="there is no such plan"):
        read_plan(str(tmp_path))


def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path):
    binary, large = tmp_path / "a.toml", tmp_path / "b.toml"
    binary.write_bytes(b"\xff\xfe")
    large.write_bytes(b"#" * ((1 << 20) + 1))
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_plan(str(binary))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        read_plan(str(large))


def test_an_order_of_the_parts():
    assert plan("[stability]").order == ORDER
    found = plan('order = ["stability", "latency"]\n[latency]\n[stability]')
    assert found.order == (Question.STABILITY, Question.LATENCY)
    message, hint = refused('version = 1\norder = ["speed"]\n[stability]')
    assert message.startswith("p.toml, line 2")
    assert hint == "use one of latency, memory, in_flight, stability"
    message, _ = refused('version = 1\norder = ["memory", "memory"]\n[memory]')
    assert message == "p.toml, line 2: order: “memory” stands there twice"
