"""What one look changes in the outbox: all of it in one transaction."""

import json
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from rotation.alerts.alert import Alert, wanted_by
from rotation.alerts.records import Look
from rotation.alerts.table import EVENTS, TEST, Lasts
from rotation.config.routes import Route
from rotation.journal.entries import stamp, unstamp

KEPT = timedelta(days=7)
"""How long what is over is remembered, so that it is not news again."""
SET_BACK = timedelta(minutes=1)
"""Less is how clocks are corrected."""

Run = Callable[..., sqlite3.Cursor]

_NEWS = json.dumps([name for name, event in EVENTS.items() if event.lasts is Lasts.NEWS])


def record(run: Run, look: Look, routes: Sequence[Route], now: datetime) -> None:
    about, at = dict(run("about").fetchall()), stamp(now)
    if look.origin is not None and look.origin != about.get("origin"):
        _begin_again(run, about.get("origin"), look.origin)
    _follow_clock(run, about.get("looked_at"), now)
    _follow_routes(run, about.get("routes"), routes, at)
    for alert in look.happened:
        if run("insert", **_values(alert), now=at).rowcount:
            _address(run, run("one", **_values(alert)).fetchone()[0], alert, routes, at)
    _follow_conditions(run, look, routes, at)
    for stream, seq in look.seen.items():
        run("see", stream=stream, seq=seq)
    run("end_news", events=_NEWS, now=at)
    _forget(run, (id_ for (id_,) in run("gone", before=stamp(now - KEPT)).fetchall()))
    run("tell", name="looked_at", value=at)


def _begin_again(run: Run, before: str | None, origin: str) -> None:
    """Another installation's file says nothing of this one. After a restore nobody knows whether what
    stood is over: what still stands is raised again."""
    if before is not None:
        same = before.split()[0] == origin.split(maxsplit=1)[0]
        rows = run("standing" if same else "all").fetchall()
        states = (row[0] for row in rows if not same or _lasts(row[2]) is Lasts.STATE)
        _forget(run, states)
        run("unsee")
    run("tell", name="origin", value=origin)


def _forget(run: Run, ids: Iterable[int]) -> None:
    for id_ in ids:
        run("forget_delivery", id=id_)
        run("forget", id=id_)


def _follow_clock(run: Run, looked_at: str | None, now: datetime) -> None:
    """A clock that was ahead must not keep what was put off by it."""
    before = unstamp(looked_at)
    if before is None or before - now < SET_BACK:
        return
    for alert, route, due in run("later", now=stamp(now)).fetchall():
        earlier = max(datetime.fromisoformat(due) - (before - now), now)
        run("move", alert=alert, route=route, due=stamp(earlier), now=stamp(now))


def _follow_routes(run: Run, before: str | None, routes: Sequence[Route], at: str | None) -> None:
    """Where the routes changed, what is open goes to those that want it now, and to no other."""
    asked = json.dumps([[r.id, r.severities, r.owners, r.environments] for r in routes])
    if asked == before:
        return
    run("forget_routes", routes=json.dumps([route.id for route in routes]))
    for id_, *_, said in run("standing").fetchall():
        alert = Alert.read(json.loads(said))
        wanted = wanted_by(alert, routes)
        run("narrow", id=id_, routes=json.dumps(wanted))
        for route in wanted if alert.kind.lasts is not Lasts.NEWS else ():
            run("address", id=id_, route=route, now=at)
            run("restart", id=id_, route=route, now=at)
    run("tell", name="routes", value=asked)


def _follow_conditions(run: Run, look: Look, routes: Sequence[Route], at: str | None) -> None:
    standing = {tuple(key): (id_, said) for id_, *key, said in run("standing").fetchall()}
    for alert in look.stands:
        values = _values(alert)
        known = standing.pop((values["stream"], alert.event, values["episode"]), None)
        if known is not None and known[1] != values["said"]:
            run("refresh", id=known[0], said=values["said"])
        elif known is None and alert.begins:
            _raise(run, alert, values, routes, at)
    for (stream, event, _), (id_, said) in standing.items():
        if look.whole and _is_over(str(stream), str(event), said, look):
            run("end", id=id_, now=at)
            for query in ("may_have_it", "announce_end", "give_up"):
                run(query, id=id_, now=at)


def _raise(
    run: Run, alert: Alert, values: dict[str, Any], routes: Sequence[Route], at: str | None
) -> None:
    new = run("insert", **values, now=at).rowcount
    (id_, _) = run("one", **values).fetchone()
    if not new:
        run("reopen", id=id_, said=values["said"], now=at)
    _address(run, id_, alert, routes, at)
    if not new:
        run("announce_again", id=id_, now=at)


def _address(run: Run, id_: int, alert: Alert, routes: Sequence[Route], at: str | None) -> None:
    for route in wanted_by(alert, routes):
        run("address", id=id_, route=route, now=at)


def _is_over(stream: str, event: str, said: str, look: Look) -> bool:
    """What is so ends when it is no longer so, a rollback when a later rotation succeeds."""
    if _lasts(event) is Lasts.STATE:
        return True
    if event != "rolled-back":
        return False
    successes = (e for e in look.happened if e.event == "succeeded" and e.stream == stream)
    since = json.loads(said)["since"] or ""
    return any((stamp(each.since) or "") > since for each in successes)


def _lasts(event: str) -> Lasts:
    return EVENTS.get(event, TEST).lasts


def _values(alert: Alert) -> dict[str, Any]:
    said = alert.said()
    key = {name: said[name] for name in ("stream", "event", "episode", "secret")}
    return {**key, "said": json.dumps(said, ensure_ascii=False)}
