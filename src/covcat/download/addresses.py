"""Addresses: which are private, how names spell them out, and what of one may be shown."""

import re
import socket
from collections.abc import Collection
from ipaddress import IPv6Address, ip_address
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from covcat.errors import NetworkError


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


_SECRET = re.compile(
    r"(?i)[?&](?:[^&=]*(?:signature|credential|token|secret|passw|apikey|api_key)[^&=]*|key|sig)="
)


def without_secrets(url: str) -> str:
    """Return an address as it may be shown and kept: signed ones without what signs them."""
    return url.partition("?")[0] if _SECRET.search(url) else url


def redirected(url: str, location: str, mirror: str | None, secrets: Collection[str] = ()) -> str:
    """Return where a redirect leads; judged as if there were no mirror.

    `secrets` are for who redirects alone: an address goes to whoever is asked next, and is kept.

    Raises:
        NetworkError: it is no web address, has a user name or a secret, or goes from https to http.
    """
    if any(one in text for one in secrets for text in (location, unquote(location))):
        host = urlsplit(url).netloc
        raise NetworkError(
            f"`{host}` redirects to an address with the login in it",
            hint="tell whoever runs that server; an address would be kept, and shown to others",
        )
    own = (mirror or "").rstrip("/") + "/"
    if len(own) > 1 and location.startswith(own):
        location = "https://" + location.removeprefix(own)
    try:
        target = urlsplit(urljoin(url, location))
        reachable = target.scheme in ("http", "https") and target.hostname and target.port != 0
    except ValueError:
        reachable = False
        target = urlsplit("")
    url, location = without_secrets(url), without_secrets(location)
    if not location or not reachable:
        raise NetworkError(f"`{url}` redirects to `{location}`, which is not a web address")
    if target.username is not None or target.password is not None:
        raise NetworkError(f"`{url}` redirects to an address with a user name in it")
    if urlsplit(url).scheme == "https" and target.scheme == "http":
        raise NetworkError(f"`{url}` redirects to `{location}`: from https to http")
    return urlunsplit(target._replace(fragment=""))
