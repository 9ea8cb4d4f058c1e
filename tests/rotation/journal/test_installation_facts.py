"""What the installation's own entries say."""

from rotation.journal.installation_facts import Frozen, Looked


def test_what_an_earlier_version_wrote_of_a_look_is_read() -> None:
    looked = Looked.of({"of": "s", "instances": ["KEY1"], "off": []})
    assert (looked.stream, looked.instances, looked.off) == ("s", ["KEY1"], [])
    assert (looked.differs, looked.down) == ({}, False)


def test_a_brake_names_only_itself() -> None:
    facts = Frozen(breaker="production@aws", broken=True, reason="why").facts
    assert facts.keys() == {"breaker", "broken", "reason"}
