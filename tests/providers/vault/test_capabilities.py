"""What Vault says of our tokens, where it says something else than was asked."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

from providers.vault.capabilities import missing_capabilities
from providers.vault.clients import VaultConnection
from providers.vault.wire import Answer
from rotation.errors import Transient
from rotation.types import PermissionSet

PLACE = {"mount": "secret", "staging": "next", "path": "app", "stream": "vault-app"}


def asked(data: Any) -> tuple[str, ...]:
    answers = SimpleNamespace(call=lambda *_, **__: Answer(status=200, body={"data": data}))
    connection = cast("VaultConnection", answers)
    return missing_capabilities(connection, "vault-kv2", PLACE, {PermissionSet.OBSERVE})


@pytest.mark.parametrize(
    "data", [{}, {"capabilities": ["root"]}, ["root"], {"secret/metadata/app": "root"}, None]
)
def test_an_answer_to_something_else_is_none(data: Any) -> None:
    with pytest.raises(Transient) as caught:
        asked(data)
    assert caught.value.code == "vault.no-answer"
