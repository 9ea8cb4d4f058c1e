"""`rotation demo`: real rotations against strict AWS, all on this machine."""

from rotation.demo import needs


def main() -> int:
    """The exit code is 0 only if every number at its end is what it must be."""
    needs("boto3", "cryptography", "moto", "flask", "flask_cors")
    from providers.aws.demo.environment import prepare  # noqa: PLC0415 -- `rotation demo` alone pays
    from rotation.demo.performance import perform  # noqa: PLC0415

    return perform("rotation demo: real rotations on this machine; no account, no network", prepare)
