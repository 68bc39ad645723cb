"""The snapshot for Prometheus, read by its own parsers."""

from dataclasses import replace

from prometheus_client.openmetrics import parser as openmetrics_parser
from prometheus_client.parser import text_string_to_metric_families

from sleeptui.core.session import Curve, GpuSeen, ServerSeen
from sleeptui.recorder.exports.measured import Measured
from sleeptui.recorder.exports.openmetrics import openmetrics


def test_both_formats_read_it(measured):
    text = openmetrics(measured).decode()
    old = {family.name for family in text_string_to_metric_families(text)}
    new = {family.name for family in openmetrics_parser.text_string_to_metric_families(text)}
    assert old == new
    assert {"sleeptui_wake_seconds", "sleeptui_gpu_memory_used_bytes", "sleeptui_attempts"} <= new


def test_names_are_escaped_and_unknown_is_left_out(empty):
    gap = Curve()
    gap.add(1, None)
    odd = replace(
        empty,
        tool='a"b\\c\nd',
        servers=(ServerSeen(name="a", url="http://a"),),
        gpus=(GpuSeen(index=0, name="H200", used=gap), GpuSeen(index=1, name="H200")),
    )
    text = openmetrics(Measured(odd)).decode()
    (info,) = [f for f in text_string_to_metric_families(text) if f.name.endswith("_info")]
    assert info.samples[0].labels["tool"] == 'a"b\\c d'
    assert "memory_used" not in text
    assert text.endswith("# EOF\n")
