"""Credentials that the user has for hosts already: environment, and the hosts' own files.

Nothing here is shown or kept; `covcat.download.http` sends each to its own host only, and only
where the host refused without it. Places: each host's own client (docs/hosts.md names them).
"""

import base64
import json
import os
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from covcat.catalog.files import WebFile
from covcat.download.remote import Login

KAGGLE = "www.kaggle.com"
GITHUB = "api.github.com"
ZENODO = "zenodo.org"
FIGSHARE = "api.figshare.com"
DATAVERSE = "https://dataverse.harvard.edu"  # unless DATAVERSE_SERVER names another


def of_kaggle() -> Login | None:
    """KAGGLE_API_TOKEN or ~/.kaggle/access_token, else KAGGLE_USERNAME and KAGGLE_KEY.

    Or kaggle.json in $KAGGLE_CONFIG_DIR, ~/.kaggle or ~/.config/kaggle.
    """
    token, own, home = _value("KAGGLE_API_TOKEN"), _value("KAGGLE_CONFIG_DIR"), Path.home()
    with suppress(OSError, ValueError):  # a token may be too long for a name
        if Path(token).is_file():
            token = _plain(_text(Path(token)))
    if token := token or _plain(_text(home / ".kaggle" / "access_token")):
        return Login(KAGGLE, {"Authorization": f"Bearer {token}"})
    user, key = _value("KAGGLE_USERNAME"), _value("KAGGLE_KEY")
    for folder in (own or home / ".kaggle", home / ".kaggle", home / ".config" / "kaggle"):
        if user and key:
            break
        with suppress(ValueError, AttributeError, RecursionError):
            tree = json.loads(_text(Path(folder) / "kaggle.json"))
            user, key = (_plain(str(tree.get(one) or "")) for one in ("username", "key"))
    if not (user and key):
        return None
    return Login(KAGGLE, {"Authorization": _basic(user, key)})


def of_dataverse(server: str) -> Login | None:
    """DATAVERSE_API_TOKEN, for the server of DATAVERSE_SERVER and no other."""
    token = _value("DATAVERSE_API_TOKEN")
    own = _value("DATAVERSE_SERVER") or DATAVERSE
    try:
        host = urlsplit(own if "//" in own else f"https://{own}").netloc.lower()
    except ValueError:  # it names no server
        return None
    if not token or urlsplit(server).netloc.lower() != host:
        return None
    return Login(host, {"X-Dataverse-key": token})


def of_zenodo() -> Login | None:
    """ZENODO_TOKEN, ZENODO_API_TOKEN or ZENODO_ACCESS_TOKEN."""
    return _by_token(ZENODO, "ZENODO_TOKEN", "ZENODO_API_TOKEN", "ZENODO_ACCESS_TOKEN")


def of_figshare() -> Login | None:
    """FIGSHARE_TOKEN."""
    return _by_token(FIGSHARE, "FIGSHARE_TOKEN", word="token")


def of_github() -> Login | None:
    """GH_TOKEN or GITHUB_TOKEN: it raises the limit of 60 questions an hour."""
    return _by_token(GITHUB, "GH_TOKEN", "GITHUB_TOKEN")


def of_entry(file: WebFile) -> Login | None:
    """The variables that an entry of the catalog names, for the origin of its address alone."""
    names = [one for one in (file.token, file.user, file.password) if one]
    if not names:
        return None
    parts, values = urlsplit(file.url), [_value(one) for one in names]
    words = _basic(values[0], values[-1]) if file.user else f"Bearer {values[0]}"
    return Login(
        parts.netloc.lower(),
        {"Authorization": words} if all(values) else {},
        scheme=parts.scheme,
        hint=f"set {' and '.join(names)} to what {parts.netloc} accepts",
    )


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


def _by_token(host: str, *names: str, word: str = "Bearer") -> Login | None:
    token = next((value for name in names if (value := _value(name))), "")
    return Login(host, {"Authorization": f"{word} {token}"}) if token else None


def _value(name: str) -> str:
    """Return a variable that can be a header's value; what cannot is none."""
    return _plain(os.environ.get(name, ""))


def _text(path: Path) -> str:
    try:
        is_small = path.is_file() and path.stat().st_size < 1 << 16
        return path.read_text(encoding="utf-8-sig") if is_small else ""
    except (OSError, ValueError):
        return ""


def _plain(text: str) -> str:
    """Return a text as a header takes it; "" where it cannot be one, or is JSON and no token."""
    text = text.strip()
    return text if text.isascii() and text.isprintable() and not text.startswith("{") else ""
