from rotation.types import SecretValue, contains_live_value


def test_a_secret_that_is_no_text_is_looked_for_and_stops_nobody() -> None:
    value = SecretValue("half a pair \ud800")
    assert not contains_live_value("what else is written while it lives")
    assert contains_live_value(f"it was {value.reveal()}")
    assert contains_live_value("it was aGFsZiBhIHBhaXIg7aCA")
