"""Which URLs lead here."""

import socket

import pytest

from sleeptui.adapters.local_address import LocalAddresses, answers, reachable_at

HERE = LocalAddresses(known=frozenset({"box", "10.0.0.5", "fd00::5"}))


@pytest.mark.parametrize(
    ("url", "port"),
    [
        ("http://127.0.0.1:8001", 8001),
        ("http://127.1.2.3:8001/v1", 8001),
        ("http://LOCALHOST:8001", 8001),
        ("http://[::1]:8001", 8001),
        ("http://0.0.0.0:8001", 8001),
        ("http://Box:8001", 8001),
        ("http://10.0.0.5:8001", 8001),
        ("http://[fd00::5]:8001", 8001),
        ("http://localhost", 80),
        ("https://localhost", 443),
        ("http://10.0.0.6:8001", None),
        ("http://box.example:8001", None),
        ("http://127.0.0.1:99999", None),
        ("http://127.0.0.1:x", None),
        ("http://[::1:8001", None),
        ("localhost:8001", None),
        ("", None),
    ],
)
def test_the_port_of_a_url_that_leads_here(url, port):
    assert HERE.port_of(url) == port


def test_this_machine_knows_its_own_name():
    here = LocalAddresses.read()
    assert here.has(socket.gethostname())
    assert not here.has("192.0.2.1")


@pytest.mark.parametrize(
    ("bound", "reached"),
    [
        ("0.0.0.0", "127.0.0.1"),
        ("::", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "[::1]"),
        ("10.0.0.5", "10.0.0.5"),
        ("::ffff:10.0.0.5", "10.0.0.5"),
    ],
)
def test_where_a_socket_is_reached(bound, reached):
    assert reachable_at(bound) == reached


@pytest.mark.parametrize(
    ("bound", "host", "does"),
    [
        ("0.0.0.0", "10.0.0.5", True),
        ("127.0.0.1", "127.0.0.1", True),
        ("127.0.0.1", "localhost", True),
        ("::1", "LocalHost", True),
        ("127.0.0.2", "127.0.0.1", False),
        ("10.0.0.5", "localhost", False),
        ("::ffff:127.0.0.1", "127.0.0.1", True),
        ("nonsense", "localhost", False),
    ],
)
def test_which_socket_answers(bound, host, does):
    assert answers(bound, host) is does
