"""STS: who am I, and temporary credentials that nobody can take back."""

from __future__ import annotations

import re
from datetime import timedelta

from moto.iam.models import Role

from providers.aws.testing import session_policy
from providers.aws.testing.identity import Principal, Session, new_session_key_id
from providers.aws.testing.refusals import Refusal, denied, invalid
from providers.aws.testing.state import Call, Operation, Operations, State
from providers.aws.testing.wire import Result

_SESSION_NAME = re.compile(r"[\w+=,.@-]{2,64}")
_SHORTEST = 900
_USER_SESSION_LONGEST = 129_600
_CHAINED_LONGEST = 3600


class Sts:
    """The operations on identities and sessions."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.operations: Operations = {
            "GetCallerIdentity": Operation(self._get_caller_identity),
            "AssumeRole": Operation(
                self._assume_role,
                "RoleArn RoleSessionName",
                "DurationSeconds ExternalId Policy SourceIdentity",
            ),
            "GetSessionToken": Operation(
                self._get_session_token, optional="DurationSeconds SerialNumber TokenCode"
            ),
        }

    def _get_caller_identity(self, call: Call) -> Result:
        return {
            "UserId": call.principal.unique_id,
            "Account": self._state.account,
            "Arn": call.principal.arn,
        }

    def _assume_role(self, call: Call) -> Result:
        arn, name = call.parameters["RoleArn"], call.parameters["RoleSessionName"]
        if not _SESSION_NAME.fullmatch(name):
            raise invalid("sts", "Value at 'roleSessionName' failed to satisfy constraint.")
        role = next((role for role in self._state.iam.roles.values() if role.arn == arn), None)
        if role is None:
            # AWS does not reveal whether a role exists to a caller that may not assume it.
            raise denied("sts", call.principal.arn, "sts:AssumeRole", arn)
        seconds = int(call.parameters.get("DurationSeconds", 3600))
        _check_duration(seconds, self._longest(call, role))
        policy = call.parameters.get("Policy")
        principal = Principal(
            arn=f"arn:aws:sts::{self._state.account}:assumed-role/{role.name}/{name}",
            unique_id=f"{role.id}:{name}",
            access_key_id=new_session_key_id(),
            role_arn=role.arn,
            issued_at=self._state.clock.now(),
            policy=None if policy is None else session_policy.read(policy),
        )
        session = self._state.keyring.add_session(principal, timedelta(seconds=seconds))
        return {
            "Credentials": _credentials(session),
            "AssumedRoleUser": {"AssumedRoleId": principal.unique_id, "Arn": principal.arn},
            **({"PackedPolicySize": principal.policy.packed_percent} if principal.policy else {}),
        }

    def _longest(self, call: Call, role: Role) -> int:
        longest = int(role.max_session_duration or 3600)
        return min(longest, _CHAINED_LONGEST) if call.principal.role_arn else longest

    def _get_session_token(self, call: Call) -> Result:
        if call.principal.issued_at is not None:
            raise Refusal(
                "AccessDenied", "Cannot call GetSessionToken with session credentials", 403
            )
        seconds = int(call.parameters.get("DurationSeconds", 43_200))
        _check_duration(seconds, _USER_SESSION_LONGEST)
        principal = Principal(
            arn=call.principal.arn,
            unique_id=call.principal.unique_id,
            access_key_id=new_session_key_id(),
            user_name=call.principal.user_name,
            issued_at=self._state.clock.now(),
            with_mfa="TokenCode" in call.parameters,
        )
        session = self._state.keyring.add_session(principal, timedelta(seconds=seconds))
        return {"Credentials": _credentials(session)}


def _check_duration(seconds: int, longest: int) -> None:
    if not _SHORTEST <= seconds <= longest:
        raise invalid("sts", f"DurationSeconds {seconds} is not between {_SHORTEST} and {longest}.")


def _credentials(session: Session) -> dict[str, object]:
    return {
        "AccessKeyId": session.principal.access_key_id,
        "SecretAccessKey": session.secret,
        "SessionToken": session.token,
        "Expiration": session.expires_at,
    }
