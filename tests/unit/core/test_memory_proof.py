from dataclasses import replace

import pytest
from support.benches import phase
from support.builders import verification
from support.sessions import attempt, session, standing

from sleeptui.core.canary import Check
from sleeptui.core.memory_proof import proofs
from sleeptui.core.session import GpuSeen

GB = 10**9
GPU = GpuSeen(index=0, name="H200", total_bytes=80 * GB)


def sleep(**fields):
    pre = standing(held_bytes=40 * GB, used_bytes={0: 60 * GB})
    return attempt("sleep", phase=1, pre=pre, **fields)


def wake(held=40, check=Check.VERIFIED, **fields):
    before = standing(state="asleep", held_bytes=2 * GB, used_bytes={0: 22 * GB})
    values = {"server": "code", "pre": before, "post": standing(held_bytes=held * GB)}
    record = {"verification": verification(check)}
    return attempt("wake", phase=1, record=record, **{**values, **fields})


def proof(*attempts, gpus=(GPU,), **fields):
    values = {"level": 1, **fields}
    (found,) = proofs(session(*attempts, phases=(phase(1, "proof", **values),), gpus=gpus))
    return found


def test_another_server_wakes_in_the_freed_space():
    found = proof(sleep(), wake(), attempt("wake", phase=1))
    assert (found.server, found.partner, found.level) == ("qwen", "code", 1)
    assert (found.needed_bytes, found.free_bytes) == (38 * GB, 20 * GB)
    assert found.holds
    assert (found.invalid, found.note) == ("", "")


def test_what_would_have_fitted_proves_nothing():
    assert proof(sleep(), wake(held=21)).invalid == "code would have fitted beside qwen awake"


def test_a_wake_that_is_not_verified_proves_nothing():
    found = proof(sleep(), wake(check=Check.CHANGED))
    assert not found.holds
    assert found.note == "the wake in its place was not verified"
    assert proof(sleep(), wake(cls="no_op"), note="it came to nothing").note == "it came to nothing"


def test_a_wake_with_nothing_to_compare_its_answers_with_says_nothing():
    found = proof(sleep(), wake(check=Check.UNVERIFIED))
    assert not found.holds
    assert (found.invalid, found.note) == ("whether code answers as before is not known", "")
    again = proof(sleep(), wake(check=Check.UNVERIFIED), wake())
    assert (again.holds, again.invalid) == (True, "")


def test_it_did_not_come_to_a_wake():
    found = proof(sleep())
    assert (found.partner, found.holds, found.invalid) == ("", False, "")
    assert proof(sleep(), cls="user_abort").invalid == "it was stopped"
    assert not proof(wake()).holds


@pytest.mark.parametrize(
    ("attempts", "gpus"),
    [
        ((sleep(), wake()), ()),
        ((sleep(), wake(pre=standing(used_bytes={}))), (GPU,)),
        ((sleep(), wake(pre=standing(used_bytes={1: GB}))), (GPU, replace(GPU, index=1))),
        ((replace(sleep(), pre=None), wake()), (GPU,)),
        ((sleep(), wake(pre=None)), (GPU,)),
        ((sleep(), wake(post=standing(held_bytes=None))), (GPU,)),
    ],
)
def test_without_readings_the_need_is_not_known(attempts, gpus):
    found = proof(*attempts, gpus=gpus)
    assert None in (found.needed_bytes, found.free_bytes)
    assert (found.holds, found.note) == (True, "whether it needs the freed space was not measured")
