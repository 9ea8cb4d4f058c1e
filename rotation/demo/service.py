"""`python -m rotation.demo.service`: services that accept several secrets at once.

POST /NAME/accept and /NAME/drop are for the verifier command; /NAME/login answers 200 or 403,
/NAME/count how many secrets it accepts now. They keep digests only. Ends when its standard input closes.
"""

from __future__ import annotations

import hashlib
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Accepted = dict[str, dict[str, str]]
"""Service -> handle -> digest of the secret."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.accepted: Accepted = {}
        self.lock = threading.Lock()

    def answer(self, service: str, action: str, handle: str, digest: str) -> tuple[int, str]:
        with self.lock:
            accepted = self.accepted.setdefault(service, {})
            match action:
                case "accept":
                    accepted[handle] = digest
                case "drop":
                    kept = {k: v for k, v in accepted.items() if handle != k and digest != v}
                    self.accepted[service] = kept
                case "login":
                    return (200 if digest in accepted.values() else 403), ""
                case "count":
                    return 200, str(len(accepted))
                case _:
                    return 404, ""
            return 200, ""

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that was killed in the middle of a call is what the show is about."""


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        _, service, action = self.path.split("/")
        given = self.rfile.read(int(self.headers.get("content-length", 0)))
        digest = hashlib.sha256(given).hexdigest() if given else ""
        handle = self.headers.get("x-handle", "")
        status, answer = self.server.answer(service, action, handle, digest)
        self.send_response(status)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer.encode())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- inherited
        """Say nothing: nobody reads it."""


def main() -> None:
    """Serve until the input closes."""
    server = _Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    print(json.dumps({"port": server.server_address[1]}), flush=True)  # noqa: T201 -- its one line
    sys.stdin.buffer.read()
    server.shutdown()
    server.server_close()
    thread.join()


if __name__ == "__main__":
    main()
