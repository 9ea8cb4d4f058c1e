"""IAM users and their access keys. Roles and policies go to moto as they are (`passthrough`)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from moto.iam.models import AccessKey, User

from providers.aws.testing.identity import Principal
from providers.aws.testing.paging import page
from providers.aws.testing.refusals import Refusal, invalid
from providers.aws.testing.state import Call, Mint, Operation, Operations, State
from providers.aws.testing.wire import Result

KEYS_PER_USER = 2

_STRICTEST = ("allowed", "implicitDeny")


class Iam:
    """The operations on users and access keys."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._iam = state.iam
        self.operations: Operations = {
            "CreateUser": Operation(self._create_user, "UserName", "Path Tags PermissionsBoundary"),
            "GetUser": Operation(self._get_user, optional="UserName"),
            "DeleteUser": Operation(self._delete_user, "UserName"),
            "TagUser": Operation(self._tag_user, "UserName Tags"),
            "UntagUser": Operation(self._untag_user, "UserName TagKeys"),
            "ListUserTags": Operation(self._list_user_tags, "UserName"),
            "PutUserPermissionsBoundary": Operation(
                self._put_boundary, "UserName PermissionsBoundary"
            ),
            "DeleteUserPermissionsBoundary": Operation(self._delete_boundary, "UserName"),
            "CreateAccessKey": Operation(self._create_access_key, optional="UserName"),
            "ListAccessKeys": Operation(
                self._list_access_keys, optional="UserName Marker MaxItems"
            ),
            "UpdateAccessKey": Operation(self._update_access_key, "AccessKeyId Status", "UserName"),
            "DeleteAccessKey": Operation(self._delete_access_key, "AccessKeyId", "UserName"),
            "GetAccessKeyLastUsed": Operation(self._get_access_key_last_used, "AccessKeyId"),
            "SimulatePrincipalPolicy": Operation(
                self._simulate, "PolicySourceArn ActionNames ResourceArns", "ContextEntries"
            ),
        }

    def install(self, user_name: str, access_key_id: str, secret: str) -> Principal:
        """The administrator, whose credential the tests know beforehand."""
        user = self._new_user(user_name, "/", [])
        key = user.create_access_key(prefix="AKIA")
        key.access_key_id, key.secret_access_key = access_key_id, secret
        self._add(user, key)
        return _principal(user, access_key_id)

    def _simulate(self, call: Call) -> Result:
        """What the gate would say; an evaluator that is plugged in is asked, as on a real call."""
        asked = call.parameters
        context = {
            entry["ContextKeyName"]: entry["ContextKeyValues"][0]
            if entry["ContextKeyType"] == "string"
            else entry["ContextKeyValues"]
            for entry in asked.get("ContextEntries", [])
        }
        results = [
            self._result(asked["PolicySourceArn"], action, asked["ResourceArns"], context)
            for action in asked["ActionNames"]
        ]
        return {"EvaluationResults": results, "IsTruncated": False}

    def _result(
        self, source: str, action: str, resources: list[str], context: dict[str, Any]
    ) -> dict[str, Any]:
        """One per action: at the top the strictest decision, beside it that of each resource."""
        decisions = {each: self._decision(source, action, each, context) for each in resources}
        return {
            "EvalActionName": action,
            "EvalResourceName": resources[0] if len(resources) == 1 else "*",
            "EvalDecision": max(decisions.values(), key=_STRICTEST.index),
            "ResourceSpecificResults": [
                {"EvalResourceName": resource, "EvalResourceDecision": decision}
                for resource, decision in decisions.items()
            ],
        }

    def _decision(self, source: str, action: str, resource: str, context: dict[str, Any]) -> str:
        principal = Principal(arn=source, unique_id="", access_key_id="")
        allowed = self._state.gate.allows(principal, action, resource, context)
        return "allowed" if allowed else "implicitDeny"

    def _create_user(self, call: Call) -> Result:
        name = call.parameters["UserName"]
        if name in self._iam.users:
            raise Refusal("EntityAlreadyExists", f"User with name {name} already exists.", 409)
        path, tags = call.parameters.get("Path", "/"), call.parameters.get("Tags", [])
        user = self._new_user(name, path, tags)
        if "PermissionsBoundary" in call.parameters:
            self._put_boundary(call)
        return {"User": self._describe(user)}

    def _new_user(self, name: str, path: str, tags: list[dict[str, str]]) -> User:
        user = self._iam.create_user(self._state.region, name, path, tags)
        user.create_date = self._state.clock.now()
        user.id = f"AIDA{user.id[:16].upper()}"
        return user

    def _get_user(self, call: Call) -> Result:
        return {"User": self._describe(self._user(call))}

    def _delete_user(self, call: Call) -> Result:
        user = self._user(call)
        for attached, what in (
            (user.access_keys, "access keys"),
            (user.managed_policies, "attached policies"),
            (user.policies, "policies"),
        ):
            if attached:
                raise Refusal(
                    "DeleteConflict", f"Cannot delete entity, must delete {what} first.", 409
                )
        self._iam.delete_user(user.name)
        self._state.boundaries.pop(user.name, None)
        return {}

    def _tag_user(self, call: Call) -> Result:
        self._iam.tagger.tag_resource(self._user(call).arn, call.parameters["Tags"])
        return {}

    def _untag_user(self, call: Call) -> Result:
        user = self._user(call)
        self._iam.tagger.untag_resource_using_names(user.arn, call.parameters["TagKeys"])
        return {}

    def _list_user_tags(self, call: Call) -> Result:
        return {"Tags": self._tags(self._user(call)), "IsTruncated": False}

    def _put_boundary(self, call: Call) -> Result:
        policy = call.parameters["PermissionsBoundary"]
        if policy not in self._iam.managed_policies:
            raise Refusal("NoSuchEntity", f"Policy {policy} does not exist.", 404)
        self._state.boundaries[self._user(call).name] = policy
        return {}

    def _delete_boundary(self, call: Call) -> Result:
        self._state.boundaries.pop(self._user(call).name, None)
        return {}

    def _create_access_key(self, call: Call) -> Result:
        user = self._user(call)
        if len(user.access_keys) >= KEYS_PER_USER:
            raise Refusal(
                "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {KEYS_PER_USER}", 409
            )
        key = user.create_access_key(prefix="AKIA")
        self._add(user, key)
        self._state.mints.append(
            Mint(
                user=user.name,
                access_key_id=key.access_key_id,
                by=call.principal.arn,
                at=self._state.clock.time(),
            )
        )
        described = _describe_key(key)
        return {"AccessKey": {**described, "SecretAccessKey": key.secret_access_key}}

    def _add(self, user: User, key: AccessKey) -> None:
        key.create_date = self._state.clock.now()
        self._iam.access_keys[key.access_key_id] = key
        self._state.keyring.add_key(
            key.access_key_id,
            key.secret_access_key,
            lambda: self._owner(user, key.access_key_id),
        )
        self._listing_changed(user)

    def _listing_changed(self, user: User) -> None:
        listing = [_describe_key(key) for key in user.access_keys]
        self._state.listings.changed(user.id, listing, self._state.clock.moment())

    def _owner(self, user: User, access_key_id: str) -> Principal | None:
        if self._iam.users.get(user.name) is not user:
            return None
        return _principal(user, access_key_id)

    def _list_access_keys(self, call: Call) -> Result:
        keys = self._state.listings.shown(self._user(call).id, self._state.clock.moment())
        token, asked = call.parameters.get("Marker"), call.parameters.get("MaxItems")
        shown, marker = page("iam", keys, token, asked, self._state.page_size)
        return {"AccessKeyMetadata": shown, "IsTruncated": marker is not None, "Marker": marker}

    def _update_access_key(self, call: Call) -> Result:
        status = call.parameters["Status"]
        if status not in ("Active", "Inactive"):
            raise invalid("iam", f"Value '{status}' at 'status' is not Active or Inactive.")
        key = self._key(call)
        if key.status != status:
            key.status = status
            self._state.keyring.change(key.access_key_id, status)
            self._listing_changed(self._user(call))
        return {}

    def _delete_access_key(self, call: Call) -> Result:
        key = self._key(call)
        user = self._user(call)
        user.access_keys.remove(key)
        del self._iam.access_keys[key.access_key_id]
        self._state.keyring.change(key.access_key_id, "deleted")
        self._listing_changed(user)
        return {}

    def _get_access_key_last_used(self, call: Call) -> Result:
        key_id = call.parameters["AccessKeyId"]
        key = self._iam.access_keys.get(key_id)
        if key is None:
            raise _no_such_key(key_id)
        use = self._state.last_used.published(key_id, self._state.clock.moment())
        last: dict[str, datetime | str | None] = {"ServiceName": "N/A", "Region": "N/A"}
        if use is not None:
            last = {"LastUsedDate": use.at, "ServiceName": use.service, "Region": use.region}
        return {"UserName": key.user_name, "AccessKeyLastUsed": last}

    def _user(self, call: Call) -> User:
        """The named user; without a name, the caller, as IAM does it."""
        name = call.parameters.get("UserName", call.principal.user_name)
        if name is None:
            raise invalid("iam", "Must specify userName when calling with non-User credentials")
        user = self._iam.users.get(name)
        if user is None:
            raise Refusal("NoSuchEntity", f"The user with name {name} cannot be found.", 404)
        return user

    def _key(self, call: Call) -> AccessKey:
        key_id = call.parameters["AccessKeyId"]
        for key in self._user(call).access_keys:
            if key.access_key_id == key_id:
                return key
        raise _no_such_key(key_id)

    def _describe(self, user: User) -> dict[str, Any]:
        boundary = self._state.boundaries.get(user.name)
        return {
            "Path": user.path,
            "UserName": user.name,
            "UserId": user.id,
            "Arn": user.arn,
            "CreateDate": user.create_date,
            "Tags": self._tags(user) or None,
            "PermissionsBoundary": boundary
            and {
                "PermissionsBoundaryType": "Policy",
                "PermissionsBoundaryArn": boundary,
            },
        }

    def _tags(self, user: User) -> list[dict[str, str]]:
        tags: list[dict[str, str]] = self._iam.tagger.list_tags_for_resource(user.arn)["Tags"]
        return tags


def _principal(user: User, access_key_id: str) -> Principal:
    return Principal(
        arn=user.arn, unique_id=user.id, access_key_id=access_key_id, user_name=user.name
    )


def _describe_key(key: AccessKey) -> dict[str, Any]:
    return {
        "UserName": key.user_name,
        "AccessKeyId": key.access_key_id,
        "Status": key.status,
        "CreateDate": key.create_date,
    }


def _no_such_key(access_key_id: str) -> Refusal:
    return Refusal("NoSuchEntity", f"The Access Key with id {access_key_id} cannot be found.", 404)
