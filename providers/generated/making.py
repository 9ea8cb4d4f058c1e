"""Makes the bytes from the operating system's random numbers and from nothing else."""

import secrets
from collections.abc import Callable, Sequence

from providers.generated.options import GeneratedOptions
from rotation.types import Fields, SecretValue


def password(length: int, alphabets: Sequence[str]) -> str:
    """A text with a character of every alphabet; all such texts are equally likely."""
    characters = "".join(alphabets)
    while True:
        # Drawn again as a whole: filling in what is missing would make some texts likelier.
        text = "".join(secrets.choice(characters) for _ in range(length))
        if all(set(text) & set(alphabet) for alphabet in alphabets):
            return text


def token(length: int, alphabets: Sequence[str], prefix: str) -> str:
    characters = "".join(alphabets)
    return prefix + "".join(secrets.choice(characters) for _ in range(length))


def key_pair(algorithm: str) -> tuple[str, str]:
    """A private key (PKCS #8) and its public key (SubjectPublicKeyInfo), both PEM."""
    # `cryptography` is an extra: passwords alone do not need it.
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa  # noqa: PLC0415

    algorithms: dict[
        str,
        Callable[[], ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey],
    ] = {
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "ecdsa-p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "rsa-3072": lambda: rsa.generate_private_key(65537, 3072),
        "rsa-4096": lambda: rsa.generate_private_key(65537, 4096),
    }
    private = algorithms[algorithm]()
    return (
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        ).decode(),
        private.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode(),
    )


def make(options: GeneratedOptions) -> Fields:
    """New fields by these options."""
    match options.kind:
        case "password":
            text = password(options.characters, options.alphabets)
            return Fields(secret={"password": SecretValue(text)})
        case "token":
            text = token(options.characters, options.alphabets, options.prefix or "")
            return Fields(secret={"token": SecretValue(text)})
        case "key-pair":
            private, public = key_pair(options.algorithm)
            return Fields(
                public={"public_key": public}, secret={"private_key": SecretValue(private)}
            )
