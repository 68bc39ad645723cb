import builtins
import sys
from dataclasses import replace

import msgspec
import pytest
from support.builders import spec

from sleeptui.core.settings import (
    Canary,
    RecordingDefaults,
    Sampling,
    Settings,
    Thresholds,
    Timeouts,
)
from sleeptui.recorder.header import boot_id, header_of, plain_url, settings_of, spec_of, target_of
from sleeptui.recorder.line_session import Header

SETTINGS = Settings(
    servers=(
        spec("a", timeouts=Timeouts(wake_s=60.0)),
        spec("b", timeouts=Timeouts(wake_s=60.0, sleep_s=9.0), gpus=(1,), level=2, pinned=True),
    ),
    demo="default",
    sampling=Sampling(interval_s=0.1),
    thresholds=Thresholds(residual_bytes=5, freed_fraction=0.25),
    recording=RecordingDefaults(folder="/home/me", text=True, gpu_interval_s=0.2),
)


def header(settings=SETTINGS):
    line = header_of(settings, run_id="run", now_ns=5, wall_ns=7)
    return msgspec.json.decode(msgspec.json.encode(line), type=Header)


def test_what_it_was_recorded_with():
    found = header()
    assert (found.run_id, found.t, found.wall_ns, found.demo, found.text) == (
        "run",
        5,
        7,
        "default",
        True,
    )
    assert found.tool.startswith("sleeptui ")
    assert found.settings["sampling.interval_s"] == 0.1
    assert found.settings["recording.gpu_interval_s"] == 0.2
    assert found.settings["timeouts.wake_s"] == 60.0
    assert found.settings["servers.b.timeouts.sleep_s"] == 9.0
    assert "servers.a.timeouts.sleep_s" not in found.settings
    assert "/home/me" not in str(found)
    assert [target.name for target in found.targets] == ["a", "b"]


def test_settings_come_back_as_far_as_pictures_depend_on_them():
    found = settings_of(header())
    assert (found.sampling, found.thresholds) == (SETTINGS.sampling, SETTINGS.thresholds)
    assert (found.demo, found.readonly) == ("default", True)
    assert [one.name for one in found.servers] == ["a", "b"]
    assert "timeouts.sleep_s" in header(Settings()).settings


def test_settings_that_make_no_sense_are_the_defaults():
    odd = {
        "sampling.interval_s": "often",
        "sampling.stale_after_s": True,
        "thresholds.settled_bytes": 7.0,
        "sampling.fast_interval_s": 1,
    }
    found = settings_of(Header(t=0, run_id="r", wall_ns=0, tool="t", settings=odd))
    assert found.sampling == Sampling(fast_interval_s=1.0)
    assert found.thresholds == Thresholds(settled_bytes=7)


def test_a_server_comes_back_without_its_secrets():
    told = spec(
        url="https://me:secret@gpu.lan:8001/base?token=abc#x",
        api_key_env="KEY_OF_QWEN",
        gpus=(0, 1),
        container="vllm-a",
        compose="a",
        level=2,
        pinned=True,
        canary=Canary(enabled=False, prompt="say it", max_tokens=4),
    )
    target = target_of(told)
    assert target.url == "https://gpu.lan:8001/base"
    assert "secret" not in str(target)
    assert "say it" not in str(target)
    came = spec_of(target)
    assert came == replace(
        told, url=target.url, api_key_env=None, canary=replace(told.canary, prompt="")
    )


@pytest.mark.parametrize(
    ("url", "plain"),
    [("http://127.0.0.1:8001", "http://127.0.0.1:8001"), ("http://u@h/a?b", "http://h/a")],
)
def test_addresses_without_what_is_nobody_s_business(url, plain):
    assert plain_url(url) == plain


def test_which_start_of_the_machine(monkeypatch):
    def refuse(*_args, **_fields):
        raise OSError

    monkeypatch.setattr(builtins, "open", refuse)
    assert boot_id() == ""
    monkeypatch.setattr(sys, "platform", "darwin")
    assert boot_id() == ""


def test_a_benchmark_is_told_with_its_plan_and_seed():
    found = header(replace(SETTINGS, plan={"name": "quick", "blocks": 3}, seed=7))
    assert (found.plan, found.seed) == ({"name": "quick", "blocks": 3}, 7)
    assert (header().plan, header().seed) == ({}, None)


def test_servers_with_simulated_gpus_are_no_measurement():
    assert header(replace(SETTINGS, demo=None, gpu_bank="/tmp/bank")).demo == (
        "servers with simulated GPUs"
    )
    assert header(replace(SETTINGS, gpu_bank="/tmp/bank")).demo == "default"
    assert header(replace(SETTINGS, demo=None)).demo is None
