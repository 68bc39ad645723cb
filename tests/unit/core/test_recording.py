"""The recording in words."""

import pytest

from sleeptui.core.recording import place


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/data/sessions/20261123T093000Z-a-7f3c", "20261123T093000Z-a-7f3c in /data/sessions"),
        ("mine", "mine"),
        ("/mine", "/mine"),
        ("mine/", "mine/"),
    ],
)
def test_the_name_stands_before_the_folder(path, words):
    assert place(path) == words
