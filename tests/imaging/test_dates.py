"""Dates as sources write them -> dates of the index: as exact as they were, none made up."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from covcat.imaging.dates import date

TEXT = st.text(st.characters(codec="utf-8"), max_size=30)


@pytest.mark.parametrize(
    ("raw", "order", "expected"),
    [
        ("2020", None, "2020"),
        ("January 22, 2020", None, "2020-01-22"),
        ("Mar 4, 2020", None, "2020-03-04"),
        ("Mar. 4 2020", None, "2020-03-04"),
        ("March 2003", None, "2003-03"),
        ("20200313", None, "2020-03-13"),  # Actualmed, DICOM
        ("2020-03-13", None, "2020-03-13"),
        ("2/29/2020", "mdy", "2020-02-29"),
        ("03/16/20", "mdy", "2020-03-16"),
        ("13.04.20", "dmy", "2020-04-13"),
        ("2020/3/13", "ymd", "2020-03-13"),
        # with the time of day, which is left out: pandas, ISO 8601, DICOM, R, Excel in the USA
        ("2020-03-13 00:00:00", None, "2020-03-13"),
        ("2020-03-14T10:22:05", None, "2020-03-14"),
        ("2020-03-14T10:22:05.123Z", None, "2020-03-14"),
        ("2020-03-14 10:22:05+01:00", None, "2020-03-14"),
        ("20200314102205.000000", None, "2020-03-14"),
        ("3/14/2020 10:22 PM", None, "2020-03-14"),
        ("20200313.0", None, "2020-03-13"),  # pandas, in a column with blanks
        ("2020.0", None, "2020"),
        # a month without its day
        ("2020-03", None, "2020-03"),
        ("2020/3", None, "2020-03"),
        ("2020.03", None, "2020-03"),
        # what only one day can be meant by
        ("13/3/2020", None, "2020-03-13"),
        ("12/31/2019", None, "2019-12-31"),
        ("03-04-2020", "dmy", "2020-04-03"),
        # Cohen's placeholder, of which year, the third of April or the fourth of March
        *((raw, None, "") for raw in ("9999", "January 20", "3/4/2020", "3/4/2020 10:22 PM")),
        # 1999 or 2099, and no days of the calendar
        *((raw, "mdy", "") for raw in ("03/16/99", "03/16/020", "2/30/2020", "16/03/2020")),
        *((raw, None, "") for raw in ("20201332", "31 April 2020", "2020-13", "31/12/19")),
        # October less its 0, or a number; and what is no date
        *((raw, None, "") for raw in ("2020.1", "Ma 2020", "Smarch 13, 2020", "0", "")),
        # other calendars, spans, and Excel's number of 13 March 2020
        *((raw, None, "") for raw in ("2020-W10", "Mar-20", "43903", "2019-20")),
        *((raw, None, "") for raw in ("2020-03-13/2020-03-20", "2020-03-13\n2020-04-13")),
    ],
)
def test_a_date_is_as_exact_as_it_was_written(raw: str, order: str | None, expected: str) -> None:
    assert date(raw, order) == expected


@given(TEXT | st.from_regex(r"[0-9]{1,4}[/.][0-9]{1,2}[/.][0-9]{2,4}", fullmatch=True))
def test_a_date_is_one_of_the_calendar_and_has_no_digit_of_its_own(raw: str) -> None:
    for order in (None, "mdy", "dmy", "ymd"):
        found = date(raw, order)
        if found:
            day = datetime.date.fromisoformat(f"{found}-01-01"[:10])
            assert 1900 <= day.year <= 2099
            assert str(day.year)[2:] in raw


@given(st.dates(datetime.date(1990, 1, 1), datetime.date(2029, 12, 31)))
def test_every_day_is_read_as_it_was_written(day: datetime.date) -> None:
    iso = day.isoformat()
    assert date(iso) == date(f"{day:%Y%m%d}") == iso
    assert date(f"{day.month}/{day.day}/{day.year}", "mdy") == iso
    assert date(f"{day.day:02}.{day.month:02}.{day.year}", "dmy") == iso
