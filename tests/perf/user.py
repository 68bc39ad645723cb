"""A user of a server, in a process of its own so that nobody's work delays its stamps.

``python -m tests.perf.user PORT MODEL``: for each line on standard input it sends a streamed
prompt over raw HTTP, says ``parked`` when the head of the answer has come, and then the monotonic
time of the first token.
"""

import json
import socket
import sys
import time

HOST = "127.0.0.1"


def ask(port: int, model: str) -> None:
    """One prompt, read to its end."""
    asked = {"model": model, "prompt": "Why is the sky blue?", "max_tokens": 8, "stream": True}
    body = json.dumps(asked | {"ignore_eos": True}).encode()
    with socket.create_connection((HOST, port)) as connection:
        connection.sendall(
            b"POST /v1/completions HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n"
            b"content-type: application/json\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
        )
        seen = b""
        while b"\r\n\r\n" not in seen:
            seen += connection.recv(1 << 16)
        print("parked", flush=True)
        while b"data: {" not in seen:
            seen += connection.recv(1 << 16)
        print(time.monotonic(), flush=True)
        while connection.recv(1 << 16):
            pass


if __name__ == "__main__":
    for _ in sys.stdin:
        ask(int(sys.argv[1]), sys.argv[2])
