"""The real program under Pulumi's mocks: every input is held against the SDK's own types, and what
would be the state is kept. No engine, no plugin, no cloud."""

import asyncio
import importlib
import inspect
import json
import os
import re
import types
import typing
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import grpc
import pulumi
from pulumi import _types as sdk
from pulumi.runtime import mocks, rpc

with warnings.catch_warnings():
    # The SDK deprecates classes of its own as it loads them, even if they are not used.
    warnings.simplefilter("ignore", DeprecationWarning)
    import pulumi_aws

    assert pulumi_aws.s3.Bucket  # loads it: the package is lazy

ACCOUNT = "111122223333"
SUFFIX = "-AbCdEf"
KEY_ID = "mrk-" + "1" * 32
CLUSTER = "00000000-0000-0000-0000-000000000000"


class RefusedByProvider(grpc.RpcError):
    """As the engine answers where the provider failed."""

    def __init__(self, text: str = "api error ExpiredToken: a vendor's text") -> None:
        super().__init__()
        self._text = text

    def code(self) -> grpc.StatusCode:
        return grpc.StatusCode.UNKNOWN

    def details(self) -> str:
        return self._text


Asked = Mapping[str, Any]

PREFIX = "rotation-4b1d0c77e2a9-main"

LOOKS = {
    "aws:secretsmanager/getSecrets:getSecrets": "which secrets there are",
    "aws:iam/getUsers:getUsers": "which IAM users there are",
    "aws:iam/getUser:getUser": "whose IAM user billing-iam is",
    "aws:iam/getRoles:getRoles": "which roles there are",
    "aws:iam/getRole:getRole": f"whose role {PREFIX}-mint is",
    "aws:resourcegroupstaggingapi/getResources:getResources": (
        "what of this installation is in eu-central-1"
    ),
}


@dataclass(frozen=True)
class Registered:
    """One resource as the engine would have been asked for it."""

    token: str
    name: str
    inputs: Mapping[str, Any]
    protect: bool
    retained: bool
    imported: str
    ignored: tuple[str, ...]
    parent: str
    aliases: tuple[str, ...]


@dataclass
class Cloud(mocks.Mocks):
    """secrets, users: name (and path) -> whether an earlier run of this stack made it. mounts:
    path in Vault, an auth method's with `auth/` -> its description. vault: path -> what else is
    there. entities: alias -> id. roles: name -> the stack that made it. tagged: ARN -> the same, of
    what else says whose it is. unsaid: the one question that is not answered."""

    account: str = ACCOUNT
    secrets: dict[str, bool] = field(default_factory=dict)
    users: dict[str, bool] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)
    tagged: dict[str, str] = field(default_factory=dict)
    mounts: dict[str, str] = field(default_factory=dict)
    vault: dict[str, dict[str, Any]] = field(default_factory=dict)
    entities: dict[str, str] = field(default_factory=dict)
    broken: bool = False
    unsaid: str = ""
    wrong: list[str] = field(default_factory=list)
    made: list[str] = field(default_factory=list)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        self.made.append(args.typ)
        args.inputs = _plain(args.inputs)
        if args.custom:
            self.wrong += [f"{args.typ} {args.name}: {each}" for each in mistakes(args)]
        made = {**args.inputs, **_computed(args, self.account)}
        return str(made.get("id", f"{args.name}-id")), made

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:
        if self.unsaid and self.unsaid == LOOKS.get(args.token):
            raise RefusedByProvider
        look = getattr(self, "_" + args.token.rpartition(":")[2])
        return {"id": "i", **look(args.args)}

    def _getCallerIdentity(self, _: Asked) -> dict[str, Any]:  # noqa: N802 -- the service's name
        if self.broken:
            raise RefusedByProvider
        arn = f"arn:aws:iam::{self.account}:role/platform-deploy"
        return {"accountId": self.account, "arn": arn, "userId": "u"}

    def _getSecret(self, asked: Asked) -> dict[str, Any]:  # noqa: N802
        return {"dataJson": json.dumps(self._vault(asked["path"]))}

    def _getSecretsList(self, asked: Asked) -> dict[str, Any]:  # noqa: N802
        return {"names": self._listed(asked["path"])}

    def _getEntity(self, asked: Asked) -> dict[str, Any]:  # noqa: N802
        return {"id": self._entity(asked["aliasName"], asked["aliasMountAccessor"])}

    def _getUsers(self, _: Asked) -> dict[str, Any]:  # noqa: N802
        arns = [f"arn:aws:iam::{self.account}:user{name}" for name in self.users]
        return {"arns": arns, "names": [arn.rpartition("/")[2] for arn in arns]}

    def _getUser(self, asked: Asked) -> dict[str, Any]:  # noqa: N802
        [made] = [m for name, m in self.users.items() if name.endswith(f"/{asked['userName']}")]
        return {"tags": {"rotation:stack": "rotation/prod"} if made else {}}

    def _getRoles(self, asked: Asked) -> dict[str, Any]:  # noqa: N802
        names = [name for name in self.roles if re.search(asked["nameRegex"], name)]
        return {"names": names, "arns": names}

    def _getRole(self, asked: Asked) -> dict[str, Any]:  # noqa: N802
        return {"tags": {"rotation:stack": self.roles[asked["name"]]}}

    def _getResources(self, asked: Asked) -> dict[str, Any]:  # noqa: N802
        there = [
            {"resourceArn": arn, "tags": {"rotation:stack": stack}}
            for arn, stack in self.tagged.items()
            if arn.split(":")[3] in (asked["region"], "")
        ]
        return {"resourceTagMappingLists": there, "region": asked["region"]}

    def _getSecrets(self, asked: Asked) -> dict[str, Any]:  # noqa: N802
        names = [name for name, ours in self.secrets.items() if ours or "filters" not in asked]
        arns = [_secret_arn(name, self.account) for name in names]
        return {"names": names, "arns": arns, "region": "eu-central-1"}

    def _vault(self, path: str) -> dict[str, Any]:
        """What is read there, as Vault has it."""
        reply = {"sys/health": {"cluster_id": CLUSTER}, **self.vault}
        if path in reply:
            return reply[path]
        auth = path == "sys/auth"
        return {
            f"{mount.removeprefix('auth/')}/": {"description": reply, "accessor": f"of-{mount}"}
            for mount, reply in self.mounts.items()
            if mount.startswith("auth/") == auth
        }

    def _entity(self, name: str, accessor: str) -> str:
        if name not in self.entities:
            raise RefusedByProvider("no identity entity found")
        return self.entities[name]

    def _listed(self, path: str) -> list[str]:
        """The provider takes nothing for an error."""
        names = [
            each.removeprefix(f"{path}/") for each in self.vault if each.startswith(f"{path}/")
        ]
        if not names:
            raise RefusedByProvider(f'no secrets found at "{path}"')
        return names


def _plain(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What the state would encrypt is looked at as well."""
    return {
        name: rpc.unwrap_rpc_secret(value) if rpc.is_rpc_secret(value) else value
        for name, value in inputs.items()
    }


def _secret_arn(name: str, account: str) -> str:
    return f"arn:aws:secretsmanager:eu-central-1:{account}:secret:{name}{SUFFIX}"


def _computed(args: mocks.MockResourceArgs, account: str) -> dict[str, Any]:
    """What the cloud adds: the names by which resources know each other."""
    path, name = args.inputs.get("path", "/"), args.inputs.get("name", args.name)
    region = args.inputs.get("region", "eu-central-1")
    kind = args.typ.rpartition(":")[2]
    arns = {
        "Secret": _secret_arn(name, account),
        "Key": f"arn:aws:kms:eu-central-1:{account}:key/{KEY_ID}",
        "ReplicaKey": f"arn:aws:kms:{region}:{account}:key/{KEY_ID}",
        "Role": f"arn:aws:iam::{account}:role{path}{name}",
        "User": f"arn:aws:iam::{account}:user{path}{name}",
        "Policy": f"arn:aws:iam::{account}:policy{path}{name}",
        "Topic": f"arn:aws:sns:{region}:{account}:{name}",
    }
    made: dict[str, Any] = {"name": name}
    if kind in arns:
        made["arn"] = arns[kind]
    if kind == "AuthBackend":
        made["accessor"] = f"auth_approle_{args.name}"
    if kind == "AuthBackendRole" and args.typ.startswith("vault:appRole"):
        made["roleId"] = args.inputs.get("roleId", f"role-id-of-{args.name}")
    if kind == "Key":
        made["keyId"] = KEY_ID
    return made


# --------------------------------------------------------------------- inputs against the types


def mistakes(args: mocks.MockResourceArgs) -> Iterator[str]:
    """What the SDK's types say against these inputs. Private names of the SDK: a canary test says
    so where one of them moves."""
    if args.typ.startswith("pulumi:"):
        return
    arguments = arguments_of(args.typ)
    known = sdk.input_type_types(arguments)
    given = {name for name, value in args.inputs.items() if value is not None}
    yield from (f"unknown property {name}" for name in given - known.keys())
    names = sdk.input_type_py_to_pulumi_names(arguments)
    for parameter in list(inspect.signature(arguments.__init__).parameters.values())[1:]:
        wire = names[parameter.name]
        if parameter.default is inspect.Parameter.empty and wire not in given:
            yield f"missing {wire}"
    for name in given & known.keys():
        yield from _misfit(name, args.inputs[name], known[name])


def arguments_of(token: str) -> Any:
    """The class of a resource's inputs; it has another name where a part of it is called so."""
    package, module, kind = token.split(":")
    assert f"{package}:{module}" in rpc._RESOURCE_MODULES, token
    root = importlib.import_module(f"pulumi_{package}")
    area = module.partition("/")[0].lower()
    resource = getattr(root if area == "index" else getattr(root, area), kind)
    own = importlib.import_module(resource.__module__)
    return getattr(own, f"{kind}InitArgs", None) or getattr(own, f"{kind}Args")


def _misfit(where: str, value: Any, wanted: Any) -> list[str]:
    """Empty where one of the types that are wanted fits."""
    found = [_against(where, value, option) for option in _options(wanted)]
    return min(found, key=len, default=[])


def _options(wanted: Any) -> list[Any]:
    """Without Input, Optional and the like."""
    if typing.get_origin(wanted) in (typing.Union, types.UnionType):
        return [each for option in typing.get_args(wanted) for each in _options(option)]
    name = str(typing.get_origin(wanted) or wanted)
    wrapper = wanted is type(None) or any(
        each in name for each in ("Awaitable", "Output", "ArgsDict")
    )
    return [] if wrapper else [wanted]


def _against(where: str, value: Any, wanted: Any) -> list[str]:
    origin = str(typing.get_origin(wanted))
    if "list" in origin or "Sequence" in origin:
        [inner] = typing.get_args(wanted)
        if not isinstance(value, list):
            return [f"{where}: a list is wanted"]
        return [m for n, each in enumerate(value) for m in _misfit(f"{where}[{n}]", each, inner)]
    if "dict" in origin or "Mapping" in origin:
        return [] if isinstance(value, dict) else [f"{where}: a mapping is wanted"]
    if isinstance(wanted, type) and sdk.is_input_type(wanted):
        return _nested(where, value, wanted)
    if wanted in (str, int, float, bool) and not _is(value, wanted):
        return [f"{where}: {wanted.__name__} is wanted"]
    return []


def _nested(where: str, value: Any, wanted: type) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: a mapping is wanted"]
    known = sdk.input_type_types(wanted)
    strange = [f"{where}.{name}: unknown property" for name in value.keys() - known.keys()]
    return strange + [
        mistake
        for name, each in value.items()
        if name in known and each is not None
        for mistake in _misfit(f"{where}.{name}", each, known[name])
    ]


def _is(value: Any, wanted: type) -> bool:
    if wanted in (int, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, wanted)


# ------------------------------------------------------------------------------- the program


@dataclass
class Stack:
    """What one run declared and told."""

    resources: list[Registered]
    wrong: list[str]
    outputs: dict[str, Any]

    def of(self, kind: str) -> list[Registered]:
        """Of a provider; a component of ours may have the same name."""
        return [
            each
            for each in self.resources
            if each.token.endswith(f":{kind}") and not each.token.startswith("rotation:")
        ]

    def named(self, kind: str, name: str) -> Registered:
        [found] = [each for each in self.of(kind) if each.name == name]
        return found


def up(
    configuration: Path,
    settings: Mapping[str, str],
    cloud: Cloud | None = None,
    token: str = "t",
    program: Callable[[], Any] | None = None,
) -> Stack:
    """One run of the program, ours or another one; raises what it raises."""
    cloud = cloud or Cloud()
    mocks.set_mocks(cloud, project="rotation", stack="prod", preview=False)
    given = {"configuration": str(configuration), **settings}
    pulumi.runtime.set_all_config(
        {key if ":" in key else f"rotation:{key}": value for key, value in given.items()}
    )
    registered: list[Registered] = []
    outputs: dict[str, Any] = {}
    original = mocks.MockMonitor.RegisterResource

    def register(self: Any, request: Any) -> Any:
        inputs = _plain(rpc.deserialize_properties(request.object))
        if request.type != "pulumi:pulumi:Stack":
            registered.append(_registered(request, inputs))
        try:
            return original(self, request)
        finally:
            _close_loop()

    @pulumi.runtime.test
    def run() -> Any:
        from infra.program import declare  # noqa: PLC0415 -- after the mocks are set

        with patch("pulumi.export", outputs.__setitem__):
            (program or declare)()
        return pulumi.Output.all(**outputs).apply(outputs.update)

    with (
        patch.object(mocks.MockMonitor, "RegisterResource", register),
        patch.dict(os.environ, {"VAULT_TOKEN": token}),
    ):
        run()
    return Stack(registered, cloud.wrong, outputs)


def _close_loop() -> None:
    """The mocks leave one open in each thread that registers a resource."""
    with suppress(RuntimeError):  # a component needs none
        asyncio.get_event_loop().close()
        asyncio.set_event_loop(None)


def _registered(request: Any, inputs: Mapping[str, Any]) -> Registered:
    return Registered(
        token=request.type,
        name=request.name,
        inputs=inputs,
        protect=request.protect,
        retained=request.retainOnDelete,
        imported=request.importId,
        ignored=tuple(request.ignoreChanges),
        parent=request.parent,
        aliases=tuple(each.spec.name for each in request.aliases),
    )
