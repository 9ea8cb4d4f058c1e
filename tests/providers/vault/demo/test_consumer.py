"""The application of the demo on Vault."""

from dataclasses import dataclass, field

from providers.vault.demo.consumer import _approle_user


@dataclass
class Vault:
    """Takes one secret id. asked: the paths, in order."""

    good: str
    asked: list[str] = field(default_factory=list)

    def ask(self, method, path, token="", body=None):
        self.asked.append(path)
        if path.endswith("/login") and body["secret_id"] != self.good:
            return None
        return {"auth": {"client_token": "a-token"}}


def held(secret_id: str, version: str) -> dict[str, str]:
    return {"role_id": "r", "secret_id": secret_id, "version": version}


def test_each_login_ends_its_token():
    vault = Vault("new")
    assert _approle_user(vault)(held("new", "2")) == (True, "2")
    assert vault.asked == ["auth/approle/login", "auth/token/revoke-self"]


def test_what_was_refused_is_not_tried_twice_but_its_successor_is():
    vault = Vault("new")
    use = _approle_user(vault)
    reply = [use(held("old", "1")) for _ in range(6)]
    assert reply == [(False, "1"), *[None] * 5]
    assert vault.asked == ["auth/approle/login"], "five refusals would lock the role for everybody"
    assert use(held("new", "2")) == (True, "2")
