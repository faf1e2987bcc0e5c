"""Marks on the catalog's texts and numbers: what they must look like.

They cost nothing at start-up; `covcat.catalog.check` lets pydantic apply them when an entry is
validated.
"""

import re
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, fields
from functools import cached_property
from typing import Annotated, Any, ClassVar, dataclass_transform

from covcat.names import unsafe_name


class Matches:
    """Marks a text of the catalog that must match `pattern` as a whole."""

    def __init__(self, pattern: str, expected: str) -> None:
        self._pattern = pattern
        self.expected = expected  # completes the sentence "expected …" in the error

    @cached_property
    def pattern(self) -> re.Pattern[str]:
        """The rule, compiled when it is first asked for: `list` asks for none."""
        return re.compile(self._pattern)

    def check(self, text: str) -> str:
        """Return `text`, or raise ValueError."""
        if not self.pattern.fullmatch(text):
            raise ValueError(f"expected {self.expected}, got `{text}`")
        return text

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema  # here, because `list` never validates

        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, core: Any, handler: Any) -> Any:
        return {**handler(core), "pattern": f"^(?:{self._pattern})$"}


class Whole:
    """Marks a number that must be written as plain digits: no sign, unit, exponent or `1_000`."""

    def check(self, value: object) -> object:
        """Return `value`, or raise ValueError."""
        if isinstance(value, str) and not re.fullmatch(r"[0-9]{1,15}", value):
            raise ValueError(f"expected a whole number in digits, got `{value}`")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.check, handler(source))


class SafeFolder(Matches):
    """Marks a folder inside a release: `data/`, by the rules that members of archives obey."""

    def __init__(self) -> None:
        super().__init__(r".*[^/]/", "a folder like `data/`")  # for editors: `check` is stricter

    def check(self, text: str) -> str:
        """Return `text`, or raise ValueError."""
        if not text.endswith("/") or unsafe_name(text[:-1]):
            raise ValueError(f"expected {self.expected}, got `{text}`")
        return text


class ByHost:
    """Marks a union of file kinds of which `host` decides the one that is meant."""

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        from pydantic import Field  # its tagged union reports a mistake for one host only

        return handler.generate_schema(Annotated[source, Field(discriminator="host")])


_HOST = r"[A-Za-z0-9][A-Za-z0-9.-]*(:[0-9]{1,5})?"

Number = Annotated[int, Whole()]
Text = Annotated[str, Matches(r"[^\s<][\s\S]*", "some text")]
ResourceId = Annotated[
    str, Matches(r"[a-z0-9][a-z0-9-]{0,63}", "lower-case letters, digits and dashes")
]
ReleaseId = Annotated[
    str, Matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "letters, digits, dots and dashes")
]
WebPage = Annotated[str, Matches(rf"https?://{_HOST}(/\S*)?", "an http or https address")]
DataUrl = Annotated[
    str, Matches(rf"https://{_HOST}(/\S*)?", "an https address with a plain host name")
]
WebAddress = Annotated[
    str, Matches(rf"https?://{_HOST}(/\S*)?", "an https address with a plain host name")
]
LoginVariable = Annotated[
    str, Matches(r"COVCAT_LOGIN_[A-Z0-9_]+", "a variable called COVCAT_LOGIN_… that has it")
]
Date = Annotated[
    str,
    Matches(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?", "a date like 2020-03-27"),
]
Sha256 = Annotated[str, Matches(r"[0-9a-f]{64}", "64 hexadecimal digits in lower case")]
Md5 = Annotated[str, Matches(r"[0-9a-f]{32}", "32 hexadecimal digits in lower case")]
GitId = Annotated[str, Matches(r"[0-9a-f]{40}", "a git id of 40 hexadecimal digits")]
HexPrefix = Annotated[str, Matches(r"[0-9a-f]{4,31}", "4 to 31 hexadecimal digits")]
Count = Annotated[str, Matches(r"[0-9]+", "a whole number")]
Branch = Annotated[str, Matches(r"[A-Za-z0-9][A-Za-z0-9._/-]*", "a branch name")]
OwnerName = Annotated[str, Matches(r"[\w.-]+/[\w.-]+", "OWNER/NAME")]
Folder = Annotated[str, SafeFolder()]
FileName = Annotated[
    str, Matches(r"[A-Za-z0-9][\w .+-]{0,120}", "a plain file name without folders")
]
ListingPath = Annotated[
    str, Matches(r"listings/[\w.@-]+\.tsv\.gz", "a path like listings/ID@RELEASE.tsv.gz")
]


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Noun:
    """Base of the catalog's nouns: a frozen dataclass in which an unknown key is a mistake.

    Its methods serve all nouns: `@dataclass` would write and compile them for each, 1 ms a class
    in every command's start.
    """

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}
    _names: ClassVar[frozenset[str]]
    _defaults: ClassVar[dict[str, Any]]

    def __init_subclass__(cls) -> None:
        dataclass(init=False, repr=False, eq=False, match_args=False, kw_only=True)(cls)
        known: tuple[Field[Any], ...] = fields(cls)  # type: ignore[arg-type]  # it is one now
        cls._names = frozenset(one.name for one in known)
        cls._defaults = {one.name: one.default for one in known if one.default is not MISSING}
        for name in cls._defaults.keys() & vars(cls).keys():  # or a field would inherit one
            delattr(cls, name)

    def __init__(self, **values: Any) -> None:
        vars(self).update(self._defaults | values)
        if vars(self).keys() != self._names:
            wrong = sorted(vars(self).keys() ^ self._names)
            raise TypeError(f"{type(self).__name__}: missing or unknown: {', '.join(wrong)}")

    @classmethod
    def types(cls) -> dict[str, Any]:
        """Return the type of each field."""
        return {one.name: one.type for one in fields(cls)}  # type: ignore[arg-type]

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(frozenset(vars(self).items()))

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.types())
        return f"{type(self).__name__}({told})"
