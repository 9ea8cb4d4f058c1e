"""`make privileges`: what each permission set may do, which steps use it, and what showed it.

Lives every plan on strict AWS under the declared stack, asks the evaluator the same questions
elsewhere, and writes docs/privileges.md.
"""

import json
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from providers.aws.permissions import BREAK_GLASS, GRANTS, Grant
from rotation.operations.preflight import steps_under
from rotation.types import PermissionSet
from tests.infra import evaluation, scale, vault_calls, vault_escalations, vault_story
from tests.infra.account import set_of
from tests.infra.probes import elsewhere
from tests.infra.story import installed, live
from tests.infra.vault_calls import ANYBODY, OF_NOBODY, general

PAGE = Path(__file__).parents[2] / "docs" / "privileges.md"

OPENING = """# Privileges

Written by `make privileges`, which lives every plan on strict AWS and on a real Vault under the roles
that [the stack](infra.md) declares. An evaluator of IAM that others wrote decided each call to AWS.

- *calls*: how often the step's role made the call, and it was allowed.
- *elsewhere*: the same calls, asked again for another application's and another environment's
  resource; all were denied.

Without any one of these rights `rotation doctor` names the secrets, the call and the steps of its row,
and changes nothing; a rotation that meets the gap is held at one of those steps.

"""

CLOSING = """
On the short list for a person in an emergency, used by no step: {break_glass}.

## Many secrets

Documents name every secret and user. Where that would take more than eight of the ten documents that IAM
lets a role have, they name the common path, if there is one, and the tags `rotation:environment` and
`rotation:application`; `rotation policy aws` says so beside the document. The boundary is one document:
names, else the common path, else actions and tags.

Twenty applications in two environments of one account, a replica each, a key of one's own, names without
a common path (the worst case). At each size another application, environment, account, region and
installation, what is unclaimed and what tags itself are denied: `tests/infra/test_scale.py`.

{sizes}

## Vault

As its audit log has it. `{{...}}` is the secret's own, `+` one segment that has a new name each time.
The tests take each of these rights away once: `rotation doctor` names it, and nothing else.

"""

WIDENED = """
## Nobody widens themselves

Asked of the same Vault after every plan: each request with the token of each permission set, of the
runner's login, of both people and of a consumer.

"""

SHARED = """
Paths that name no application, such as `auth/token/revoke-accessor`, Vault has once for all: there is
no elsewhere. Whoever has a token of `contain` ends tokens of other applications too.
"""


def granted() -> Iterator[tuple[PermissionSet, Grant]]:
    for under in PermissionSet:
        for sets in GRANTS.values():
            yield from ((under, grant) for grant in sets.get(under, ()))


def page(calls: Counter[tuple[str, str]], probes: dict[tuple[str, str], Counter[bool]]) -> str:
    lines = [
        "| set | steps | action | on | only | calls | elsewhere |",
        "|---|---|---|---|---|---|---|",
    ]
    for under, grant in granted():
        key = (str(under), grant.action)
        denied = f"{probes[key][False]} of {probes[key].total()} denied"
        cells = (
            under, " ".join(f"`{step}`" for step in steps_under(under)), f"`{grant.action}`",
            grant.resource, ", ".join(_limits(grant)), str(calls[key]), denied,
        )  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    listed = ", ".join(f"`{action}`" for action in BREAK_GLASS)
    closing = CLOSING.format(break_glass=listed, sizes="\n".join(scale.rows()))
    return OPENING + "\n".join(lines) + "\n" + closing


def _limits(grant: Grant) -> Iterable[str]:
    yield from (*grant.labels, *grant.tag_keys)
    if grant.claimed:
        yield "what we claimed"
    if grant.replicas:
        yield "replicas too"


def vault_rows(made: vault_story.Installation) -> list[str]:
    """One for each capability, whichever secrets it is for."""
    asked = [call for call in made.calls() if call.path not in ANYBODY]
    calls = Counter((call.under, general(call.path), call.operation) for call in asked)
    probes: dict[tuple[str, str, str], Counter[bool]] = defaultdict(Counter)
    for call in set(asked):
        key = (call.under, general(call.path), call.operation)
        if key[1] not in OF_NOBODY:
            for environment in (False, True):
                other = vault_calls.elsewhere(call.path, environment=environment)
                probes[key][made.refuses(call.under, call.operation, other)] += 1
    lines = ["| set | steps | capability | path | calls | elsewhere |", "|---|---|---|---|---|---|"]
    for under, path, capability in dict.fromkeys((u, general(p), c) for u, p, c in made.grants()):
        key = (under, path, "list" if capability == "sudo" else capability)
        assert calls[key] and not probes[key][False], key
        steps = " ".join(f"`{step}`" for step in steps_under(PermissionSet(under)))
        told = f"{probes[key][True]} of {probes[key].total()} denied" if probes[key] else "-"
        cells = (under, steps, f"`{capability}`", f"`{path}`", str(calls[key]), told)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def of_vault(directory: Path) -> str:
    with vault_story.installed(directory) as made:
        vault_story.live(made)
        rows = vault_rows(made)
        widened = vault_escalations.table(made)
    return "\n".join(rows) + "\n" + SHARED + WIDENED + "\n".join(widened) + "\n"


def main() -> int:
    calls: Counter[tuple[str, str]] = Counter()
    probes: dict[tuple[str, str], Counter[bool]] = defaultdict(Counter)
    with (
        tempfile.TemporaryDirectory() as directory,
        evaluation.running() as evaluator,
        installed(Path(directory), evaluator) as made,
    ):
        live(made)
        seen = set()
        for question, allowed in made.guard.asked:
            key = (set_of(question.principal), question.action)
            calls[key] += allowed
            text = json.dumps(question.simulation(), sort_keys=True)
            if text not in seen:
                seen.add(text)
                for environment in (False, True):
                    for probe in elsewhere(question, environment=environment):
                        probes[key][evaluator.allows(probe)] += 1
    with tempfile.TemporaryDirectory() as directory:
        vault = of_vault(Path(directory))
    PAGE.write_text(page(calls, probes) + vault)
    missing = [key for under, grant in granted() if not calls[key := (str(under), grant.action)]]
    sys.stdout.write(f"{PAGE.name}: {calls.total()} calls, {len(missing)} grants unused\n")
    return int(bool(missing) or any(count[True] for count in probes.values()))


if __name__ == "__main__":
    sys.exit(main())
