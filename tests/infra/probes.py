"""The same calls on what is not ours."""

from collections.abc import Iterator
from dataclasses import replace

from tests.infra.account import ACCOUNT
from tests.infra.evaluation import Question

OTHERS = {
    "secret": f"arn:aws:secretsmanager:eu-central-1:{ACCOUNT}:secret:prod/payroll/iam-QwErTy",
    "user": f"arn:aws:iam::{ACCOUNT}:user/rotated/payroll",
    "role": f"arn:aws:iam::{ACCOUNT}:role/rotation/ffffffffffff/rotation-ffffffffffff-main-revoke",
    "key": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/mrk-{'2' * 32}",
}


def elsewhere(question: Question, *, environment: bool) -> Iterator[Question]:
    """The same call on what belongs to another application, or to another environment."""
    context = {k: v for k, v in question.context.items() if ":ResourceTag/" not in k}
    kind = next(
        k for k in ("secretsmanager", ":kms:", ":user/", ":role/") if k in question.resource
    )
    name = {"secretsmanager": "secret", ":kms:": "key", ":user/": "user", ":role/": "role"}[kind]
    other = OTHERS[name]
    if environment:
        other = other.replace("prod/", "test/").replace("/rotated/", "/rotated-test/")
    tags = {
        "aws:ResourceTag/rotation:owner": "ffffffffffff",
        "aws:ResourceTag/rotation:application": "billing" if environment else "payroll",
        "aws:ResourceTag/rotation:environment": "test" if environment else "production",
    }
    trust = None if name == "role" else question.resource_policy  # it names nobody of ours
    yield replace(question, resource=other, context={**context, **tags}, resource_policy=trust)
    if name == "key":  # the same key, for somebody else's secret
        named = {"kms:EncryptionContext:SecretARN": OTHERS["secret"]}
        yield replace(question, context={**question.context, **named})
