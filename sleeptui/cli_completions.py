"""``sleeptui completions SHELL``: the script that makes a shell complete what is typed."""

import click
from click.shell_completion import get_completion_class

from sleeptui.cli_output import put

EXAMPLES = """\b
Examples:
  sleeptui completions bash > ~/.sleeptui.bash     # source it in ~/.bashrc
  sleeptui completions zsh > ~/.sleeptui.zsh       # source it in ~/.zshrc, behind compinit
  sleeptui completions fish > ~/.config/fish/completions/sleeptui.fish
  source <(sleeptui completions bash)              # for this bash alone
"""
SHELLS = ("bash", "zsh", "fish")


@click.command(epilog=EXAMPLES, short_help="Print what lets a shell complete.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completions(context: click.Context, *, shell: str) -> int:
    """Print the script with which SHELL completes commands, options and names.

    Names are those of the servers in the configuration, of recorded sessions, of plans, scenarios
    and formats. Completing asks no server.

    Exit code: 0 printed, 2 no such shell.
    """
    root = context.find_root()
    kind = get_completion_class(shell)
    if kind is None:  # click knows all of SHELLS
        raise click.BadParameter(shell)
    name = root.info_name or "sleeptui"
    variable = f"_{name.upper().replace('-', '_')}_COMPLETE"
    put(kind(root.command, {}, name, variable).source())
    return 0
