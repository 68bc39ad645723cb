"""What each vLLM version can do."""

import pytest

from sleeptui.core.version import features_of, parse


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("0.25.1", (0, 25, 1)),
        ("v0.32", (0, 32, 0)),
        ("0.29.1rc1.dev422+gabc", (0, 29, 1)),
        (" 1.0.0 ", (1, 0, 0)),
        ("dev", None),
        ("", None),
        (None, None),
    ],
)
def test_parse(text, version):
    assert parse(text) == version


def test_before_0_17_level_0_and_mode_are_never_sent():
    old = features_of("0.16.0")
    assert not old.sleep_mode
    assert not old.safe_with_requests
    assert features_of("0.17.0").sleep_mode


def test_an_unknown_version_gets_the_careful_answer():
    unknown = features_of("dev")
    assert not unknown.sleep_mode
    assert not unknown.safe_with_requests
    assert not unknown.reports_status


@pytest.mark.parametrize(
    ("feature", "first"),
    [
        ("wake_tags", "0.8.5"),
        ("reload_weights", "0.11.0"),
        ("sleep_state_metric", "0.12.0"),
        ("failed_wake_recovers", "0.28.0"),
        ("reports_status", "0.32.0"),
    ],
)
def test_boundaries(feature, first):
    major, minor, patch = parse(first)
    before = f"{major}.{minor - 1}.9" if patch == 0 else f"{major}.{minor}.{patch - 1}"
    assert getattr(features_of(first), feature)
    assert not getattr(features_of(before), feature)


def test_partial_wake_resumes_only_between_0_17_and_0_24():
    found = {
        text: features_of(text).partial_wake_resumes
        for text in ("0.16.0", "0.17.0", "0.23.9", "0.24.0")
    }
    assert found == {"0.16.0": False, "0.17.0": True, "0.23.9": True, "0.24.0": False}
