"""What one may do with the images of a set, or with some of them."""

from dataclasses import dataclass
from typing import Annotated, Literal

from covcat.model.marks import Matches, ResourceId, Strict, Text, WebPage

Allowed = Literal["yes", "no", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Allows(Strict):
    """What the licence lets a user do; `unknown` is never read as yes."""

    commercial: Allowed
    derivatives: Allowed
    redistribution: Allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class PerImage(Strict):
    """Where each image states a licence of its own."""

    table: Text
    column: Text


@dataclass(frozen=True, slots=True, kw_only=True)
class License(Strict):
    """Terms of the data as a whole, by SPDX id or `LicenseRef-…`."""

    spdx: Annotated[
        str, Matches(r"[A-Za-z0-9][A-Za-z0-9.+-]*", "an SPDX id or LicenseRef-SOMETHING")
    ]
    allows: Allows
    source: Text
    note: Text | None = None
    url: WebPage | None = None
    per_image: PerImage | None = None

    @property
    def short(self) -> str:
        """The id as tables show it: without the `LicenseRef-` that says nothing to a reader."""
        return self.spdx.removeprefix("LicenseRef-")


@dataclass(frozen=True, slots=True, kw_only=True)
class Disputed(Strict):
    """Rows whose own licence others contradict, and what counts then: the strictest of all."""

    column: Text
    has: Text  # a part of the cell, by which these rows are known
    resource: ResourceId  # whose entry tells of the contradiction
    allows: Allows
    source: Text
