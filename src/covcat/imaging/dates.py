"""Dates as sources write them -> YYYY, YYYY-MM or YYYY-MM-DD. Pure.

A date that could be two, such as 3/4/2020, is none unless the source's order is known.
"""

import datetime
import re
import unicodedata

LATEST = 29  # 3/16/20 is of 2020; 3/16/99 could be of 1999
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_YEAR = r"(?:19|20)[0-9]{2}"
_DASHES = str.maketrans("‐‑‒–—−,", "------ ")
_CLOCK = re.compile(  # after a date: 10:22, T10:22:05.5Z, 10:22:05 AM, 10:22:05+01:00
    r"(?<=[0-9])[t ][0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?( ?[ap]\.?m\.?)?"
    r"( ?(z|utc|gmt|[+-][0-9]{2}:?[0-9]{2}))?$"
)
_COMPACT = re.compile(  # 20200313, DICOM's 20200313102205.000000, 20200313.0 of pandas
    rf"({_YEAR})([0-9]{{2}})([0-9]{{2}})(?:\.0+|t?[0-9]{{6}}(?:\.[0-9]+)?)?"
)
_YEAR_FIRST = re.compile(rf"({_YEAR})([-/.])([0-9]{{1,2}})(?:\2([0-9]{{1,2}}))?")
_HALF_YEAR = re.compile(rf"{_YEAR}\.[0-9]")  # 2020.1 may be a number, or October less its 0
_THREE = re.compile(r"([0-9]{1,4})([-/.])([0-9]{1,2})\2([0-9]{2,4})")
_ORDINAL = re.compile(r"\b([0-9]{1,2})(?:st|nd|rd|th)\b")


def date(raw: str, order: str | None = None) -> str:
    """Return YYYY, YYYY-MM or YYYY-MM-DD, or "" for what is no date or could be two.

    The time of day is left out. `order` (mdy, dmy, ymd) is what the source means by 1/2/2020.
    """
    text = unicodedata.normalize("NFKC", raw).translate(_DASHES).casefold()
    text = _CLOCK.sub("", " ".join(text.split()))
    if re.fullmatch(rf"{_YEAR}(?:\.0+)?", text):  # pandas writes 2020.0 beside blanks
        return text[:4]
    if found := _COMPACT.fullmatch(text):
        return _day(found[1], found[2], found[3])
    if _HALF_YEAR.fullmatch(text):
        return ""
    if found := _YEAR_FIRST.fullmatch(text):
        return _day(found[1], found[3], found[4])
    if found := _THREE.fullmatch(text):
        days = set()
        for letters in [order] if order else ("mdy", "dmy"):
            parts = dict(zip(letters, (found[1], found[3], found[4]), strict=True))
            year, month, day = (parts[letter] for letter in "ymd")
            if len(year) == 2 and int(year) <= LATEST:
                year = f"20{year}"
            if len(month) <= 2 and len(day) <= 2 and re.fullmatch(_YEAR, year):
                days.add(_day(year, month, day))
        days.discard("")
        # without a known order only where one day can be meant
        return days.pop() if len(days) == 1 and (order or len(found[4]) == 4) else ""
    return _with_month(text)


def _with_month(text: str) -> str:
    """Return a date whose month is named: `12 March 2020`, `Mar 4, 2020`, `2020-Mar-12`."""
    parts = re.split(r"[ /.-]+", _ORDINAL.sub(r"\1", text).strip("."))
    if parts and len(parts[0]) >= 3 and any(day.startswith(parts[0]) for day in _DAYS):
        parts = parts[1:]
    years = [one for one in parts if re.fullmatch(_YEAR, one)]
    named = [
        [9] if one == "sept" else [n for n, month in enumerate(_MONTHS, 1) if month.startswith(one)]
        for one in parts
        if len(one) >= 3 and one.isalpha()
    ]
    months = [str(numbers[0]) for numbers in named if len(numbers) == 1]
    days = [one for one in parts if re.fullmatch(r"[0-9]{1,2}", one)]
    is_whole = len(years) == len(months) == 1 and len(years + months + days) == len(parts)
    if not is_whole or len(days) > 1:
        return ""
    return _day(years[0], months[0], days[0] if days else None)


def _day(year: str, month: str, day: str | None) -> str:
    try:
        found = datetime.date(int(year), int(month), int(day or 1))
    except ValueError:  # 31 April
        return ""
    return found.isoformat() if day else f"{found:%Y-%m}"
