"""What the commands that act say as JSON: what came of each order, all operations, the servers."""

from collections.abc import Sequence

from sleeptui.core.completion import Completion
from sleeptui.core.model import ServerView
from sleeptui.services import as_json, shell_words
from sleeptui.services.errand import WELL, Answer, Errand
from sleeptui.services.json_shapes import ActedJson, PromptedJson, ResultJson


def acted(
    names: Sequence[str],
    errand: Errand,
    views: Sequence[ServerView],
    *,
    problem: str = "",
    hint: str = "",
) -> ActedJson:
    """What came of the same order for some servers.

    Args:
        names: The servers, in the order of the asking.
        errand: What came of it.
        views: The servers, as they stand.
        problem: Why it did not come to its end; empty: it did.
        hint: What to do then.
    """
    answers = [errand.answers[name] for name in names if name in errand.answers]
    bad = [one for one in answers if one.end not in WELL]
    if bad and not problem:
        problem = "; ".join(f"{one.server}: {one.message}" for one in bad)
        hint = shell_words.hint_of(bad[0])
    records = [shell_words.record_for_shell(one) for one in errand.records]
    servers = [shell_words.view_for_shell(view) for view in views]
    return ActedJson(
        **as_json.brought(servers, records, problem=problem, hint=hint),
        results=[_result(one) for one in answers],
    )


def prompted(document: ActedJson, answer: str, completion: Completion | None) -> PromptedJson:
    """What came of a prompt.

    Args:
        document: As of any order.
        answer: As much as came.
        completion: How it ended; None: it did not come to an end.
    """
    return PromptedJson(
        **document,
        answer=answer,
        finish_reason=completion.finish_reason if completion else None,
        prompt_tokens=completion.prompt_tokens if completion else None,
        completion_tokens=completion.completion_tokens if completion else None,
    )


def _result(one: Answer) -> ResultJson:
    return ResultJson(
        server=one.server,
        result=one.end.value,
        message=one.message,
        hint=shell_words.hint_of(one),
        operation=one.record.id if one.record else None,
    )
