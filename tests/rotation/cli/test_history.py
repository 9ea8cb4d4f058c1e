"""`history` and `show`: what was, row by row."""

from tests.support.shell import Shell


def test_the_latest_rotation_comes_first(shell: Shell) -> None:
    shell.adopted().run("rotate", "app", "--wait")
    reply = shell.json("history")["rotations"]
    assert [(r["plan"], r["outcome"], r["death"]) for r in reply] == [
        ("routine", "succeeded", "proved"),
        ("adopt", "succeeded", None),
    ]
    assert reply[0]["destroyed"] == ["KEY1"]
    assert len(shell.json("history", "-n", "1")["rotations"]) == 1


def test_show_tells_every_row_and_when(shell: Shell) -> None:
    shell.adopted().run("rotate", "app", "--wait")
    reply = shell.json("show", "app")
    rows = {row["row"]: row for row in reply["rows"]}
    assert list(rows) == [
        "issue", "verify", "promote", "deliver[consumer:batch]", "confirm[consumer:api]",
        "confirm[consumer:batch]", "verify-live", "drain", "suspend", "prove-off", "soak",
        "destroy", "prove-dead", "tidy",
    ]  # fmt: skip
    assert all(row["state"] == "done" and row["done_at"] for row in rows.values())
    assert rows["confirm[consumer:batch]"]["facts"]["evidence"] == "acknowledged"


def test_show_of_an_open_one_says_what_works_and_when_the_old_one_dies(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    reply = shell.run("show", "app").stdout
    assert "KEY2 works, and readers get it; KEY1 works too" in reply
    assert "KEY1 dies no earlier than" in reply


def test_an_older_rotation_by_its_number(shell: Shell) -> None:
    shell.adopted().run("rotate", "app", "--wait")
    assert shell.json("show", "app", "--rotation", "1")["plan"] == "adopt"
    assert shell.run("show", "app", "--rotation", "2").exit_code == 6


def test_a_rollback_shows_both_ways(shell: Shell) -> None:
    shell.adopted().run("rotate", "app")
    shell.run("rollback", "app", "--yes", "--wait")
    rows = [row["row"] for row in shell.json("show", "app")["rows"]]
    assert rows.index("promote") < rows.index("demote") < rows.index("destroy-new")
    assert "destroy" not in rows


def test_a_held_one_says_why_and_how_to_leave(shell: Shell) -> None:
    shell.adopted().world.mint(by_person=True)
    shell.run("rotate", "app")
    reply = shell.run("show", "app").stdout
    assert "KEY2, which is not provably ours" in reply
    assert "rotation resolve app --foreign KEY2" in reply
    assert "held.unknown-instance" in reply
