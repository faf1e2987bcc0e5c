"""How long a server asks to wait: Retry-After and its kin, pure."""

import re
import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

_YEAR = 365 * 86400  # a larger RateLimit-Reset is a date, not a number of seconds


def wait_asked(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """Return the seconds to wait, or None where the headers do not say it.

    Retry-After: RFC 9110, section 10.2.3 (seconds or a date). RateLimit-Reset: seconds in the
    drafts of the IETF, seconds since 1970 with GitHub and Zenodo; `RateLimit: …;t=` in later ones.
    """
    now = time.time() if now is None else now
    text = headers.get("retry-after", "").strip()
    if text:
        return _seconds(text) if re.fullmatch(r"[0-9]{1,12}", text) else _until(text, now)
    for name in ("ratelimit-reset", "x-ratelimit-reset"):
        seconds = _seconds(headers.get(name, ""))
        if seconds is not None:
            return max(0.0, seconds - now) if seconds > _YEAR else seconds
    found = re.search(r";\s*t=([0-9]{1,12})\b", headers.get("ratelimit", ""))
    return float(found[1]) if found else None


def _seconds(text: str) -> float | None:
    return float(text) if re.fullmatch(r"[0-9]{1,12}", text.strip()) else None


def _until(text: str, now: float) -> float | None:
    """Return the seconds until an HTTP date; 0 for one that has passed."""
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
