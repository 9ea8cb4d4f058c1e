"""`trust`: which packages of others may run as plugins."""

from dataclasses import asdict

import click

from rotation.cli.app import settings, verb
from rotation.cli.failures import OK
from rotation.cli.output import as_json, plain, result
from rotation.cli.session import open_session
from rotation.errors import UsageError
from rotation.operations.trust import Package, package_of, packages, write


@verb("trust", "trust", "trust acme-rotation", "-c rotation.yaml trust acme-rotation --write")
@click.argument("package", required=False)
@click.option("--write", "writes", is_flag=True, help="Put its line into the configuration.")
def trust(package: str | None, *, writes: bool) -> int:
    """Show whose plugins may run, and record a package as it is installed.

    A plugin of another package is code with the runner's rights. It is loaded only if `plugins:` in
    the configuration names its package and version and, where there is a digest, if the files
    are still the same. Without --write the line is only printed. It is no judgement: look at the
    package first.
    """
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


def _print(package: Package, *, alone: bool) -> None:
    result(plain(f"{package.name} {package.version}  {package.standing}"))
    result(plain(f"    {', '.join(package.plugins)}"))
    result(f"    {package.digest}")
    if alone:
        result(plain(f"plugins:\n  - {package.line}"))
