"""The client against what may stand on a port instead of a well vLLM.

Each gets one clear sentence; nothing hangs, nothing large is kept, nothing but EngineError
comes out.
"""

import asyncio
import socket

import pytest
from support.replay import recorded_body
from support.scripted import NOT_FOUND, Scripted, for_ever, http

from sleeptui.core.errors import BadReply, ConfigError, EngineError, Refused, TimedOut, Unreachable
from sleeptui.core.model import Control, Observation, Reach, SleepLevel, SleepMetric
from sleeptui.core.settings import Timeouts

IMPATIENT = Timeouts(connect_s=0.2, probe_s=0.2, sleep_s=0.2, wake_s=0.2, prompt_s=0.2)
METRICS = recorded_body("vllm-0.32.0", "metrics-awake")
WELL = {
    "/is_sleeping": http('{"is_sleeping":false}'),
    "/metrics": http(METRICS, kind="text/plain"),
    "/version": http('{"version":"0.32.0"}'),
    "/v1/models": http('{"object":"list","data":[{"id":"qwen"}]}'),
    "/health": http(),
}
HTML = http("<!DOCTYPE html><html><body>It works</body></html>", kind="text/html")
NGINX = http("<html>\n<head><title>404 Not Found</title></head></html>", status=404)


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


async def looked(connect, server: Scripted, *, full: bool = True, **fields) -> Observation:
    return await connect(server.url, **fields).observe(full=full)


async def hang(asked, writer) -> None:
    await for_ever()


async def drip(asked, writer) -> None:
    """One byte of a valid answer after the other, without end."""
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def nothing(asked, writer) -> None:
    return


class TestHealth:
    """Of a server that starts: anything but 200 is no health."""

    async def test_nothing_listens(self, connect):
        with pytest.raises(Unreachable) as caught:
            await connect(f"http://127.0.0.1:{closed_port()}").health()
        assert not caught.value.sent

    async def test_the_connection_is_taken_and_broken(self, connect):
        """What Docker's forwarder does before the server in the container listens."""
        async with Scripted(nothing).running() as server:
            with pytest.raises(Unreachable):
                await connect(server.url).health()

    async def test_its_engine_is_dead(self, connect):
        async with Scripted({"/health": http(status=503)}).running() as server:
            with pytest.raises(Refused):
                await connect(server.url).health()

    async def test_no_answer(self, connect):
        async with Scripted(hang).running() as server:
            with pytest.raises(TimedOut):
                await connect(server.url, timeouts=IMPATIENT).health()


class TestNobodyThere:
    async def test_nothing_listens(self, connect):
        port = closed_port()
        seen = await connect(f"http://127.0.0.1:{port}").observe(full=True)
        assert seen.reach is Reach.REFUSED
        assert seen.problem == f"nothing listens on 127.0.0.1:{port}"
        assert (seen.is_sleeping, seen.metrics, seen.control) == (None, None, Control.UNKNOWN)

    async def test_nothing_listens_a_request_was_not_sent(self, connect):
        port = closed_port()
        client = connect(f"http://127.0.0.1:{port}")
        for call in (client.wake(), client.facts(), client.reset_prefix_cache()):
            with pytest.raises(Unreachable) as caught:
                await call
            assert caught.value.message == f"qwen: nothing listens on 127.0.0.1:{port}"
            assert caught.value.hint == "is the server running?"
            assert not caught.value.sent

    async def test_a_host_that_is_not_known(self, connect):
        seen = await connect("http://no-such-host.invalid:8000").observe(full=True)
        assert seen.reach is Reach.REFUSED
        assert seen.problem == "the host of no-such-host.invalid:8000 is not known"

    async def test_plain_http_where_tls_is_asked(self, connect):
        async with Scripted({}, greeting=http(status=400)).running() as server:
            seen = await connect(f"https://127.0.0.1:{server.port}").observe(full=True)
        assert (seen.reach, seen.problem) == (
            Reach.REFUSED,
            f"no TLS connection to 127.0.0.1:{server.port}",
        )

    async def test_a_connection_that_is_closed_without_a_word(self, connect):
        async with Scripted(nothing).running() as server:
            seen = await looked(connect, server)
        assert seen.reach is Reach.REFUSED
        assert seen.problem == f"127.0.0.1:{server.port} broke the connection"


class TestSlow:
    @pytest.mark.parametrize("answering", [hang, drip])
    async def test_a_server_that_hangs_or_drips(self, connect, answering):
        async with Scripted(answering).running() as server:
            client = connect(server.url, timeouts=IMPATIENT)
            for full in (True, False):
                seen = await client.observe(full=full)
                assert seen.reach is Reach.TIMED_OUT
                assert seen.problem == f"no answer in time from 127.0.0.1:{server.port}"

    async def test_looks_that_time_out_leave_no_connections_behind(self, connect):
        hanging = True

        async def answering(asked, writer):
            if hanging:
                await for_ever()
            writer.write(WELL.get(asked.path, NOT_FOUND))
            return True

        timeouts = Timeouts(connect_s=0.05, probe_s=0.05)
        async with Scripted(answering).running() as server:
            client = connect(server.url, timeouts=timeouts)
            for _ in range(12):  # more than the connections that it may have
                assert (await client.observe(full=True)).reach is Reach.TIMED_OUT
            hanging = False
            while (await client.observe(full=True)).reach is Reach.TIMED_OUT:
                pass  # a busy machine may need more than 50 ms
            assert (await client.observe(full=False)).reach in {Reach.ANSWERED, Reach.TIMED_OUT}

    async def test_a_transition_in_the_engine_hides_the_state_and_not_the_metrics(self, connect):
        async def answering(asked, writer):
            if asked.path == "/is_sleeping":
                await for_ever()
            writer.write(WELL.get(asked.path, NOT_FOUND))
            return True

        timeouts = Timeouts(probe_s=1.0)
        async with Scripted(answering).running() as server:
            seen = await looked(connect, server, timeouts=timeouts)
        assert seen.reach is Reach.ANSWERED
        assert seen.is_sleeping_slow
        assert (seen.is_sleeping, seen.problem) == (None, None)
        assert seen.metrics is not None
        assert seen.metrics.sleep_metric is SleepMetric.AWAKE

    async def test_a_control_request_without_an_answer_is_sent_once_and_unknown(self, connect):
        async def answering(asked, writer):
            if asked.method == "POST":
                await for_ever()
            writer.write(WELL[asked.path])
            return True

        async with Scripted(answering).running() as server:
            client = connect(server.url, timeouts=Timeouts(sleep_s=1.0, wake_s=1.0))
            for call in (client.sleep(SleepLevel.OFFLOAD, None), client.wake()):
                with pytest.raises(TimedOut) as caught:
                    await call
                assert caught.value.sent
                assert caught.value.hint == "slow is not down: its state will tell"
            assert server.paths("POST") == ["/sleep", "/wake_up"]


class TestSomethingElse:
    @pytest.mark.parametrize(
        ("answer", "problem"),
        [
            (HTML, "answers /is_sleeping with an HTML page"),
            (http('{"is_slee'), "answers /is_sleeping with half a JSON"),
            (http('{"sleeping": 1}'), "answers /is_sleeping with a JSON that is not vLLM's"),
            (http('["a"]'), "answers /is_sleeping with a JSON that is not vLLM's"),
            (http(b"\x00\xff"), "answers /is_sleeping with something that is no JSON"),
            (http(b""), "answers /is_sleeping with nothing"),
            (http(b"x" * (2 << 20)), "answers more than 1 MiB to /is_sleeping"),
            (NGINX, "what answers on ADDRESS is not vLLM, /is_sleeping answered 404"),
            (NOT_FOUND, "what answers on ADDRESS is not vLLM, /is_sleeping answered 404"),
            (
                http("<html>502", status=502),
                "what answers on ADDRESS is not vLLM, /is_sleeping answered 502",
            ),
            (
                http("<html>503", status=503),
                "what answers on ADDRESS is not vLLM, /is_sleeping answered 503",
            ),
            (
                http(status=301, head="location: http://127.0.0.1:1/\r\n"),
                "what answers on ADDRESS is not vLLM, /is_sleeping answered 301",
            ),
            (
                http('{"error":{"message":"boom"}}', status=500),
                "ADDRESS answers with errors only, /is_sleeping answered 500",
            ),
        ],
        ids=range(13),
    )
    async def test_another_service(self, connect, answer, problem):
        async def answering(asked, writer):
            writer.write(answer)

        async with Scripted(answering).running() as server:
            seen = await looked(connect, server)
            assert seen.reach is Reach.NOT_VLLM
            assert seen.problem == problem.replace("ADDRESS", f"127.0.0.1:{server.port}")
            with pytest.raises(EngineError):
                await connect(server.url).facts()

    @pytest.mark.parametrize(
        "greeting", [b"SSH-2.0-OpenSSH_9.6\r\n\r\n", b"\x00" * 200_000], ids=["ssh", "zeros"]
    )
    async def test_a_service_that_does_not_speak_http(self, connect, greeting):
        async with Scripted({}, greeting=greeting).running() as server:
            client = connect(server.url)
            seen = await client.observe(full=True)
            assert seen.reach is Reach.NOT_VLLM
            assert seen.problem == f"what answers on 127.0.0.1:{server.port} does not speak HTTP"
            with pytest.raises(BadReply, match="does not speak HTTP"):
                await client.wake()

    async def test_control_routes_of_another_service_did_nothing(self, connect):
        answers = {**WELL, "/sleep": HTML, "/wake_up": http("OK", kind="text/plain")}
        async with Scripted(answers).running() as server:
            client = connect(server.url)
            with pytest.raises(BadReply, match="answers /sleep with an HTML page"):
                await client.sleep(SleepLevel.OFFLOAD, None)
            with pytest.raises(BadReply, match="answers /wake_up with something that is no JSON"):
                await client.wake()

    async def test_words_of_a_server_are_cleaned(self, connect):
        wild = "\\u001b[2J\\u001b]0;owned\\u0007qw\\u202een"
        answers = {
            **WELL,
            "/v1/models": http(f'{{"data":[{{"id":"{wild}","root":"{wild}"}}]}}'),
            "/version": http(f'{{"version":"0.32.0{wild}"}}'),
            "/wake_up": http(f'{{"error":{{"message":"no {wild}"}}}}', status=500),
        }
        async with Scripted(answers).running() as server:
            client = connect(server.url)
            facts = await client.facts()
            with pytest.raises(Refused) as caught:
                await client.wake()
        assert (facts.models, facts.root, facts.version) == (("qwen",), "qwen", "0.32.0qwen")
        assert caught.value.detail == "no qwen"
        assert caught.value.message == "qwen: /wake_up answered 500, no qwen"


class TestMetrics:
    @pytest.mark.parametrize("sized", [True, False])
    async def test_100_mb_of_metrics_are_not_read(self, connect, sized):
        size = 100_000_000
        block = b"# HELP vllm:x y\n" * 4096
        sent = 0

        async def answering(asked, writer):
            nonlocal sent
            if asked.path != "/metrics":
                writer.write(WELL.get(asked.path, NOT_FOUND))
                return True
            length = f"content-length: {size}\r\n" if sized else "connection: close\r\n"
            writer.write(f"HTTP/1.1 200 OK\r\n{length}\r\n".encode())
            while sent < size:
                writer.write(block)
                await writer.drain()
                sent += len(block)
            return False

        async with Scripted(answering).running() as server:
            seen = await looked(connect, server)
        assert seen.reach is Reach.ANSWERED
        assert seen.is_sleeping is False
        assert seen.metrics is None
        assert seen.problem == "answers more than 8 MiB of metrics"
        assert sent < size / 2

    @pytest.mark.parametrize(
        ("answer", "problem"),
        [
            (HTML, "/metrics has no metrics of vLLM"),
            (NOT_FOUND, "/metrics answered 404, Not Found"),
            (http(b"up 1\n"), "/metrics has no metrics of vLLM"),
        ],
        ids=["html", "missing", "another"],
    )
    async def test_metrics_that_cannot_be_read_do_not_hide_the_state(
        self, connect, answer, problem
    ):
        async with Scripted({**WELL, "/metrics": answer}).running() as server:
            seen = await looked(connect, server)
        assert (seen.reach, seen.is_sleeping, seen.metrics) == (Reach.ANSWERED, False, None)
        assert seen.problem == problem

    async def test_a_page_cut_in_the_middle_of_the_connection(self, connect):
        async def answering(asked, writer):
            if asked.path != "/metrics":
                writer.write(WELL.get(asked.path, NOT_FOUND))
                return True
            writer.write(WELL["/metrics"][:30_000])
            return False

        async with Scripted(answering).running() as server:
            seen = await looked(connect, server)
        assert (seen.is_sleeping, seen.metrics) == (False, None)
        assert seen.problem == f"127.0.0.1:{server.port} broke the connection"


class TestHalfDead:
    async def test_a_dead_engine(self, connect):
        answers = {
            **WELL,
            "/is_sleeping": http('{"error":{"message":"The server had an error"}}', status=500),
            "/health": http(status=503),
        }
        async with Scripted(answers).running() as server:
            seen = await looked(connect, server)
        assert seen.reach is Reach.UNHEALTHY
        assert seen.problem == "/is_sleeping answered 500, The server had an error"

    async def test_a_server_that_goes_while_it_is_asked(self, connect):
        async def answering(asked, writer):
            if asked.path == "/health":
                return False
            writer.write(http("Internal Server Error", status=500, kind="text/plain"))
            return False

        async with Scripted(answering).running() as server:
            seen = await looked(connect, server)
        assert seen.reach is Reach.REFUSED
        assert seen.problem == f"127.0.0.1:{server.port} broke the connection"

    async def test_a_state_that_cannot_be_read_beside_metrics_that_can(self, connect):
        async with Scripted({**WELL, "/is_sleeping": http('{"is_slee')}).running() as server:
            seen = await looked(connect, server)
        assert (seen.reach, seen.is_sleeping) == (Reach.ANSWERED, None)
        assert seen.metrics is not None
        assert seen.problem == "answers /is_sleeping with half a JSON"

    async def test_engines_that_disagree_are_an_answer(self, connect):
        words = "Engines returned different is_sleeping results: [True, False]"
        answers = {
            **WELL,
            "/is_sleeping": http(f'{{"error":{{"message":"{words}"}}}}', status=500),
        }
        async with Scripted(answers).running() as server:
            seen = await looked(connect, server)
        assert (seen.reach, seen.is_sleeping) == (Reach.ANSWERED, None)
        assert seen.metrics is not None
        assert seen.problem == f"/is_sleeping answered 500, {words}"

    async def test_a_gate_before_the_state_but_not_before_the_metrics(self, connect):
        answers = {**WELL, "/is_sleeping": http('{"error":"Unauthorized"}', status=401)}
        async with Scripted(answers).running() as server:
            seen = await looked(connect, server)
        assert (seen.reach, seen.control) == (Reach.ANSWERED, Control.UNKNOWN)
        assert seen.problem == "/is_sleeping answered 401, Unauthorized"

    async def test_out_of_memory_keeps_the_words_of_the_server(self, connect):
        words = "Call to wake_up method failed: CUDA Error: out of memory at <path>:163"
        body = f'{{"error":{{"message":"{words}","type":"InternalServerError","code":500}}}}'
        async with Scripted({**WELL, "/wake_up": http(body, status=500)}).running() as server:
            with pytest.raises(Refused) as caught:
                await connect(server.url).wake()
        assert (caught.value.status, caught.value.detail) == (500, words)


class TestConnections:
    async def test_a_read_on_a_connection_that_the_server_closed_is_repeated(self, connect):
        closing: list[str] = []

        async def answering(asked, writer):
            if asked.path == "/is_sleeping" and not closing:
                closing.append(asked.path)
                return False  # closed, as vLLM does after an error answer
            writer.write(WELL.get(asked.path, NOT_FOUND))
            return True

        async with Scripted(answering).running() as server:
            seen = await looked(connect, server, full=False)
        assert (seen.reach, seen.is_sleeping) == (Reach.ANSWERED, False)
        assert server.paths("GET") == ["/is_sleeping"] * 2

    async def test_a_read_is_repeated_once_only(self, connect):
        async with Scripted(nothing).running() as server:
            await looked(connect, server, full=False)
        assert server.paths("GET") == ["/is_sleeping"] * 2

    async def test_a_control_request_is_never_repeated(self, connect):
        async def answering(asked, writer):
            if asked.method == "POST":
                return False
            writer.write(WELL[asked.path])
            return True

        async with Scripted(answering).running() as server:
            client = connect(server.url)
            with pytest.raises(Unreachable) as caught:
                await client.sleep(SleepLevel.OFFLOAD, None)
            assert caught.value.sent
            assert server.paths("POST") == ["/sleep"]

    async def test_redirects_are_not_followed(self, connect):
        async with Scripted(WELL).running() as there:
            location = f"location: {there.url}/wake_up\r\n"
            answers = {**WELL, "/wake_up": http(status=307, head=location)}
            async with Scripted(answers).running() as server:
                with pytest.raises(Refused, match="/wake_up answered 307"):
                    await connect(server.url).wake()
            assert there.asked == []

    async def test_proxies_from_the_environment_are_not_used(self, connect, monkeypatch):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{closed_port()}")
        async with Scripted(WELL).running() as server:
            assert (await looked(connect, server)).reach is Reach.ANSWERED

    async def test_user_and_password_of_the_url_are_sent_and_never_shown(self, connect):
        async with Scripted({**WELL, "/wake_up": NOT_FOUND}).running() as server:
            client = connect(f"http://me:hunter2@127.0.0.1:{server.port}")
            assert (await client.observe(full=True)).reach is Reach.ANSWERED
            with pytest.raises(Refused) as caught:
                await client.wake()
        assert {asked.headers["authorization"] for asked in server.asked} == {
            "Basic bWU6aHVudGVyMg=="
        }
        assert "hunter2" not in str(caught.value)
        gone = await client.observe(full=True)
        assert gone.problem == f"nothing listens on 127.0.0.1:{server.port}"

    async def test_a_path_before_the_routes_is_kept(self, connect):
        answers = {f"/models/a{path}": answer for path, answer in WELL.items()}
        async with Scripted(answers).running() as server:
            seen = await connect(f"{server.url}/models/a/").observe(full=True)
            assert (seen.reach, seen.is_sleeping) == (Reach.ANSWERED, False)
        gone = await connect(f"{server.url}/models/a/").observe(full=False)
        assert gone.problem == f"nothing listens on 127.0.0.1:{server.port}/models/a"

    async def test_ipv6(self, connect):
        server = Scripted(WELL)
        try:
            async with server.running("::1"):
                seen = await connect(f"http://[::1]:{server.port}").observe(full=True)
        except OSError:
            pytest.skip("this machine has no IPv6")
        assert (seen.reach, seen.is_sleeping) == (Reach.ANSWERED, False)

    async def test_a_service_that_says_a_word_and_hangs_up(self, connect):
        async with Scripted({}, greeting=b"-ERR unknown command 'GET'\r\n").running() as server:
            seen = await looked(connect, server)
        assert seen.reach is Reach.REFUSED
        assert seen.problem == f"127.0.0.1:{server.port} broke the connection"

    @pytest.mark.parametrize(
        "url", ["", "qwen", "ftp://127.0.0.1", "http://", "http://127.0.0.1:port", "http://[::1"]
    )
    async def test_what_is_no_url(self, connect, url):
        with pytest.raises(ConfigError, match="the url of qwen cannot be read"):
            connect(url)
