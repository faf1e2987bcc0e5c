"""Which network addresses are private, and how names spell them out."""

import socket
from ipaddress import IPv6Address, ip_address


def is_private(address: str) -> bool:
    """Say whether an IP address is of a private, local or reserved network."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return not found.is_global or found.is_multicast


def spelt_address(host: str) -> str:
    """Return the address that a host's name spells out, as in 127.0.0.1, 0x7f.1 and localhost."""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    if ":" in host:
        return host.strip("[]")
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, ValueError):
        return ""
