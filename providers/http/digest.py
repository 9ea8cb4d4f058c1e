"""HTTP digest authentication (RFC 7616) with qop=auth: the answer to a challenge."""

import hashlib
import re
import secrets

_PART = re.compile(r'(\w+)=(?:"([^"\\]*)"|([^\s,"]+))')
_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}


def answer(challenge: str, *, user: str, password: str, method: str, path: str) -> str | None:
    """The header Authorization; None where the challenge is of an unknown kind."""
    scheme, _, rest = challenge.partition(" ")
    parts = {name.lower(): quoted or bare for name, quoted, bare in _PART.findall(rest)}
    algorithm = parts.get("algorithm", "MD5")
    wanted = {option.strip() for option in parts.get("qop", "").split(",")}
    if scheme.lower() != "digest" or algorithm not in _HASHES or "auth" not in wanted:
        return None

    def digest(*texts: str) -> str:
        return _HASHES[algorithm](":".join(texts).encode()).hexdigest()

    realm, nonce = parts.get("realm", ""), parts.get("nonce", "")
    count, ours = "00000001", secrets.token_hex(16)
    proof = digest(digest(user, realm, password), nonce, count, ours, "auth", digest(method, path))
    given = {"username": user, "realm": realm, "nonce": nonce, "uri": path, "response": proof,
             "cnonce": ours}  # fmt: skip
    if "opaque" in parts:
        given["opaque"] = parts["opaque"]
    quoted_parts = ", ".join(f'{name}="{value}"' for name, value in given.items())
    return f"Digest {quoted_parts}, qop=auth, nc={count}, algorithm={algorithm}"
