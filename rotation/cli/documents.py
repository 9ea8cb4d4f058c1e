"""What each JSON document contains: a JSON Schema for each kind.

A program may rely on the keys that are named here: they are always there, with these types. The
same `schema_version` may get more, so a program has to ignore keys that it does not know.
"""

from typing import Any

from rotation.cli.output import SCHEMA_VERSION

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer"}
YES_OR_NO: Schema = {"type": "boolean"}
TIME: Schema = {"type": "string", "format": "date-time"}
ANYTHING: Schema = {}


def maybe(shape: Schema) -> Schema:
    """The same shape, or null."""
    return {**shape, "type": [shape["type"], "null"]}


def listed(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def by_name(of: Schema) -> Schema:
    return {"type": "object", "additionalProperties": of}


def record(optional: dict[str, Schema] | None = None, /, **members: Schema) -> Schema:
    """A trailing underscore distinguishes a key from a keyword of Python."""
    named = {key.removesuffix("_"): shape for key, shape in members.items()}
    return {
        "type": "object",
        "properties": {**named, **(optional or {})},
        "required": list(named),
    }


PROBLEM = record(code=TEXT, message=TEXT, hint=maybe(TEXT))
NAMES = listed(TEXT)
DONE = {"message": TEXT}
GOES_ON = maybe(record(who=maybe(TEXT), at=maybe(TIME), command=maybe(TEXT)))

# current: what readers get now; old: what an open rotation replaces; on_hold: why it was paused.
STATUS = record(
    secret=TEXT, class_=TEXT, state=TEXT, needs_attention=YES_OR_NO, age_s=maybe(COUNT),
    age_stated=YES_OR_NO, max_age_s=COUNT, due_at=maybe(TIME), why=TEXT, current=maybe(TEXT),
    old=maybe(TEXT), asserted=YES_OR_NO, plan=maybe(TEXT), phase=maybe(TEXT), row=maybe(TEXT),
    waits_until=maybe(TIME), waits_for=maybe(TEXT), held=maybe(TEXT), held_at=maybe(TIME),
    last_outcome=maybe(TEXT), last_success_at=maybe(TIME), what_works=maybe(TEXT), seen_at=maybe(TIME),
    old_dies_not_before=maybe(TIME), exits=NAMES, goes_on=GOES_ON, exception=maybe(TEXT),
    strangers=NAMES, strangers_seen_at=maybe(TIME), differs=listed(PROBLEM), differs_seen_at=maybe(TIME), on_hold=maybe(TEXT), on_hold_by=maybe(TEXT),
    on_hold_until=maybe(TIME),
)  # fmt: skip

ROTATIONS = record(
    secret=TEXT, plan=TEXT, rotation=COUNT, state={"enum": ["closed", "held", "waiting"]},
    outcome=maybe(TEXT), held=maybe(TEXT), met=maybe(PROBLEM), waits_until=maybe(TIME),
    waits_for=maybe(TEXT), old=maybe(TEXT), new=maybe(TEXT), destroyed=NAMES, left_alive=NAMES,
    death=maybe(TEXT), old_dies_not_before=maybe(TIME), what_works=TEXT, seen_at=maybe(TIME),
    exits=NAMES, goes_on=GOES_ON, on_hold=maybe(TEXT), on_hold_by=maybe(TEXT), exit_code=COUNT,
)  # fmt: skip

PAST = record(
    secret=TEXT, rotation=COUNT, plan=TEXT, trigger=maybe(TEXT), who=maybe(TEXT), opened_at=TIME,
    last_at=TIME, outcome=maybe(TEXT), held=maybe(TEXT), met=maybe(PROBLEM), old=maybe(TEXT),
    new=maybe(TEXT), destroyed=NAMES, death=maybe(TEXT), reason=maybe(TEXT), scope=NAMES,
    evidence=by_name(ANYTHING),
)  # fmt: skip

STEP = record(
    row=TEXT, phase=TEXT, state=TEXT, began_at=maybe(TIME), done_at=maybe(TIME),
    waits_until=maybe(TIME), tries=COUNT, code=maybe(TEXT), message=maybe(TEXT),
    facts=by_name(ANYTHING),
)  # fmt: skip

PLANNED = record(secret=TEXT, state=TEXT, why=TEXT, at=maybe(TIME), open=maybe(TEXT))
CALL = record(set=TEXT, service=TEXT, action=TEXT, resource=TEXT)
ROW = record(
    step=TEXT, phase=TEXT, subject=TEXT, sets=NAMES, effect=YES_OR_NO, windowed=YES_OR_NO,
    on_failure=TEXT, calls=listed(CALL),
)  # fmt: skip
PLAN_OF_ALL = record(stops=listed(PROBLEM), due=COUNT, secrets=listed(PLANNED))
PLAN_OF_ONE = record(
    **PLANNED["properties"], rows=listed(ROW), destroys=maybe(TEXT), by_hand=YES_OR_NO,
    suspend_not_before=maybe(TIME), destroy_not_before=maybe(TIME), plan=TEXT,
    without_access=maybe(listed(TIME)), permissions_probed=YES_OR_NO,
    differences=listed(record(code=TEXT, message=TEXT)), approvals=by_name(COUNT), approvers=NAMES,
)  # fmt: skip

LOGIN = record(
    connection=TEXT, type=TEXT, owner=maybe(TEXT), kind=maybe(TEXT), id=maybe(TEXT),
    created=maybe(TIME), age_s=maybe(COUNT), expires=maybe(TIME), accepted=maybe(YES_OR_NO),
    error=maybe(TEXT),
)  # fmt: skip

ALERT = record(
    event=TEXT, severity={"enum": ["page", "warn", "info"]}, sentence=TEXT, secret=TEXT,
    owner=maybe(TEXT), environment=maybe(TEXT), row=maybe(TEXT), since=maybe(TIME), raised_at=TIME,
    why=maybe(TEXT), works=maybe(TEXT), until=maybe(TIME), next=TEXT, page=TEXT, acknowledged_at=maybe(TIME),
    acknowledged_by=maybe(TEXT), reason=maybe(TEXT), undelivered=NAMES,
)  # fmt: skip

INCIDENT = record(
    id=TEXT, secret=TEXT, owner=maybe(TEXT), reason=maybe(TEXT), by=maybe(TEXT), opened_at=TIME,
    state={"enum": ["open", "to close", "closed", "cancelled", "superseded"]},
    ended_at=maybe(TIME), scope=NAMES, unproven=NAMES, works=TEXT, evidence=by_name(ANYTHING),
    rotation=COUNT, checks=listed(record(step=TEXT, done=maybe(YES_OR_NO), found=TEXT)),
    timeline=listed(record(at=TIME, who=maybe(TEXT), what=TEXT)),
)  # fmt: skip
REVIEW = record(
    owner=TEXT, state={"enum": ["never", "open", "overdue", "signed"]}, begun=maybe(TIME),
    due=maybe(TIME), signed=maybe(TIME), by=maybe(TEXT), note=maybe(TEXT),
)  # fmt: skip
CONTROL = record(
    id=TEXT, source=TEXT, asks=TEXT, counted=TEXT, total=COUNT, failing=NAMES,
    counts=by_name(COUNT), command=TEXT,
)  # fmt: skip
OWNED = record(
    secret=TEXT, application=TEXT, environment=TEXT, owner=TEXT, class_=TEXT, issuer=TEXT, scope=TEXT, place=TEXT,
    consumers=NAMES, current=maybe(TEXT), created=maybe(TIME), rotated=maybe(TIME),
    expires=maybe(TIME), age_s=maybe(COUNT), max_age_s=COUNT, due=maybe(TIME), states=NAMES,
    by_hand=YES_OR_NO, connections=NAMES,
)  # fmt: skip

SHAPES: dict[str, Schema] = {
    "ack": record(secret=TEXT, events=NAMES, reason=maybe(TEXT), **DONE),
    "alerts": record(
        alerts=listed(ALERT),
        failing=listed(record(route=TEXT, since=TIME, waiting=COUNT, code=TEXT)),
    ),
    "alerts-test": record(route=TEXT, **DONE),
    "approvals": record(
        waiting=listed(record(
            secret=TEXT, step=TEXT, request=maybe(TEXT), does=maybe(TEXT), rows=NAMES, digest=maybe(TEXT),
            requester=maybe(TEXT), needs=COUNT, by=NAMES, given=NAMES, not_counted=by_name(TEXT),
            refused_by=maybe(TEXT), asked_at=maybe(TIME), ends_at=maybe(TIME), next=TEXT,
        )),
        reviews=listed(record(secret=TEXT, who=maybe(TEXT), at=TIME, reason=TEXT, next=TEXT)),
    ),
    "approve": record(secret=TEXT, approver=TEXT, given=NAMES, needs=COUNT, **DONE),
    "audit": record(
        whole=YES_OR_NO, checkpoints=COUNT, latest=maybe(COUNT), latest_at=maybe(TIME),
        anchored=COUNT, unanchored=COUNT,
        findings=listed(record(code=TEXT, stream=TEXT, seq=maybe(COUNT), message=TEXT)),
    ),
    "audit-key": record(file=TEXT, key=TEXT, **DONE),
    "breaker": record(group=TEXT, reason=TEXT, **DONE),
    "breakers": record(breakers=listed(record(group=TEXT, at=TIME, reason=TEXT, next=TEXT))),
    "config": record(
        path=TEXT, installation=TEXT, journal=TEXT, digest=TEXT, alerts=listed(by_name(ANYTHING)),
        secrets=listed(by_name(ANYTHING)),
    ),
    "config-check": record(
        valid=YES_OR_NO, secrets=maybe(COUNT), further=COUNT,
        findings=listed(record(file=TEXT, line=COUNT, path=TEXT, code=TEXT, message=TEXT,
                               hint=TEXT, level={"enum": ["error", "warning", "info"]})),
    ),
    "trust-file": record(path=TEXT, digest=TEXT, **DONE),
    "trust": record(
        packages=listed(record(name=TEXT, version=TEXT, digest=TEXT, plugins=NAMES, standing=TEXT,
                               line=TEXT)),
    ),
    "config-changes": record(
        gains=listed(record(kind=TEXT, whose=TEXT, what=TEXT)), new=NAMES, gone=NAMES,
        renamed=by_name(TEXT), moved=by_name(NAMES), changed=by_name(NAMES), pauses=by_name(TEXT),
        due=maybe(NAMES), settings=NAMES,
    ),
    "config-diff": record(
        new=NAMES, gone=NAMES, renamed=by_name(TEXT), changed=by_name(NAMES), later=by_name(NAMES)
    ),
    "control": CONTROL,
    "connections": record(connections=listed(LOGIN)),
    "contained": record(
        secret=TEXT, contained=NAMES, not_contained=NAMES, by_hand=listed(maybe(TEXT)),
        spill=maybe(TEXT), journal=TEXT, **DONE,
    ),
    "doctor": record(
        checks=listed(record(subject=TEXT, ok=YES_OR_NO, code=maybe(TEXT), finding=TEXT, next=maybe(TEXT)))
    ),
    "error": record(error=PROBLEM),
    "freeze": record(frozen=YES_OR_NO, reason=maybe(TEXT), file=maybe(TEXT), **DONE),
    "handover": record(
        {"successor": TEXT, "proven": maybe(TEXT), "next": NAMES, "death": TEXT}, connection=TEXT
    ),
    "history": record(rotations=listed(PAST)),
    "incident": INCIDENT,
    "incident-closed": record(incident=TEXT, note=TEXT, **DONE),
    "incident-noted": record(incident=TEXT, note=TEXT, **DONE),
    "incident-written": record(file=TEXT, **DONE),
    "incidents": record(incidents=listed(INCIDENT)),
    "init": record(config=TEXT, journal=TEXT, installation=TEXT, secret=maybe(TEXT)),
    "journal-backup": record(file=TEXT, **DONE),
    "journal-check": record(
        whole=YES_OR_NO, next=maybe(TEXT),
        findings=listed(record(code=TEXT, stream=TEXT, seq=maybe(COUNT), message=TEXT)),
    ),
    "journal-repair": record(repaired=NAMES, next=TEXT, **DONE),
    "journal-restore": record(file=TEXT, former=maybe(TEXT), next=TEXT, **DONE),
    "journal-upgrade": record(had=COUNT, has=COUNT, **DONE),
    "merged": record(secret=TEXT, spill=TEXT, **DONE),
    "pause": record(secret=TEXT, paused=YES_OR_NO, reason=maybe(TEXT), until=maybe(TIME), **DONE),
    "plan": {"anyOf": [PLAN_OF_ALL, PLAN_OF_ONE]},
    "policy": record(
        family=TEXT,
        documents=listed(record(connection=TEXT, name=TEXT, kind=TEXT, holder=TEXT,
                                document=ANYTHING, remark=maybe(TEXT))),
    ),
    "reconcile": record(
        secrets=listed(record(secret=TEXT, equal=YES_OR_NO, differences=listed(PROBLEM)))
    ),
    "reject": record(secret=TEXT, step=TEXT, reason=TEXT, **DONE),
    "approvals-review": record(secret=TEXT, note=TEXT, **DONE),
    "report": record(
        installation=TEXT, at=TIME, since=TIME, secrets=listed(OWNED), overdue=NAMES,
        exceptions=listed(record(secret=TEXT, what=TEXT, owner=TEXT, reason=TEXT, until=maybe(TIME))),
        access=listed(record(connection=TEXT, set=TEXT, holder=TEXT, does=TEXT, calls=NAMES,
                             secrets=NAMES, used=maybe(YES_OR_NO))),
        as_found=maybe(listed(record(subject=TEXT, ok=YES_OR_NO, finding=TEXT))),
        deeds=listed(record(at=TIME, who=TEXT, what=TEXT, secret=maybe(TEXT), reason=maybe(TEXT))),
        reviews=listed(REVIEW), controls=listed(CONTROL),
    ),
    "report-written": record(file=TEXT, **DONE),
    "review-signed": record(owner=TEXT, secrets=NAMES, note=TEXT, **DONE),
    "review-started": record(owners=NAMES, **DONE),
    "reviews": record(reviews=listed(REVIEW)),
    "rotation": record(
        **PAST["properties"], mode=TEXT, rows=listed(STEP), what_works=TEXT, seen_at=maybe(TIME),
        old_dies_not_before=maybe(TIME), exits=NAMES, on_hold=maybe(TEXT), on_hold_by=maybe(TEXT),
        approvals=listed(record(step=TEXT, said=TEXT, who=TEXT, at=TIME, reason=maybe(TEXT))),
    ),
    "rotations": record(rotations=listed(ROTATIONS)),
    "saved-plan": record(
        installation=TEXT,
        secrets=listed(record(secret=TEXT, stream=TEXT, seq=COUNT, hash=TEXT, spec_sha256=TEXT)),
    ),
    "schemas": record(kinds=NAMES),
    "status": record(stops=listed(PROBLEM), unmerged=listed(PROBLEM), alerts=listed(PROBLEM), reviews=listed(PROBLEM), summary=by_name(COUNT), secrets=listed(STATUS)),
    "version": record(
        rotation=TEXT, python=TEXT, system=TEXT, journal_schema=COUNT, plugin_contract=ANYTHING,
        plans=by_name(COUNT), libraries=by_name(maybe(TEXT)),
    ),
}  # fmt: skip


def schema_of(kind: str) -> Schema:
    """The schema of a whole document of that kind."""
    head = record(schema_version={"const": SCHEMA_VERSION}, kind={"const": kind})
    return {"$schema": DIALECT, "title": kind, "allOf": [head, SHAPES[kind]]}
