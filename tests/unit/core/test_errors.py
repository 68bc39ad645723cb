"""Every error is one sentence and one next step."""

import pytest

from sleeptui.core import errors
from sleeptui.core.errors import EngineError, NoRoom, NotAllowed, Refused, SleeptuiError


def tree(base=SleeptuiError):
    return [base, *(one for child in base.__subclasses__() for one in tree(child))]


def test_the_sentence_and_the_next_step_are_shown_together():
    error = SleeptuiError("qwen is asleep", hint="wake it first")
    assert (error.message, error.hint) == ("qwen is asleep", "wake it first")
    assert str(error) == "qwen is asleep. Wake it first"
    assert str(SleeptuiError("qwen is asleep")) == "qwen is asleep"


def test_an_error_of_a_server_names_it_and_says_whether_anything_was_sent():
    error = EngineError("no answer", server="qwen", sent=True)
    assert (error.server, error.sent) == ("qwen", True)
    assert not EngineError("no answer", server="qwen").sent


def test_a_refusal_was_answered_so_that_nothing_is_in_doubt():
    error = Refused("it answered 404", server="qwen", status=404, detail="no", hint="see its log")
    assert (error.status, error.detail, error.server) == (404, "no", "qwen")
    assert not error.sent
    assert str(error) == "it answered 404. See its log"


def test_what_does_not_fit_is_one_of_the_things_that_are_not_allowed():
    assert isinstance(NoRoom("no room"), NotAllowed)


@pytest.mark.parametrize("kind", tree())
def test_each_has_a_title_and_stands_in_the_tree_of_the_docstring(kind):
    assert kind.title
    assert kind.__name__ in (errors.__doc__ or "")
