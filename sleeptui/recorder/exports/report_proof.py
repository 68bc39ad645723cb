"""The report of a benchmark: who woke in the freed space, and how fast wakes copy."""

from sleeptui.core import memory_proof
from sleeptui.core.link_share import link_shares
from sleeptui.core.memory_proof import Proof
from sleeptui.core.session import Session
from sleeptui.recorder.exports.digits import gib, percent, three, whole
from sleeptui.recorder.exports.markdown import section, table, text

_ABOUT = """\
While one slept another one was woken. It proves something where the other one needs more than was
free before.""".splitlines()
_COPIED = """\
Weights over the time of the call of wakes from level 1; medians. They count as no more than their
files have, where these are known, else as what the pinned copy took of the host's memory, which may
be more than is copied.""".splitlines()
_GB = 1e9
"""Links are told in decimal units."""


def proofs(session: Session) -> list[str]:
    """Another model wakes in the freed space: whether it would have fitted before."""
    those = memory_proof.proofs(session)
    heads = (
        "sleeps", ">level", "wakes in its place", ">needed, GiB", ">free before, GiB", "proven",
        "why not",
    )  # fmt: skip
    rows = map(_proof, those)
    return section("Proof by use", _ABOUT if those else [], table(heads, rows) if those else [])


def _proof(one: Proof) -> list[str]:
    is_proven = one.holds and not one.invalid
    return [
        text(one.server),
        str(one.level),
        text(one.partner) or "nobody",
        gib(one.needed_bytes),
        gib(one.free_bytes),
        "yes" if is_proven else "**no**" if not one.invalid else "no",
        text("; ".join(words for words in (one.invalid, one.note) if words)),
    ]


def links(session: Session) -> list[str]:
    """How much of the link between host and GPU wakes from level 1 have used."""
    those = link_shares(session)
    rows = (
        [
            text(one.server),
            whole(one.n),
            gib(one.weight_bytes),
            three(one.bytes_per_s / _GB),
            three(None if one.peak_bytes_per_s is None else one.peak_bytes_per_s / _GB),
            percent(one.share),
        ]
        for one in those
    )
    heads = (
        "server", ">wakes", ">weights, GiB", ">copied at, GB/s", ">link at most, GB/s",
        ">share of the link, %",
    )  # fmt: skip
    return section(
        "Share of the host link", _COPIED if those else [], table(heads, rows) if those else []
    )
