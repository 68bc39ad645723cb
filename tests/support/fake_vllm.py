"""A stand-in for the ``vllm`` command, standard library only: it can run in a bare container.

It is no vLLM: it has the shape of one from outside, a listening parent with a child that would hold
the GPU memory, a log with colours, and enough of HTTP to be recognised. Usage, as vLLM's::

    vllm serve MODEL [--host H] [--port P] [--served-model-name N] [--hold]

With ``--hold`` it starts and does not listen, as vLLM while it loads.
"""

import argparse
import json
import os
import signal
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("command", choices=["serve"])
    parser.add_argument("model")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--served-model-name")
    parser.add_argument("--hold", action="store_true")
    return parser.parse_known_args()[0]


def start_engine() -> None:
    """A child that only exists, until its parent ends."""
    if os.fork() == 0:
        parent = os.getppid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        while os.getppid() == parent:
            time.sleep(0.05)
        os._exit(0)


def handler(name: str) -> type[BaseHTTPRequestHandler]:
    answers = {
        "/version": {"version": "0.32.0"},
        "/v1/models": {"object": "list", "data": [{"id": name, "object": "model"}]},
        "/is_sleeping": {"is_sleeping": False},
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/health":
                body, status = b"", 200
            elif self.path in answers:
                body, status = json.dumps(answers[self.path]).encode(), 200
            else:
                body, status = b'{"detail":"Not Found"}', 404
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """No access log."""

    return Handler


def main() -> None:
    arguments = read_arguments()
    # As PID 1 of a container it has to take the signal itself.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    start_engine()
    print("\x1b[1;36m(APIServer pid=1)\x1b[0;0m INFO starting", arguments.model, flush=True)
    if arguments.hold:
        signal.pause()
    server = ThreadingHTTPServer(
        (arguments.host, arguments.port),
        handler(arguments.served_model_name or arguments.model),
    )
    print(f"INFO Starting vLLM server on port {server.server_port}", flush=True)
    server.serve_forever()


main()
