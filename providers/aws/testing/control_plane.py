"""The server's side of the control plane: `POST /_strict/<facet>/<verb>` with JSON arguments.

A facet is a plain object whose public methods take and return JSON values. The client in
`control` offers the same methods, so a test reads the same in process and at a distance.
"""

from __future__ import annotations

import json
from datetime import datetime

from providers.aws.testing.conditions import Conditions
from providers.aws.testing.oracle import Oracle
from providers.aws.testing.refusals import Refusal
from providers.aws.testing.settings import Settings
from providers.aws.testing.wire import Request, Response
from providers.aws.testing.world import World

PREFIX = "/_strict/"


class ControlPlane:
    """Holds the world, and lets tests govern it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.reset()

    def reset(self) -> None:
        """Begin a new world; calls that are underway end in the old one."""
        self.world = world = World(self._settings)
        self._facets: dict[str, object] = {
            "clock": world.state.clock,
            "conditions": Conditions(world.state),
            "faults": world.faults,
            "gate": world.state.gate,
            "out_of_band": world.out_of_band,
            "oracle": Oracle(world.state),
        }

    def handle(self, request: Request) -> Response:
        """Carry out one order, under the lock of the world."""
        order = request.path.removeprefix(PREFIX)
        if order == "reset":
            self.reset()
            return _json(200, {"result": None})
        facet_name, _, verb = order.partition("/")
        method = getattr(self._facets.get(facet_name), verb, None)
        if verb.startswith("_") or not callable(method):
            return _json(404, {"error": f"no such order: {order}"})
        arguments = json.loads(request.body)
        try:
            with self.world.lock:
                return _json(200, {"result": method(*arguments["args"], **arguments["kwargs"])})
        except Refusal as refusal:
            return _json(409, {"error": f"{refusal.code}: {refusal.message}"})
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            return _json(400, {"error": f"{type(error).__name__}: {error}"})


def _json(status: int, content: object) -> Response:
    body = json.dumps(content, default=datetime.timestamp).encode()
    return Response(status=status, body=body, headers={"content-type": "application/json"})
