import pytest

from providers.vault import errors
from rotation.errors import Ambiguous, Denied, NeedsPerson, Permanent, Transient

CALL = "POST secret/data/app"


@pytest.mark.parametrize(
    ("status", "said", "kind", "code"),
    [
        (400, ["check-and-set parameter did not match the current version"], Permanent, "vault.refused"),
        (400, ["something else"], Permanent, "vault.refused"),
        (400, ["Upgrading from non-versioned to versioned data."], Transient, "vault.throttled"),
        (403, ["1 error occurred:\n\t* permission denied\n\n"], Denied, "vault.denied"),
        (403, ["* permission denied\n\t* invalid token"], Transient, "vault.session-over"),
        (404, [], NeedsPerson, "vault.missing"),
        (404, ['no handler for route "x/data/". route entry not found.'], NeedsPerson, "vault.missing"),
        (429, ["request path: rate limit quota exceeded"], Transient, "vault.throttled"),
        (472, [], Transient, "vault.standby"),
        (473, [], Transient, "vault.standby"),
        (500, ["local node not active but active cluster node not found"], Transient, "vault.standby"),
        (500, ["internal error"], Ambiguous, "vault.no-answer"),
        (502, None, Ambiguous, "vault.no-answer"),
        (503, ["Vault is sealed"], Transient, "vault.sealed"),
        (503, None, Ambiguous, "vault.no-answer"),
    ],
)  # fmt: skip
def test_an_answer_says_whether_it_happened(status, said, kind, code):
    error = errors.refused(status, errors.code_of(status, said), CALL, repeatable=False)
    assert type(error) is kind
    assert error.code == code
    assert error.hint


def test_what_may_be_sent_again_is_not_in_doubt():
    error = errors.refused(500, "500", CALL, repeatable=True)
    assert type(error) is Transient


@pytest.mark.parametrize("said", [None, "text", {"a": 1}, [{"errors": "x"}], [5]])
def test_an_answer_that_is_no_list_of_texts_is_known_by_its_status(said):
    assert errors.code_of(400, said) == "400"


def test_no_text_of_vault_is_repeated():
    for status in (400, 403, 404, 429, 500, 503):
        said = ["the value s3cr3t-of-somebody is wrong"]
        error = errors.refused(status, errors.code_of(status, said), CALL, repeatable=False)
        assert "s3cr3t" not in f"{error} {error.hint} {error.facts}"
