"""Where secrets and staged values are kept. Never a value."""

import pulumi
import pulumi_vault as vault

from infra.names import renamed
from infra.vault_existing import made_by
from infra.vault_ready import Ready
from providers.vault.options import KvOptions
from providers.vault.stack import VERSIONS
from rotation.interfaces import Part
from rotation.permissions.naming import place


class Mounts(pulumi.ComponentResource):
    """Where the secrets are, and where values wait until they are promoted."""

    def __init__(self, ready: Ready, opts: pulumi.ResourceOptions) -> None:
        super().__init__("rotation:vault:Mounts", place(ready.scope), None, opts)
        self._ready = ready
        stored = [part for part in ready.scope.parts if isinstance(part.options, KvOptions)]
        for mount in sorted({part.options.mount for part in stored}):
            self._mount(mount, VERSIONS)
        for mount in sorted({part.options.staging for part in stored}):
            self._mount(mount, 1)
        for part in stored:
            Secret(part, self, alive=ready.is_alive(part.secret))
        self.register_outputs({})

    def _mount(self, path: str, versions: int) -> None:
        """Other writers of a mount that exists may not know compare-and-set: it is taken in as it
        is."""
        adopted = path in self._ready.settings.adopt
        name = f"{place(self._ready.scope)}-{path.replace('/', '-')}"
        mount = vault.Mount(
            name,
            path=path,
            type="kv",
            options={"version": "2"},
            description=None if adopted else made_by(self._ready.scope),
            opts=pulumi.ResourceOptions(
                parent=self,
                protect=self._ready.needs_kv(path),
                # Others may write there too, and nothing brings back what was unmounted.
                retain_on_delete=True,
                import_=path if adopted else None,
                ignore_changes=["description", "options"] if adopted else None,
            ),
        )
        if not adopted:
            vault.kv.SecretBackendV2(
                name,
                mount=mount.path,
                cas_required=True,
                max_versions=versions,
                opts=pulumi.ResourceOptions(parent=mount),
            )


class Secret(pulumi.ComponentResource):
    """Stands for a secret in KV, which can be no resource: that would hold its value. A line that
    goes before its secret is retired fails the preview."""

    def __init__(self, part: Part, mounts: Mounts, *, alive: bool) -> None:
        opts = pulumi.ResourceOptions(parent=mounts, protect=alive, aliases=renamed(part))
        super().__init__("rotation:vault:Secret", part.secret, None, opts)
        self.register_outputs({"path": f"{part.options.mount}/{part.options.path}"})
