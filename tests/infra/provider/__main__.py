"""Stands in for the plugins of the AWS provider and of Vault's: the engine's own protocol, the same
calls, made at the services that the surroundings name, or at the Vault that the provider is told.
Started by the engine with the name of one of them; prints its port."""

import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
from botocore.exceptions import ClientError
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from providers.aws.testing.bus import PatternRefused
from providers.vault.testing.server import Refused
from tests.infra.provider import iam, stores, vault, watch
from tests.infra.provider.kind import Clients, Kind
from tests.infra.provider.looks import LOOKS

KINDS: Mapping[str, Kind] = {**iam.KINDS, **stores.KINDS, **watch.KINDS, **vault.KINDS}

ASKED = {**LOOKS, **vault.LOOKS}

REACHED: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "aws": lambda given: Clients(given["region"]),
    "vault": lambda given: vault.reached(given["address"]),
}

ABSENT = re.compile(r"NoSuchEntity|NotFound|\b404\b")

HELD = "ROTATION_TEST_HELD"
"""Names a file that says of which kinds nothing is told, as long as it is there."""

NOT_INPUTS = {"accessor", "arn", "keyId"}
"""What a service says of a resource, and nobody can give it."""

DIFF = provider_pb2.DiffResponse


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """One of a run; each connection of the configuration has one of its own."""

    def __init__(self, reached: Callable[[Mapping[str, Any]], Any]) -> None:
        self._reached = reached

    def GetPluginInfo(self, request: Any, context: Any) -> Any:  # noqa: N802 -- the protocol's name
        return plugin_pb2.PluginInfo(version="7.0.0")

    def CheckConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request: Any, context: Any) -> Any:  # noqa: N802
        return DIFF(changes=DIFF.DIFF_NONE)

    def Configure(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.at = self._reached(_plain(request.args))
        return provider_pb2.ConfigureResponse()

    def Invoke(self, request: Any, context: Any) -> Any:  # noqa: N802
        reply = _asked(context, lambda: ASKED[request.tok](self.at, _plain(request.args)))
        return provider_pb2.InvokeResponse(**{"return": _struct({"id": "i", **reply})})

    def Check(self, request: Any, context: Any) -> Any:  # noqa: N802
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request: Any, context: Any) -> Any:  # noqa: N802
        old, new = _plain(request.old_inputs), _plain(request.news)
        changed = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
        changed = [name for name in changed if name not in request.ignoreChanges]
        kind = _kind(request)
        fixed = changed if kind.change is None else kind.replaced_by.split()
        return DIFF(
            changes=DIFF.DIFF_SOME if changed else DIFF.DIFF_NONE,
            diffs=changed,
            replaces=[name for name in changed if name in fixed],
            deleteBeforeReplace=True,  # the name is taken
        )

    def Create(self, request: Any, context: Any) -> Any:  # noqa: N802
        given = _plain(request.properties)
        name, more = _asked(context, lambda: _kind(request).make(self.at, given))
        _wait_while_held(request.urn)
        return provider_pb2.CreateResponse(id=name, properties=_struct({**given, **more}))

    def Read(self, request: Any, context: Any) -> Any:  # noqa: N802
        state, inputs = _plain(request.properties), _plain(request.inputs)
        try:
            found = _kind(request).look(self.at, request.id, {**inputs, **state})
        except (ClientError, Refused) as error:
            if ABSENT.search(str(error)):
                return provider_pb2.ReadResponse()
            context.abort(grpc.StatusCode.UNKNOWN, _message(error))
        return provider_pb2.ReadResponse(
            id=request.id,
            properties=_struct({**inputs, **state, **found}),
            inputs=_struct({**inputs, **{k: v for k, v in found.items() if k not in NOT_INPUTS}}),
        )

    def Update(self, request: Any, context: Any) -> Any:  # noqa: N802
        state, new = _plain(request.olds), _plain(request.news)
        old = _plain(request.old_inputs)
        _asked(context, lambda: _change(request)(self.at, request.id, old, new))
        kept = {name: value for name, value in state.items() if name not in old}
        return provider_pb2.UpdateResponse(properties=_struct({**kept, **new}))

    def Delete(self, request: Any, context: Any) -> Any:  # noqa: N802
        state = _plain(request.properties)
        _asked(context, lambda: _kind(request).remove(self.at, request.id, state))
        return Empty()

    def Cancel(self, request: Any, context: Any) -> Any:  # noqa: N802
        return Empty()


def _wait_while_held(urn: str) -> None:
    """What was made is not told to the engine, which a test kills meanwhile."""
    held = Path(os.environ.get(HELD, os.devnull))
    while held.is_file() and re.search(held.read_text(), urn):
        time.sleep(0.1)


def _kind(request: Any) -> Kind:
    return KINDS[request.type or request.urn.split("::")[2].rpartition("$")[2]]


def _change(request: Any) -> Callable[..., Any]:
    change = _kind(request).change
    assert change is not None
    return change


def _asked(context: Any, call: Callable[[], Any]) -> Any:
    """What the service refuses, the engine is told as the real provider tells it."""
    try:
        return call()
    except (ClientError, PatternRefused, Refused, iam.NameTaken) as error:
        context.abort(grpc.StatusCode.UNKNOWN, _message(error))


def _message(error: Exception) -> str:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else "Refused"
    return f"operation error, api error {code}: {error}"


def _plain(values: Any) -> dict[str, Any]:
    plain: dict[str, Any] = MessageToDict(values)
    return {name: value for name, value in plain.items() if value is not None}


def _struct(values: Mapping[str, Any]) -> Struct:
    made = Struct()
    made.update({name: value for name, value in values.items() if value is not None})
    return made


def main() -> None:
    server = grpc.server(ThreadPoolExecutor(max_workers=16))
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(REACHED[sys.argv[1]]), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    engine = os.getppid()
    while os.getppid() == engine:  # it ends this process, unless it was killed itself
        time.sleep(1)


if __name__ == "__main__":
    main()
