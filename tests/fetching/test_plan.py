"""What a fetch decides before anything is touched: pure, so that tables are enough."""

from dataclasses import replace
from typing import Any

import pytest
from makers.entries import release, resource

from covcat.catalog.entries import Release, Resource
from covcat.catalog.selection import Selection
from covcat.errors import ActionNeededError, CovcatError, IntegrityError
from covcat.fetching import plan
from covcat.fetching.plan import Options
from covcat.store.manifest import Held

SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
MD5 = "d41d8cd98f00b204e9800998ecf8427e"
GIT_ID = "4b825dc642cb6eb9a060e54bf8d69288fbee4904"

WEB = {"host": "web", "name": "set.zip", "url": "https://example.org/set.zip"}
KAGGLE = {"host": "kaggle", "dataset": "somebody/set"}
S3 = {"host": "s3", "bucket": "set", "region": "us-west-2", "key": "set.tar.gz"}
GITHUB = {"host": "github", "repository": "somebody/set"}
BROWSE = {
    "pages": [
        {"url": "https://example.org/cases", "shows": "cases"},
        {"url": "https://example.org/videos", "shows": "videos"},
    ],
    "terms": "look, do not copy",
    "source": "made up",
}


ONE = resource(release(WEB))
PLAIN = Options()


def browse_only(browse: dict[str, Any] = BROWSE) -> Resource:
    return resource(id="cases", access="browse", browse=browse)


def only_step(one: Resource, here: Held | None = None, options: Options = PLAIN) -> tuple[str, str]:
    """Plan the default release; return the action and its reason."""
    steps = plan.make([(one, one.default_release)], lambda *_: here, options)
    assert len(steps) == 1
    assert steps[0].options == options
    return steps[0].action, steps[0].reason


# ---- what is here x what is asked for ----------------------------------------------------------


def files(*, archives: bool = False, complete: bool = True, form: Any = "files") -> Held:
    return Held(
        form=form, has_archives=archives, is_complete=complete, has_data=True, is_pinned=True
    )


def archives(*, complete: bool = True) -> Held:
    return files(form="archives", archives=True, complete=complete)


KEEP_ARCHIVES = Options(keep_archives=True)
NOT_EXTRACTED = Options(extract=False)
ALLOW_MISSING = Options(allow_missing=True)
BOTH = Options(allow_missing=True, keep_archives=True)

KEPT = ("keep", "here and complete")
KEPT_INCOMPLETE = ("keep", "here, incomplete as allowed")
NEW = ("fetch", "not here yet")
INCOMPLETE = ("fetch", "here, but incomplete")
AS_ARCHIVES = ("fetch", "here as archives only")
NO_ARCHIVES = ("fetch", "here without its archives")


@pytest.mark.parametrize(
    ("here", "options", "expected"),
    [
        pytest.param(None, PLAIN, NEW, id="nothing"),
        pytest.param(None, BOTH, NEW, id="nothing-and-less-would-do"),
        pytest.param(files(), PLAIN, KEPT, id="files"),
        pytest.param(files(), ALLOW_MISSING, KEPT, id="files-and-less-would-do"),
        pytest.param(files(archives=True), PLAIN, KEPT, id="more-than-asked"),
        pytest.param(files(archives=True), KEEP_ARCHIVES, KEPT, id="files-and-archives"),
        pytest.param(files(archives=True), NOT_EXTRACTED, KEPT, id="archives-among-files"),
        pytest.param(files(), KEEP_ARCHIVES, NO_ARCHIVES, id="archives-were-dropped"),
        pytest.param(files(), NOT_EXTRACTED, NO_ARCHIVES, id="only-files-only-archives-asked"),
        pytest.param(archives(), PLAIN, AS_ARCHIVES, id="archives"),
        pytest.param(archives(), KEEP_ARCHIVES, AS_ARCHIVES, id="archives-both-asked"),
        pytest.param(archives(), NOT_EXTRACTED, KEPT, id="archives-as-asked"),
        pytest.param(files(complete=False), PLAIN, INCOMPLETE, id="incomplete"),
        pytest.param(archives(complete=False), NOT_EXTRACTED, INCOMPLETE, id="incomplete-archives"),
        pytest.param(files(complete=False), ALLOW_MISSING, KEPT_INCOMPLETE, id="as-allowed"),
        pytest.param(files(complete=False), BOTH, NO_ARCHIVES, id="as-allowed-without-archives"),
        pytest.param(archives(complete=False), ALLOW_MISSING, AS_ARCHIVES, id="allowed-archives"),
    ],
)
def test_what_is_here_and_what_is_asked_for_decide_the_step(
    here: Held | None, options: Options, expected: tuple[str, str]
) -> None:
    assert only_step(ONE, here, options) == expected


# ---- what covcat cannot fetch ------------------------------------------------------------------


def refused(one: Resource, options: Options = PLAIN) -> CovcatError:
    error = plan.refusal(one, one.default_release, options)
    assert error is not None
    assert only_step(one, None, options) == ("ask", error.message)
    return error


def test_a_resource_for_browsing_asks_the_person_to_open_its_pages_or_its_homepage() -> None:
    error = refused(browse_only())
    assert isinstance(error, ActionNeededError)
    assert error.message == "`cases` is for browsing only: it offers no download"
    assert error.details == (
        "cases: https://example.org/cases",
        "videos: https://example.org/videos",
        "terms: look, do not copy",
    )
    then = "then, with what you got there: covcat import cases FILE…"
    assert error.hint == f"open https://example.org/cases; {then}"
    homepage = refused(browse_only(BROWSE | {"pages": []}))
    assert homepage.hint == f"open https://example.org; {then}"


def test_a_resource_for_browsing_is_never_looked_for_on_disk() -> None:
    def fail(*_: object) -> None:
        raise AssertionError("looked for on disk")

    steps = plan.make([(browse_only(), None)], fail, PLAIN)
    assert [(step.name, step.action) for step in steps] == [("cases", "ask")]


@pytest.mark.parametrize(
    "served",
    [
        pytest.param([KAGGLE], id="one"),
        pytest.param([WEB, KAGGLE], id="two"),
        pytest.param([S3, KAGGLE, S3], id="two-of-one-host"),
    ],
)
@pytest.mark.parametrize("access", ["open", "account"])
def test_no_host_of_the_catalog_is_refused_before_it_was_asked(
    served: list[dict[str, str]], access: str
) -> None:
    one = resource(release(*served), access=access)
    assert plan.refusal(one, one.default_release, PLAIN) is None
    assert only_step(one) == NEW
    assert only_step(one, files()) == KEPT
    assert only_step(one, files(complete=False)) == INCOMPLETE


# ---- require -----------------------------------------------------------------------------------

PINS: dict[str, tuple[list[dict[str, str]], dict[str, Any], bool]] = {
    "sha256": ([WEB | {"sha256": SHA256}], {}, True),
    "md5": ([WEB | {"md5": MD5}], {}, True),
    "git-tree": ([GITHUB | {"commit": GIT_ID, "tree": GIT_ID}], {}, True),
    "listing": (
        [WEB],
        {"listing": "listings/set@1.tsv.gz", "contents": {"files": "1", "bytes": "1"}},
        True,
    ),
    "nothing": ([WEB], {}, False),
    "branch": ([GITHUB | {"branch": "master"}], {}, False),
    "prefix-of-an-md5": ([WEB | {"md5_prefix": "d41d8cd9"}], {}, False),
    "only-a-size": ([WEB | {"bytes": "1"}], {}, False),
    "one-of-two": ([WEB | {"sha256": SHA256}, WEB], {}, False),
}


@pytest.mark.parametrize(("served", "more", "is_pinned"), PINS.values(), ids=PINS)
def test_what_has_nothing_pinned_is_refused_if_pins_are_required(
    served: list[dict[str, str]], more: dict[str, Any], is_pinned: bool
) -> None:
    one = resource(release(*served, **more))
    options = Options(require="pinned")
    assert only_step(one) == NEW
    assert only_step(one, None, Options(require="host")) == NEW  # known only when it came
    if is_pinned:
        assert only_step(one, None, options) == NEW
        return
    error = refused(one, options)
    assert isinstance(error, IntegrityError)
    assert error.message == "`set@1` is not pinned whole, and --require pinned asks for it"
    assert error.hint == "`covcat show set` lists the releases that are pinned"


UNPINNED = "here, but not verified by a pin"
FIRST_USE = "here, but verified by neither a pin nor its host"


@pytest.mark.parametrize(
    ("require", "is_pinned", "is_claimed", "expected"),
    [
        pytest.param("any", False, False, KEPT, id="nothing-asked"),
        pytest.param("pinned", True, True, KEPT, id="pinned"),
        pytest.param("host", True, True, KEPT, id="pinned-is-more-than-claimed"),
        pytest.param("host", False, True, KEPT, id="claimed"),
        pytest.param("pinned", False, True, ("fetch", UNPINNED), id="less"),
        pytest.param("host", False, False, ("fetch", FIRST_USE), id="first-use"),
    ],
)
def test_how_well_what_is_here_was_verified_is_judged_too(
    require: Any, is_pinned: bool, is_claimed: bool, expected: tuple[str, str]
) -> None:
    here = replace(files(), is_pinned=is_pinned, is_claimed=is_claimed)
    one = resource(release(WEB | {"sha256": SHA256}))
    assert only_step(one, here, Options(require=require)) == expected


# ---- a part of a release -----------------------------------------------------------------------

CT = Selection(include=("ct/*",))
TWO = Selection(sample=2)
ANOTHER = ("fetch", "here, but another part of it")
KEPT_PART = ("keep", "the part that was asked for is here")


@pytest.mark.parametrize(
    ("parts", "asked", "expected"),
    [
        pytest.param((), None, KEPT, id="all-here-all-asked"),
        pytest.param((), CT, KEPT, id="all-here-a-part-asked"),
        pytest.param((CT,), CT, KEPT_PART, id="this-part"),
        pytest.param((TWO, CT), CT, KEPT_PART, id="one-of-two-parts"),
        pytest.param((CT,), None, ("fetch", "here in part"), id="all-asked"),
        pytest.param((CT,), TWO, ANOTHER, id="another-part"),
        pytest.param((TWO,), Selection(sample=3), ANOTHER, id="a-larger-sample"),
    ],
)
def test_a_part_that_is_here_is_compared_with_the_part_that_is_asked_for(
    parts: tuple[Selection, ...], asked: Selection | None, expected: tuple[str, str]
) -> None:
    here = replace(files(), selection=tuple(map(str, parts)))
    assert only_step(ONE, here, Options(selection=asked)) == expected


# ---- several targets ---------------------------------------------------------------------------


def test_steps_come_in_the_order_of_the_targets() -> None:
    targets: list[tuple[Resource, Release | None]] = [
        (one, one.default_release)
        for one in (
            resource(release(WEB), id="b"),
            browse_only(),
            resource(release(WEB, id="2020-03-27"), id="a"),
        )
    ]
    steps = plan.make(targets, lambda *_: None, PLAIN)
    assert [step.name for step in steps] == ["b@1", "cases", "a@2020-03-27"]


def test_a_target_that_is_asked_for_twice_is_one_step() -> None:
    one = resource(release(WEB), release(WEB, id="2"))
    two = resource(release(WEB), id="other")
    targets = [(one, one.releases[1]), (two, two.releases[0]), (one, one.releases[0])]
    again: list[tuple[Resource, Release | None]] = [*targets, *targets, (browse_only(), None)] * 2
    steps = plan.make(again, lambda *_: None, PLAIN)
    assert [step.name for step in steps] == ["set@2", "other@1", "set@1", "cases"]
    assert plan.make([], lambda *_: None, PLAIN) == ()


def test_each_release_is_judged_by_what_is_here_of_it() -> None:
    one = resource(release(WEB), release(WEB, id="2"))
    targets = [(one, release) for release in one.releases]
    steps = plan.make(targets, lambda _, rel: files() if rel.id == "1" else None, PLAIN)
    assert [(step.name, step.action) for step in steps] == [("set@1", "keep"), ("set@2", "fetch")]
