import pytest
from support.builders import facts, metrics, reference, seen, server, unseen
from support.story import Story

from sleeptui.core.events import FactsLearned, ReferenceTaken
from sleeptui.core.learned import Learned
from sleeptui.core.model import Reach, ServerFacts
from sleeptui.core.restart import has_other_weights, is_restart, life_of

OLD, NEW = metrics(process_start_s=1.0), metrics(process_start_s=2.0)
SILENT = metrics(process_start_s=None)


@pytest.mark.parametrize(
    ("known", "before", "now", "answered_s", "expected"),
    [
        (OLD, seen(), seen(metrics=NEW), 0.0, True),
        (OLD, seen(), seen(metrics=OLD), 0.0, False),
        (OLD, unseen(), seen(metrics=OLD), 0.0, False),
        (OLD, unseen(), seen(metrics=None), 0.0, False),
        (SILENT, unseen(), seen(metrics=SILENT), 0.0, True),
        (None, unseen(), seen(metrics=None), 0.0, True),
        (None, unseen(), seen(metrics=None), None, False),
        (None, unseen(), unseen(), 0.0, False),
        (None, unseen(reach=Reach.TIMED_OUT), seen(metrics=None), 0.0, False),
        (None, None, seen(), None, False),
    ],
)
def test_another_process(known, before, now, answered_s, expected):
    assert is_restart(known, before, now, answered_s) is expected


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (facts(models=("a",)), facts(models=("b",)), True),
        (facts(models=("a",)), facts(models=("a", "b")), False),
        (facts(models=("a",), root="/x"), facts(models=("b",), root="/x"), False),
        (facts(models=("a",), root="/x"), facts(models=("a",), root="/y"), True),
        (facts(models=("a",)), facts(models=("a",), root="/y"), False),
        (ServerFacts(), facts(models=("a",)), False),
        (facts(models=("a",)), ServerFacts(), False),
    ],
)
def test_other_weights(before, now, expected):
    assert has_other_weights(before, now) is expected


def test_other_weights_are_noticed_also_after_a_time_in_which_nothing_was_told():
    story = Story()

    def known(*models, root=None):
        event = FactsLearned(at_s=1.0, server="a", facts=facts(models=models, root=root))
        story.store.apply(event)
        return story.view().learned

    known("big", root="/models/big")
    story.store.apply(ReferenceTaken(at_s=1.0, server="a", reference=reference(model="big")))
    assert known().reference is not None
    assert known("big", root="/models/big").reference is not None
    known()
    assert known("small", root="/models/small") == Learned()


def test_a_server_that_tells_no_start_time_has_no_life_that_could_be_told():
    assert life_of(server(metrics=OLD)) == 1.0
    assert life_of(server(metrics=SILENT)) is None
    assert life_of(server(metrics=None)) is None
