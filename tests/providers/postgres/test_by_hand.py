"""What an emergency tells a person to type, where nothing of ours works."""

import shlex

import pytest

from tests.support.postgres import ATTEMPTS, Bench, Database


@pytest.mark.parametrize("mode", ["group", "pair"])
def test_the_command_shuts_the_login_out_and_ends_its_sessions(
    database: Database, fresh: str, mode: str
) -> None:
    options = {"group": fresh} if mode == "group" else {"pair": (f"{fresh}_a", f"{fresh}_b")}
    bench = Bench(database, database.issuer(**options))
    new = bench.issuer.issue(ATTEMPTS[0])
    bench.issuer.activate(new)
    session = bench.login(new.fields)
    reply = shlex.split(bench.options.by_hand(new.handle.id, {"main": database.options}))
    place = ["psql", "-h", database.options.host, "-p", str(database.options.port), "-d"]
    assert reply[:7] == [*place, "postgres"]
    assert reply[7::2] == ["-c", "-c"]
    for statement in reply[8::2]:
        database.server.run(statement)
    assert not bench.accepts(new.fields)
    with pytest.raises(Exception, match=r"terminat|closed"):
        session.execute("select 1")
