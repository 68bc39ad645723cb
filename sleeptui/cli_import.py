"""``sleeptui import FILE``: results of other tools as sessions."""

import click

from sleeptui.cli_complete import files
from sleeptui.cli_options import settings_of
from sleeptui.cli_output import put, say
from sleeptui.config import Flags
from sleeptui.config_toml import path_of
from sleeptui.recorder.folder import default_folder
from sleeptui.recorder.imports.documents import read_bytes
from sleeptui.recorder.imports.keep import keep
from sleeptui.recorder.imports.table import KINDS, understood

EXAMPLES = """\b
Examples:
  vllm bench serve --save-result --save-detailed --result-filename a.json ...
  sleeptui import a.json               its figures as a session
  sleeptui import a.json b.json && sleeptui sessions

\b
Tools whose results are known:
""" + "\n".join(f"  {kind.source}" for kind in KINDS)


@click.command("import", epilog=EXAMPLES, short_help="Make sessions of other tools' results.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...", shell_complete=files)
@click.option("--to", metavar="DIR", help="Folder of sessions; else the usual one.")
@click.pass_obj
def import_(before: Flags | None, *, files: tuple[str, ...], to: str | None) -> int:
    """Make a session of each FILE that another tool has written, and print its folder.

    Its figures keep their meaning and are never mixed with those of sleeptui; milliseconds become
    seconds. The file itself is kept beside them, as it is: it may hold prompts and answers.

    Exit code: 0 all are sessions now, 1 one cannot be read, and none is made, 2 usage.
    """
    settings = settings_of(before or Flags())
    sessions = path_of(str(to or settings.recording.folder or default_folder()), "--to")
    read = []
    for name in files:  # all are understood before the first is written
        path = path_of(name, "FILE")
        say(f"reading {name}")
        content = read_bytes(path)
        read.append((understood(content, path), content, path))
    for found, content, path in read:
        put(str(keep(found, content, path, sessions)))
    return 0
