"""How the answers of vLLM differ from version to version, as far as the simulation cares.

Captured: 0.25.1 on an H200, 0.31.0 and 0.32.0 on CPU. The others as read in their sources.
"""

from dataclasses import dataclass

from sleeptui.core.version import Version

_FIRST_WITH_PAUSE = (0, 17, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one version does."""

    pauses: bool
    """Sleep pauses the scheduler, ``mode`` is known, is_sleeping is true when only paused."""
    pause_routes: bool
    """/pause, /resume, /is_paused"""
    rpc_route: bool
    """/collective_rpc, and ``config_format`` of /server_info"""
    abort_route: bool
    """/abort_requests"""
    partial_wake_resumes: bool
    """A wake of the weights alone lets requests run."""
    sleeps_half_woken: bool
    """A half woken engine can be put to sleep again; before, the call is ignored."""
    retries_oom: bool
    """A wake that ran out of memory can be tried again; before, the engine is lost."""
    json_bodies: bool
    """Sleep and wake answer JSON and check their query; before, the bodies are empty."""
    json_cache_reset: bool
    """/reset_prefix_cache says ``success``."""
    nested_errors: bool
    """``{"error": {...}}``; before, ``{"object": "error", ...}``."""
    handles_all_errors: bool
    """Unexpected exceptions become a JSON 500; before, plain text."""
    handles_value_errors: bool
    """A value that ``int`` refuses is a plain 400; before, the connection is closed after it."""
    names_aliases: bool
    """The 404 for an unknown model lists the known names."""
    varies: bool
    """Answers carry ``vary: Origin``."""
    sleep_metric: bool
    """vllm:engine_sleep_state exists."""
    metric_follows_partial_wake: bool
    """The sleep metric says awake after a partial wake; later it stays asleep."""
    operation_metrics: bool
    """vllm:sleep_mode_operation_* exist."""
    new_families: bool
    """Cached tokens by source and admission rejections (0.32 page)."""
    preemption_histogram: bool
    """vllm:request_num_preemptions"""
    token_ids: bool
    """Choices carry token id fields."""
    cache_salt: bool
    """Requests can carry a salt for the prefix cache; before, it is ignored."""
    usage_details: bool
    """Usage and bodies carry the fields that 0.25 does not have."""


def dialect_of(version: Version) -> Dialect:
    """The dialect of a version."""
    return Dialect(
        pauses=version >= _FIRST_WITH_PAUSE,
        pause_routes=version >= (0, 12, 0),
        rpc_route=version >= (0, 11, 0),
        abort_route=version >= (0, 26, 0),
        partial_wake_resumes=_FIRST_WITH_PAUSE <= version < (0, 24, 0),
        sleeps_half_woken=version >= (0, 31, 0),
        retries_oom=version >= (0, 28, 0),
        json_bodies=version >= (0, 32, 0),
        json_cache_reset=version >= (0, 26, 0),
        nested_errors=version >= (0, 11, 0),
        handles_all_errors=version >= (0, 18, 0),
        handles_value_errors=version >= (0, 31, 0),
        names_aliases=version >= (0, 32, 0),
        varies=version >= (0, 31, 0),
        sleep_metric=version >= (0, 12, 0),
        metric_follows_partial_wake=version < (0, 31, 0),
        operation_metrics=version >= (0, 32, 0),
        new_families=version >= (0, 32, 0),
        preemption_histogram=version >= (0, 30, 0),
        token_ids=version >= (0, 11, 0),
        cache_salt=version >= (0, 9, 0),
        usage_details=version >= (0, 31, 0),
    )
