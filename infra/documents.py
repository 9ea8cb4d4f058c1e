"""Policies of one AWS connection, rendered with names that are known only after `pulumi up`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pulumi

from infra.settings import refused
from providers.aws.iam import IamRenderer
from providers.aws.stack import key_to_come
from rotation.errors import UsageError
from rotation.interfaces import PolicyDocument, Scope


class Documents:
    """Which documents there are is known at once, their texts once the names in them are.

    A stand-in for a name is as long as the name, so the documents are split in the same places.
    """

    def __init__(
        self, scope: Scope, key: pulumi.Input[str], secrets: Mapping[str, pulumi.Input[str]]
    ) -> None:
        self.all = foreseen(scope)
        self._texts = pulumi.Output.all(key, dict(secrets)).apply(
            lambda known: {each.name: each.text for each in _rendered(scope, known[0], known[1])}
        )

    def text(self, document: PolicyDocument) -> pulumi.Output[str]:
        return self._texts.apply(lambda texts: texts[document.name])


def foreseen(scope: Scope) -> Sequence[PolicyDocument]:
    """The documents before anything is made. Raises where IAM would not take as many."""
    return _rendered(scope, key_to_come(scope.options), {})


def _rendered(scope: Scope, key: str, known: Mapping[str, str]) -> Sequence[PolicyDocument]:
    options = replace(scope.options, kms_key=scope.options.kms_key or key)
    try:
        return IamRenderer().documents(replace(scope, options=options, known=known))
    except UsageError as error:
        raise refused(f"connection {scope.connection}: {error.message}; {error.hint}") from None
