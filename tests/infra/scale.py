"""Many secrets in one account: how the documents name them, at which size, and why."""

from collections.abc import Iterator

from providers.aws.iam import IamRenderer
from rotation.interfaces import Scope
from tests.support.aws_policies import parts, scope

APPLICATIONS, ENVIRONMENTS = 20, ("production", "test")
SIZES = (3, 28, 200, 2_000)


def fleet(count: int, *, prefix: str = "", path: str = "/") -> Scope:
    """Evenly among 20 applications in two environments; without a prefix and a path, no two names
    begin alike. A replica each, and a key of one's own."""
    return scope(
        *(
            parts(
                f"{application}-{environment}-db-{n}",
                application=application,
                environment=environment,
                prefix=prefix,
                path=path,
                replicas=("eu-west-1",),
            )
            for n in range(count)
            for application in [f"{'abcdefghijklmnopqrst'[n % APPLICATIONS]}-service"]
            for environment in [ENVIRONMENTS[n // APPLICATIONS % 2]]
        )
    )


def rows() -> Iterator[str]:
    """Of a table: holder, how many documents, their form and why."""
    yield "| secrets | document | documents | characters of the largest | names |"
    yield "|---|---|---|---|---|"
    for count in SIZES:
        found: dict[str, list[str]] = {}
        why: dict[str, str] = {}
        for document in IamRenderer().documents(fleet(count)):
            found.setdefault(document.holder, []).append(document.text)
            why[document.holder] = document.remark or "each by name"
        shown = [each for each in found if not each.startswith("read-")]
        shown += [each for each in found if each.startswith("read-")][:1]
        for holder in shown:
            largest = max(map(len, found[holder]))
            cells = (f"{count:,}", holder, str(len(found[holder])), f"{largest:,}", why[holder])
            yield f"| {' | '.join(cells)} |"
