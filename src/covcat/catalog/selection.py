"""Which files of a release are wanted: globs and samples of paths. Pure.

A sample is the first so many paths in the order of their sha256: everybody gets the same one, it
is not the first patients only, and a larger sample holds the smaller one. Some may come last.
"""

import hashlib
import re
import shlex
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase


def sample(paths: Iterable[str], count: int, last: Collection[str] = ()) -> set[str]:
    """Return the first `count` paths in the order of their sha256; those in `last` follow."""

    def place(path: str) -> tuple[bool, bytes]:
        return path in last, hashlib.sha256(path.encode()).digest()

    return set(sorted(paths, key=place)[:count])


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A part of a release: what one fetch asked for; globs of paths below `files/`."""

    include: tuple[str, ...] = ()  # none means all
    exclude: tuple[str, ...] = ()
    sample: int | None = None  # the first so many of these, by sha256 of their paths

    def __bool__(self) -> bool:
        """True if it leaves anything out."""
        return bool(self.include or self.exclude or self.sample is not None)

    def __str__(self) -> str:
        """Write it as the options that ask for it; `read` takes that back."""
        words = [f"--include={glob}" for glob in self.include]
        words += [f"--exclude={glob}" for glob in self.exclude]
        return shlex.join(words + ([] if self.sample is None else [f"--sample={self.sample}"]))

    @classmethod
    def read(cls, text: str) -> "Selection":
        """Take back what `str` wrote; ValueError where it is something else."""
        words = [word.partition("=") for word in shlex.split(text)]
        options = {option + equals for option, equals, _ in words}
        samples = [value for option, _, value in words if option == "--sample"]
        if options - {"--include=", "--exclude=", "--sample="} or len(samples) > 1:
            raise ValueError(f"`{text}` is no selection")
        if not all(re.fullmatch("[1-9][0-9]*", value) for value in samples):
            raise ValueError(f"`{text}` takes no number of files")
        return cls(
            include=tuple(value for option, _, value in words if option == "--include"),
            exclude=tuple(value for option, _, value in words if option == "--exclude"),
            sample=int(samples[0]) if samples else None,
        )


Wants = Callable[[str], bool]


def everything(path: str) -> bool:
    """Want every file."""
    del path
    return True


def passes(path: str, selection: Selection) -> bool:
    """Tell if a path passes the globs of a selection."""
    is_included = not selection.include or matches(path, selection.include)
    return is_included and not matches(path, selection.exclude)


def matches(path: str, globs: Iterable[str]) -> bool:
    """Tell if a path matches any glob; `*` matches slashes too."""
    return any(fnmatchcase(path, glob) for glob in globs)


def wanted(
    selections: Sequence[Selection], paths: Iterable[str], last: Collection[str] = ()
) -> Wants:
    """Return the test for what any of `selections` asks for; none asks for everything.

    `paths` are all that a sample is taken from, those in `last` after the others; without a sample
    they are not looked at.
    """
    if not selections:
        return everything
    known = list(paths) if any(one.sample is not None for one in selections) else []
    sampled = {
        path
        for one in selections
        if one.sample is not None
        for path in sample((path for path in known if passes(path, one)), one.sample, last)
    }
    plain = [one for one in selections if one.sample is None]
    return lambda path: path in sampled or any(passes(path, one) for one in plain)


def excluded(selections: Sequence[Selection], path: str) -> bool:
    """Tell if every one of `selections` leaves a path out by its name."""
    return bool(selections) and all(matches(path, one.exclude) for one in selections)


def without_repeats(selections: Sequence[Selection]) -> tuple[Selection, ...]:
    """Leave out what is asked for twice, and samples that larger ones of the same files hold."""
    largest: dict[Selection, int] = {}
    for one in selections:
        files = replace(one, sample=None)
        largest[files] = max(largest.get(files, 0), one.sample or 0)
    kept = (one for one in selections if one.sample in (None, largest[replace(one, sample=None)]))
    return tuple(dict.fromkeys(kept))
