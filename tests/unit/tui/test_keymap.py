"""Keys from the command table."""

import pytest

from sleeptui.core.commands import BY_ID, COMMANDS, REPLAY_COMMANDS, Group
from sleeptui.tui import keymap


def test_every_command_has_one_binding_with_its_words():
    made = {binding.id: binding for binding in keymap.bindings()}
    assert list(made) == [command.id for command in COMMANDS]
    for command in COMMANDS:
        binding = made[command.id]
        assert binding.key == command.key
        assert binding.description == command.title
        assert binding.tooltip == command.help
        assert binding.show is command.footer


def test_the_action_tells_the_command_again():
    for binding in keymap.bindings():
        assert keymap.command_of(binding.action) == binding.id


@pytest.mark.parametrize("action", ["quit", "app.focus_next", "select_cursor", "toggle('x')"])
def test_actions_of_widgets_are_no_commands(action):
    assert keymap.command_of(action) is None


@pytest.mark.parametrize(
    ("command_id", "printed"),
    [
        ("server.sleep_options", ("S",)),
        ("app.palette", (":", "ctrl+p")),
        ("app.help", ("?",)),
        ("sampling.faster", ("+",)),
        ("sampling.slower", ("-",)),
        ("view.filter", ("/",)),
        ("select.toggle", ("space",)),
        ("replay.next_mark", ("]",)),
    ],
)
def test_keys_are_printed_as_they_are_pressed(command_id, printed):
    assert keymap.keys_of(BY_ID[command_id]) == printed


def test_the_users_keys_replace_the_defaults():
    command = BY_ID["server.wake"]
    assert keymap.keys_of(command, {"server.wake": "f5,ctrl+w"}) == ("f5", "ctrl+w")
    assert keymap.keys_of(command, {"server.sleep": "z"}) == ("w",)
    assert keymap.keys_of(command, {"server.wake": "+"}) == ("+",)


def test_the_rows_hold_every_command_once_under_its_group():
    rows = keymap.rows(commands=tuple(BY_ID.values()))
    seen = [command for _, commands in rows for _, command in commands]
    assert sorted(command.id for command in seen) == sorted(BY_ID)
    for group, commands in rows:
        assert {command.group for _, command in commands} == {group}


def test_the_readme_table_has_a_line_a_command():
    table = keymap.key_table_markdown()
    lines = table.splitlines()
    assert len(lines) == len(BY_ID) + 2
    assert "| `:` `ctrl+p` | Commands |" in table
    assert all(command.help in table for command in BY_ID.values())


def test_a_replay_has_its_own_keys_and_commands_no_model_in_its_footer():
    made = {binding.id: binding for binding in keymap.bindings(replay=True)}
    assert {command.id for command in REPLAY_COMMANDS} < made.keys()
    assert "view.pause" not in made
    assert made["replay.pause"].key == "p"
    assert not any(made[each.id].show for each in COMMANDS if each.group is Group.MODEL)
    assert made["replay.next_operation"].show


def test_the_panel_shows_no_command_of_a_replay():
    groups = [group for group, _ in keymap.rows()]
    assert Group.REPLAY not in groups
