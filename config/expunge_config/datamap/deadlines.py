"""Deadline options of the data map: the promised response time and the statute that applies."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Annotated

from pydantic import Field, ValidationInfo, field_validator, model_validator

from expunge_config import calendars
from expunge_config.datamap.base import Model

_CLOSED = re.compile(r"(?P<year>\d{4}-)?(?P<day>\d\d-\d\d)", re.ASCII)
_LEAP_YEAR = "2024-"  # any in which 29 February exists


class Statute(StrEnum):
    """A statutory clock whose rules are known here; docs/deadlines.md has their sources."""

    GDPR = "gdpr"
    UK_GDPR = "uk-gdpr"
    CCPA = "ccpa"


class Calendar(Model):
    """Whose public holidays count: a country, and where they differ within it, its part."""

    country: str
    subdivision: str | None = None

    @field_validator("country")
    @classmethod
    def _known(cls, country: str) -> str:
        if complaint := calendars.country_complaint(country):
            raise ValueError(complaint)
        return country

    @field_validator("subdivision")
    @classmethod
    def _known_part(cls, subdivision: str | None, info: ValidationInfo) -> str | None:
        country = info.data.get("country")  # absent if it was complained about
        if country is not None and subdivision is not None:
            complaint = calendars.subdivision_complaint(country, subdivision)
            if complaint is not None:
                raise ValueError(complaint)
        return subdivision


def _closed(text: str) -> str:
    match = _CLOSED.fullmatch(text)
    if match is None or not _exists((match["year"] or _LEAP_YEAR) + match["day"]):
        raise ValueError("a closing day is 2026-12-24, or 12-24 for every year")
    return text


def _exists(day: str) -> bool:
    try:
        date.fromisoformat(day)
    except ValueError:
        return False
    return True


class DeadlineSpec(Model):
    """When a request of this controller is to be answered.

    Attributes:
        time_zone: IANA name of the zone in which the controller's days begin and end.
        calendar: Whose public holidays and weekends.
        business_days: What was promised: so many business days after the day of receipt.
        closed: Further days on which nobody works, `2026-12-24` once or `12-24` every year. They count for the promise
            alone: no law knows them.
        statute: The statutory clock that runs beside it.
    """

    time_zone: str
    calendar: Calendar
    business_days: Annotated[int, Field(strict=True, ge=1, le=250)] | None = None
    closed: tuple[str, ...] = Field(default=(), max_length=100)
    statute: Statute | None = None

    @field_validator("time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in calendars.time_zones():
            raise ValueError("unknown time zone: write its IANA name, such as Europe/Berlin")
        return name

    @field_validator("closed")
    @classmethod
    def _days(cls, days: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_closed(day) for day in days)

    @model_validator(mode="after")
    def _some_clock(self) -> DeadlineSpec:
        if self.business_days is None and self.statute is None:
            raise ValueError("a deadline has `business_days`, a `statute`, or both")
        if self.closed and self.business_days is None:
            raise ValueError("`closed` days count for `business_days` alone: a statute knows none")
        return self
