"""A cluster, and the programs in it."""

import json
import os
from pathlib import Path
from typing import Any

from acme_rotation.options import ClusterConnection, ClusterOptions
from rotation.errors import Refused
from rotation.interfaces import OwnCredential, PluginContext
from rotation.types import Fields


class Cluster:
    def __init__(self, options: ClusterConnection, *, installation: str, clock: Any) -> None:
        self._directory = Path(options.directory)

    def own_credential(self) -> OwnCredential:
        return OwnCredential(kind="service account", accepted=None)

    def close(self) -> None:
        """Nothing is open."""

    def put(self, path: str, content: bytes) -> None:
        file = self._directory / path.replace("/", "+")
        beside = file.with_suffix(".new")
        beside.unlink(missing_ok=True)
        written = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            os.write(written, content)
            os.fsync(written)
        finally:
            os.close(written)
        beside.replace(file)


class ClusterConsumer:
    def __init__(self, options: ClusterOptions, context: PluginContext) -> None:
        self._cluster: Cluster = context.connections[options.connection]
        self._path = options.path
        self._names = context.fields

    def deliver(self, version: str, fields: Fields) -> None:
        values = {**fields.public}
        for name, value in fields.secret.items():
            values[name] = value.reveal()
        try:
            self._cluster.put(self._path, json.dumps(values).encode())
        except OSError:
            refusal = Refused("acme.refused", "the cluster takes no object", "look at the cluster")
        else:
            return
        raise refusal
