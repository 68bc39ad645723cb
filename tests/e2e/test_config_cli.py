"""``sleeptui config`` as a process: path, show, init, check."""

import os
import stat
import subprocess
import sys
import tomllib

import pytest
from support.sim_process import simulated

from sleeptui.config import parse


def run(*arguments, cwd, **more):
    """The finished process of ``sleeptui config ARGUMENTS``."""
    return subprocess.run(
        [sys.executable, "-m", "sleeptui", "config", *arguments],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(cwd), **more},
        timeout=60,
    )


def test_alone_it_is_a_mistake_that_says_where_to_read(tmp_path):
    done = run(cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "sleeptui: Missing command. See sleeptui config --help\n"


class TestPath:
    def test_none(self, tmp_path):
        done = run("path", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "")
        assert f"{tmp_path}/sleeptui.toml (the working directory): not there" in done.stderr
        assert f"{tmp_path}/.config/sleeptui/config.toml" in done.stderr
        assert "sleeptui config init writes one" in done.stderr

    def test_the_first_that_is_there(self, tmp_path):
        user = tmp_path / "x" / "sleeptui"
        user.mkdir(parents=True)
        (user / "config.toml").write_text("")
        home = {"XDG_CONFIG_HOME": str(tmp_path / "x")}
        assert run("path", cwd=tmp_path, **home).stdout == f"{user}/config.toml\n"
        (tmp_path / "sleeptui.toml").write_text("")
        done = run("path", cwd=tmp_path, **home)
        assert done.stdout == f"{tmp_path}/sleeptui.toml\n"
        assert done.stderr.count("used") == 2
        assert "not used, the one before it is" in done.stderr

    def test_one_that_is_named(self, tmp_path):
        (tmp_path / "f.toml").write_text("")
        done = run("path", cwd=tmp_path, SLEEPTUI_FLEET="f.toml")
        assert (done.stdout, done.stderr) == (
            "f.toml\n",
            "sleeptui: f.toml (SLEEPTUI_FLEET): used\n",
        )
        assert run("path", "--fleet", "no.toml", cwd=tmp_path).returncode == 2


class TestShow:
    def test_it_is_toml(self, tmp_path):
        (tmp_path / "sleeptui.toml").write_text('theme = "nord"\n')
        done = run("show", "--server", "a=http://h:1", cwd=tmp_path, SLEEPTUI_INTERVAL="2")
        assert (done.returncode, done.stderr) == (0, "")
        tree = tomllib.loads(done.stdout)
        assert (tree["theme"], tree["sampling"]["interval_s"]) == ("nord", 2)
        assert tree["server"][0]["name"] == "a"
        assert "# SLEEPTUI_INTERVAL" in done.stdout
        assert "# file, line 1" in done.stdout

    def test_what_is_wrong_is_said_instead(self, tmp_path):
        done = run("show", cwd=tmp_path, SLEEPTUI_INTERVAL="soon")
        assert (done.returncode, done.stdout) == (2, "")
        assert "SLEEPTUI_INTERVAL" in done.stderr


class TestInit:
    def test_a_file_for_its_owner_that_is_well(self, tmp_path):
        done = run("init", cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "sleeptui.toml\n", "")
        written = tmp_path / "sleeptui.toml"
        assert stat.S_IMODE(written.stat().st_mode) == 0o600
        assert [one.name for one in tmp_path.iterdir()] == ["sleeptui.toml"]
        done = run("check", cwd=tmp_path)
        assert done.stdout == f"ok: {written}, no server: what is found is watched\n"

    def test_it_replaces_nothing_unless_told_to(self, tmp_path):
        written = tmp_path / "sleeptui.toml"
        written.write_text("# mine\n")
        done = run("init", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "sleeptui: sleeptui.toml is there already. --force replaces it\n"
        assert written.read_text() == "# mine\n"
        assert run("init", "--force", cwd=tmp_path).returncode == 0
        assert "[timeouts]" in written.read_text()
        assert stat.S_IMODE(written.stat().st_mode) == 0o600

    def test_with_the_servers_that_are_found(self, tmp_path):
        done = run("init", "sub/new.toml", "--from-found", "--demo", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        read = parse((tmp_path / "sub" / "new.toml").read_text(), "new.toml")
        assert [server.name for server in read.servers] == ["summarize", "code", "chat"]
        done = run("check", "sub/new.toml", cwd=tmp_path)
        assert done.stdout == "ok: sub/new.toml, 3 servers: summarize, code, chat\n"

    def test_with_servers_that_are_named(self, tmp_path):
        with simulated() as fleet:
            done = run("init", "--from-found", *fleet.options[:2], cwd=tmp_path)
        assert done.returncode == 0
        (server,) = parse((tmp_path / "sleeptui.toml").read_text(), "new.toml").servers
        assert server.url == fleet.url("summarize")

    def test_where_it_cannot_be_written(self, tmp_path):
        (tmp_path / "file").write_text("")
        done = run("init", "file/new.toml", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (1, "")
        assert "file/new.toml cannot be written" in done.stderr


class TestCheck:
    def test_nothing_is_well(self, tmp_path):
        done = run("check", cwd=tmp_path)
        assert done.stdout == "ok: no file, the defaults, no server: what is found is watched\n"

    def test_a_wrong_key_has_its_line_and_a_suggestion(self, tmp_path):
        (tmp_path / "f.toml").write_text("[sampling]\nintervall_s = 1\n")
        for arguments in (("check", "f.toml"), ("check", "--fleet", "f.toml")):
            done = run(*arguments, cwd=tmp_path)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr == (
                "sleeptui: f.toml, line 2: [sampling] has no key “intervall_s”."
                " Did you mean “interval_s”?\n"
            )

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("theme = 'none'\n", "there is no theme “none”"),
            ("theme = [\n", "not TOML"),
            ('[keymap]\n"server.wak" = "w"\n', "Did you mean “server.wake”?"),
            ("version = 1\nmodel = 1\n", "Did you mean “models”?"),
            ("version = 1\n[[expect]]\nid = 'a'\n", "lacks"),
        ],
    )
    def test_one_sentence(self, tmp_path, text, words):
        (tmp_path / "f.toml").write_text(text)
        done = run("check", "f.toml", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr
        assert done.stderr.count("\n") == 1

    def test_no_such_file(self, tmp_path):
        done = run("check", "no.toml", cwd=tmp_path)
        assert done.returncode == 2
        assert "no.toml: there is no such file" in done.stderr

    def test_a_plan_and_expectations(self, tmp_path):
        (tmp_path / "plan.toml").write_text('version = 1\ntitle = "Mine"\n[stability]\n')
        assert run("check", "plan.toml", cwd=tmp_path).stdout == "ok: plan.toml, a plan: Mine\n"
        from importlib.resources import files

        (tmp_path / "e.toml").write_text(
            (files("sleeptui") / "plans" / "expectations-1.toml").read_text()
        )
        done = run("check", "e.toml", cwd=tmp_path)
        assert done.returncode == 0
        assert done.stdout.startswith("ok: e.toml, ")
        assert done.stdout.endswith(" expectations\n")

    def test_a_key_that_is_not_set_here_is_told_and_no_mistake(self, tmp_path):
        (tmp_path / "f.toml").write_text(
            '[[server]]\nname = "a"\nurl = "http://h:1"\napi_key_env = "A_KEY"\n'
        )
        done = run("check", "f.toml", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (0, "ok: f.toml, 1 server: a\n")
        assert done.stderr == "sleeptui: a: the variable A_KEY is not set here\n"
        assert run("check", "f.toml", cwd=tmp_path, A_KEY="x").stderr == ""
