"""The server's whole behaviour, without its sockets: a request goes in, a delivery comes out.

In order: count the call and look for faults, wait, then under one lock let somebody else act,
authenticate, authorise, apply the rules, note the call.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal

from moto.iam.models import IAMBackend

from providers.aws.testing import refusals, wire
from providers.aws.testing.authorisation import Gate
from providers.aws.testing.clock import ServerClock
from providers.aws.testing.cloudtrail import CloudTrail
from providers.aws.testing.faults import Fault, Faults
from providers.aws.testing.iam import Iam
from providers.aws.testing.identity import ENDPOINTS, KeyRing
from providers.aws.testing.last_used import LastUsed, Use
from providers.aws.testing.out_of_band import OutOfBand
from providers.aws.testing.passthrough import OPERATIONS, ask_moto
from providers.aws.testing.refusals import Refusal
from providers.aws.testing.replication import Replication
from providers.aws.testing.resources import resource_of
from providers.aws.testing.secret_lifecycle import SecretLifecycle
from providers.aws.testing.secret_rules import SecretRules
from providers.aws.testing.secret_store import SecretShelf
from providers.aws.testing.secret_values import SecretValues
from providers.aws.testing.settings import ADMIN, ADMIN_NAME, Settings
from providers.aws.testing.signature import Claim, read_claim
from providers.aws.testing.state import Call, Operations, State
from providers.aws.testing.sts import Sts

# AWS answers these whatever the policies say.
_NEVER_DENIED = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken"})

Way = Literal["sent", "lost", "hung"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """A response, and whether the client ever sees it."""

    response: wire.Response
    way: Way = "sent"


class World:
    """One account: its services, its faults, its people."""

    def __init__(self, settings: Settings) -> None:
        self.lock = threading.RLock()
        self.state = _new_state(settings)
        self.faults = Faults()
        self.faults.latency(settings.latency_ms)
        iam, rules = Iam(self.state), SecretRules(self.state)
        values = SecretValues(rules)
        self._operations: dict[str, Operations] = {
            "iam": iam.operations,
            "sts": Sts(self.state).operations,
            "cloudtrail": CloudTrail(self.state).operations,
            "secretsmanager": {**values.operations, **SecretLifecycle(rules, values).operations},
        }
        iam.install(ADMIN_NAME, ADMIN.access_key_id, ADMIN.secret_access_key)
        self.out_of_band = OutOfBand(self.state, self._operations)

    def handle(self, request: wire.Request) -> Delivery:
        """Answer one request."""
        try:
            claim, asked = _read(request)
        except Refusal as refusal:
            service = "secretsmanager" if "x-amz-target" in request.headers else "iam"
            return Delivery(response=wire.refuse(service, refusal))
        struck = self.faults.struck(f"{claim.service}:{asked.operation}")
        if self.faults.latency_s:
            self.state.clock.pause(self.faults.latency_s)
        with self.lock:
            return self._take(request, claim, asked, struck)

    def _take(
        self, request: wire.Request, claim: Claim, asked: _Asked, struck: list[Fault]
    ) -> Delivery:
        for order in struck:
            if order.kind == "between":
                self.out_of_band.perform(order.acts)
        fault = next((order for order in struck if order.kind != "between"), None)
        try:
            if fault is not None and not fault.applies:
                raise _injected(fault)
            response, outcome = self._apply(request, claim, asked), "ok"
            if fault is not None and fault.code is not None:
                response = wire.refuse(claim.service, _injected(fault))
        except Refusal as refusal:
            response, outcome = wire.refuse(claim.service, refusal), refusal.code
        way: Way = "sent" if fault is None else fault.way
        self._note(request, claim, asked, outcome, way)
        return Delivery(response=response, way=way)

    def _apply(self, request: wire.Request, claim: Claim, asked: _Asked) -> wire.Response:
        principal = self.state.keyring.authenticate(request, claim)
        call = Call(
            service=claim.service,
            operation=asked.operation,
            region=claim.region,
            principal=principal,
            parameters=asked.parameters,
        )
        known = self._operations[call.service].get(call.operation)
        if known is None and call.operation not in OPERATIONS[call.service]:
            raise refusals.not_modelled(call.action)
        self._authorise(call)
        if known is None:
            return ask_moto(self.state.iam, self.state.shelf, call.service, call.region, request)
        return wire.answer(call.service, call.operation, known.run(call))

    def _authorise(self, call: Call) -> None:
        if call.action in _NEVER_DENIED:
            return
        resource, context = resource_of(self.state, call)
        if not self.state.gate.allows(call.principal, call.action, resource, context):
            raise refusals.denied(call.service, call.principal.arn, call.action, resource)

    def _note(
        self, request: wire.Request, claim: Claim, asked: _Asked, outcome: str, way: Way
    ) -> None:
        now = self.state.clock.now()
        self.state.last_used.note(
            claim.access_key_id,
            Use(now, claim.service, claim.region),
            self.state.clock.moment(),
            succeeded=outcome == "ok",
        )
        owner = self.state.keyring.owner_of(claim.access_key_id)
        self.state.log.add(
            service=claim.service,
            operation=asked.operation,
            region=claim.region,
            principal=owner.arn if owner else None,
            access_key_id=claim.access_key_id,
            parameters=asked.parameters,
            user_agent=request.headers.get("user-agent", ""),
            outcome=outcome,
            answer=way,
            at=now.timestamp(),
        )


@dataclass(frozen=True, slots=True)
class _Asked:
    operation: str
    parameters: wire.Parameters


def _read(request: wire.Request) -> tuple[Claim, _Asked]:
    claim = read_claim(request)
    if claim.service not in ENDPOINTS:
        raise Refusal("UnknownService", f"Strict AWS has no {claim.service}.", 501)
    return claim, _Asked(*wire.read_call(claim.service, request))


def _injected(fault: Fault) -> Refusal:
    code = fault.code or "NotApplied"
    return Refusal(code, "This fault was ordered.", fault.status)


def _new_state(settings: Settings) -> State:
    clock, shelf = ServerClock(), SecretShelf(settings.account)
    return State(
        account=settings.account,
        region=settings.region,
        clock=clock,
        keyring=KeyRing(clock),
        gate=Gate(f"arn:aws:iam::{settings.account}:user/{ADMIN_NAME}"),
        iam=IAMBackend("aws", settings.account),
        shelf=shelf,
        replication=Replication(shelf, clock),
        last_used=LastUsed(),
    )
