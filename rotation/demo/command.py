"""The command of the demo's services: accepts, drops or checks a value. It is copied into the
directory `commands`, so it imports the standard library only.

command.py PORT SERVICE
"""

import http.client
import json
import os
import sys


def main() -> int:
    """0: done, or the value is accepted; 77: a checked value is refused; else try again."""
    port, service = sys.argv[1:]
    given = json.load(sys.stdin)
    action = {"check": "login"}.get(os.environ["ROTATION_ACTION"], os.environ["ROTATION_ACTION"])
    value = next(iter(given.values()), "")
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)
    headers = {"x-handle": os.environ.get("ROTATION_HANDLE", "")}
    connection.request("POST", f"/{service}/{action}", value.encode(), headers)
    status = connection.getresponse().status
    return {200: os.EX_OK, 403: os.EX_NOPERM}.get(status, os.EX_TEMPFAIL)


if __name__ == "__main__":
    sys.exit(main())
