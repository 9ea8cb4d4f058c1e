"""Event patterns of EventBridge: which calls, on which resources, and by which callers.

EventBridge accepts 2,048 characters. Where the names of secrets or users do not fit, their paths
stand for them: then the alarm also gets events of neighbours below the same path.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from providers.aws.arns import directory
from providers.aws.options import AccessKeyOptions, SecretsManagerOptions
from rotation.interfaces import Scope

Pattern = Mapping[str, Any]

# Characters for names in one pattern. Some patterns have the names twice, and the rest needs space
# too.
MOST = 700

ANY: Pattern = {"exists": True}
NONE: Pattern = {"exists": False}


def calls(services: Iterable[str], events: Iterable[str], detail: Pattern) -> Pattern:
    return {
        "source": [f"aws.{service}" for service in services],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": {"eventName": list(events), **detail},
    }


def by_others(*principals: str) -> Pattern:
    """By any caller except these, as `userIdentity`. A service of AWS that acts by itself is no
    caller."""
    roles = sorted(each for each in principals if ":role/" in each)
    users = sorted(each for each in principals if ":user/" in each)
    # `anything-but` does not match an absent field, so absence is its own alternative.
    ways = [_issued([{"anything-but": roles}] if roles else [ANY])]
    if users:
        ways += [
            {**_issued([NONE]), "arn": [{"anything-but": users}]},
            {**_issued([NONE]), "arn": [NONE]},
        ]
    else:
        ways.append(_issued([NONE]))
    return {"type": [{"anything-but": ["AWSService"]}], "$or": ways}


def by_one_of(*principals: str) -> Pattern:
    """By a session of a role, or by a user, as `userIdentity`; all of them of one kind."""
    users = sorted(each for each in principals if ":user/" in each)
    return {"arn": users} if users else _issued(sorted(principals))


def _issued(arns: list[Any]) -> dict[str, Any]:
    return {"sessionContext": {"sessionIssuer": {"arn": arns}}}


def secrets(scope: Scope) -> list[Any]:
    """As `secretId`, which may be the name, or the ARN with or without its last six characters."""
    names = sorted(
        part.options.name for part in scope.parts if isinstance(part.options, SecretsManagerOptions)
    )
    exact = [way for name in names for way in (name, *_in_arn(name))]
    return _fitting([exact, *(_below(paths) for paths in _paths(names))])


def _in_arn(name: str) -> tuple[Any, ...]:
    return ({"suffix": f":secret:{name}"}, {"wildcard": f"*:secret:{name}-*"})


def _paths(names: list[str]) -> Iterator[list[str]]:
    """Shorter and shorter lists: their own directories, then what these have in common."""
    directories = sorted({name[: name.rfind("/") + 1] for name in names})
    yield directories
    yield [directory(names)]


def _below(paths: list[str]) -> list[Any]:
    if "" in paths:
        return [ANY]
    return [way for path in paths for way in ({"prefix": path}, {"wildcard": f"*:secret:{path}*"})]


def users(scope: Scope) -> list[Any]:
    """As `userName`, which has no path."""
    names = {
        part.options.user for part in scope.parts if isinstance(part.options, AccessKeyOptions)
    }
    return _fitting([sorted(names)])


def _fitting(forms: list[list[Any]]) -> list[Any]:
    return next((form for form in forms if len(json.dumps(form)) <= MOST), [ANY])
