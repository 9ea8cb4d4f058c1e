"""`trust`: which packages of others may run as plugins."""

import os
from dataclasses import asdict
from pathlib import Path

import click

from rotation.cli.app import settings, verb
from rotation.cli.failures import OK
from rotation.cli.output import as_json, done, plain, result
from rotation.cli.session import open_session
from rotation.errors import UsageError
from rotation.operations.trust import Package, package_of, packages, write


@verb(
    "trust",
    "trust",
    "trust acme-rotation",
    "-c rotation.yaml trust acme-rotation --write",
    "trust ./rotation.yaml",
)
@click.argument("package", required=False, metavar="[PACKAGE|PATH]")
@click.option("--write", "writes", is_flag=True, help="Put its line into the configuration.")
def trust(package: str | None, *, writes: bool) -> int:
    """Show whose plugins may run; record a package, or a configuration, as it is.

    A plugin of another package is code with the runner's rights. It is loaded only if `plugins:` in
    the configuration names its package and version and, where there is a digest, if the files
    are still the same. Without --write the line is only printed. It is no judgement: look at the
    package first.

    With the PATH of a configuration: verbs that look may ask services by it where it is only found by
    walking up, for this user and as long as neither it nor what it includes changes.
    """
    if package is not None and (os.sep in package or Path(package).is_file()):
        return _trust_file(Path(package))
    if writes and package is None:
        raise UsageError(
            "trust.no-package", "--write needs a package", "`rotation trust` lists them"
        )
    with open_session(effectful=writes) as session:
        path = session.configuration_path
        found = [package_of(path, package)] if package else packages(path)
        if writes:
            write(path, found[0])
            found = [package_of(path, found[0].name)]
    if settings().output == "json":
        as_json("trust", {"packages": [{**asdict(each), "line": each.line} for each in found]})
        return OK
    for each in found:
        _print(each, alone=package is not None)
    if not found:
        result("every installed plugin is of this program itself")
    return OK


def _trust_file(path: Path) -> int:
    from rotation.config import load  # noqa: PLC0415 -- brings the model along
    from rotation.operations.trusted_file import remember  # noqa: PLC0415

    configuration = load(path)
    remember(configuration)
    text = (
        f"{path} is trusted as it is now: {len(configuration)} secrets; a change of it asks again"
    )
    done("trust-file", text, path=str(path), digest=configuration.digest)
    return OK


def _print(package: Package, *, alone: bool) -> None:
    result(plain(f"{package.name} {package.version}  {package.standing}"))
    result(plain(f"    {', '.join(package.plugins)}"))
    result(f"    {package.digest}")
    if alone:
        result("plugins:")
        result(plain(f"  - {package.line}"))
