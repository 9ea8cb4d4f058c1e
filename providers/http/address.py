"""The addresses of a host, and whether a call may go there."""

import ipaddress
import socket
from collections.abc import Sequence

from rotation.errors import NeedsPerson, Transient

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# Cloud metadata services, which give credentials of this host to every caller.
_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            *("100.100.100.200", "168.63.129.16", "192.0.0.192"),
            *("169.254.169.254", "169.254.170.2", "169.254.170.23"),
            *("fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"),
        ),
    )
)

# IPv6 networks with an IPv4 address in the last 32 bits: compatible, translated, and behind a
# global or a local NAT64.
_HOLDS_IPV4 = tuple(
    map(ipaddress.IPv6Network, ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48"))
)

# Older Pythons take these for global.
_NOT_GLOBAL = tuple(map(ipaddress.IPv6Network, ("64:ff9b:1::/48", "fec0::/10")))


def resolve(host: str, port: int, networks: Sequence[str], *, loopback: bool) -> list[str]:
    """The addresses of the host, if every one of them is allowed. One that is not refuses all: a
    name with allowed and forbidden addresses looks like DNS rebinding."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Transient(
            "http.unresolved",
            f"{host} has no address; nothing was sent",
            "look at the name resolution of this host",
        ) from None
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        if not is_allowed(address, networks, loopback=loopback):
            raise NeedsPerson(
                "http.address",
                f"{host} leads to {address}, which is no public address; nothing was sent",
                "if it belongs there, list its network in the connection's `networks:`",
            )
    return addresses


def is_allowed(text: str, networks: Sequence[str], *, loopback: bool) -> bool:
    outer = ipaddress.ip_address(text.partition("%")[0])
    address = _inner(outer)
    if address in _METADATA:
        return False
    if loopback:
        return address.is_loopback
    listed = [ipaddress.ip_network(network) for network in networks]
    if any(address in network or outer in network for network in listed):
        return True
    if any(outer in network for network in _NOT_GLOBAL):
        return False
    return address.is_global and not address.is_multicast


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if any(address in network for network in _HOLDS_IPV4) and not address.is_loopback:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
