"""What the services answer when they refuse: a code, a sentence, an HTTP status.

One condition has different codes at different services: IAM and STS speak the *query* protocol,
Secrets Manager and CloudTrail the *json* protocol, and each protocol has its own words for the same thing.
"""

from __future__ import annotations


class Refusal(Exception):
    """The service says no. `code` is what a client may decide on."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message
        self.status = status


def _json(service: str) -> bool:
    return service in ("secretsmanager", "cloudtrail")


def unknown_credential(service: str) -> Refusal:
    """Unknown, inactive, deleted, not yet arrived, or a wrong session token: all look alike."""
    message = "The security token included in the request is invalid."
    if _json(service):
        return Refusal("UnrecognizedClientException", message)
    return Refusal("InvalidClientTokenId", message, 403)


def wrong_signature(service: str) -> Refusal:
    """The signature was not made with this key's secret."""
    message = (
        "The request signature we calculated does not match the signature you provided. "
        "Check your AWS Secret Access Key and signing method."
    )
    if _json(service):
        return Refusal("InvalidSignatureException", message)
    return Refusal("SignatureDoesNotMatch", message, 403)


def wrong_date(service: str, sentence: str) -> Refusal:
    """The date of the signature is too far from the server's time."""
    if _json(service):
        return Refusal("InvalidSignatureException", sentence)
    return Refusal("SignatureDoesNotMatch", sentence, 403)


def expired_session(service: str) -> Refusal:
    """Temporary credentials after their end."""
    message = "The security token included in the request is expired"
    if _json(service):
        return Refusal("ExpiredTokenException", message)
    return Refusal("ExpiredToken", message, 403)


def unsigned(service: str) -> Refusal:
    """There is no signature at all."""
    return Refusal(
        "MissingAuthenticationTokenException" if _json(service) else "MissingAuthenticationToken",
        "Request is missing Authentication Token",
        403,
    )


def denied(service: str, principal: str, action: str, resource: str) -> Refusal:
    """Authenticated, not allowed."""
    message = (
        f"User: {principal} is not authorized to perform: {action} on resource: {resource} "
        f"because no identity-based policy allows the {action} action"
    )
    if _json(service):
        return Refusal("AccessDeniedException", message)
    return Refusal("AccessDenied", message, 403)


def invalid(service: str, message: str) -> Refusal:
    """A parameter breaks the service's model."""
    return Refusal("InvalidParameterException" if _json(service) else "ValidationError", message)


def not_modelled(action: str) -> Refusal:
    """Strict AWS does not know this operation and does not pretend to."""
    return Refusal("NotModelled", f"Strict AWS does not model {action}.", 501)
