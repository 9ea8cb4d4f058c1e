"""How others watch the runner: what `health:` and `heartbeat:` may contain."""

from dataclasses import dataclass, field
from typing import Any

from rotation.config.routes import FILE, is_safe_url
from rotation.types import is_loopback, require

EVERY_S = 60
"""How often the journal and the connections are asked where no heartbeat says it."""
PORT = 9464


def _doc(text: str, default: Any = None) -> Any:
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, kw_only=True)
class Tls:
    """The listener's own certificate, and whose clients it answers."""

    certificate: str = field(metadata={"doc": "file with its certificate, and those above it"})
    key: str = field(metadata={"doc": "file with the key of the certificate"})
    clients: str | None = _doc("file with the authority of the certificates that clients must have")

    def __post_init__(self) -> None:
        for key, path in (("certificate", self.certificate), ("key", self.key)):
            require(FILE.fullmatch(path), f"{key}: a file, or $NAME")
        require(self.clients is None or FILE.fullmatch(self.clients), "clients: a file, or $NAME")


@dataclass(frozen=True, kw_only=True)
class Health:
    """Where `/livez`, `/readyz` and `/metrics` of `rotation serve` are."""

    listen: str = _doc("address and port", f"127.0.0.1:{PORT}")
    token: str | None = _doc("file with the token that each request must carry, or `$NAME`")
    tls: Tls | None = field(default=None, metadata={"doc": "encrypted, and for whom"})

    def __post_init__(self) -> None:
        host, port = self.address
        require(_is_address(host) and 0 < port < 65536, "listen: an IP address and a port")
        require(self.token is None or FILE.fullmatch(self.token), "token: a file, or $NAME")
        proved = self.token or (self.tls is not None and self.tls.clients)
        require(
            proved or is_loopback(host),
            "listen: beyond this host it needs `token:`, or `tls:` with `clients`",
        )

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port) if port.isascii() and port.isdigit() else 0

    @property
    def travels_bare(self) -> bool:
        """Its token crosses a network unencrypted."""
        return self.tls is None and not is_loopback(self.address[0])


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """Called while all is well; whoever watches it notices that it stopped."""

    url: str = field(
        metadata={"doc": "https://...; or the file that holds it, `$NAME`: NAME names the file"}
    )
    every_s: int = _doc("how often; within it the journal and each connection must answer", EVERY_S)

    def __post_init__(self) -> None:
        require(
            FILE.fullmatch(self.url) or is_safe_url(self.url), "url: https://..., a file, or $NAME"
        )
        require(0 < self.every_s <= 86_400, "every: up to 1d")


def _is_address(text: str) -> bool:
    import ipaddress  # noqa: PLC0415 -- every start imports this page, and few have a listener

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
