"""Print docs/json.md: what each command prints with --json, key by key.

Usage: python scripts/make_json.py > docs/json.md

tests/cli/test_json.py compares the page with what this prints, and its keys with those of the
commands.
"""

from collections.abc import Iterator
from typing import NamedTuple

from covcat.catalog.columns import COLUMNS

HEAD = """\
# What `--json` prints

Made by `make docs`; tests/cli/test_json.py runs the commands and holds their keys to this page.
[commands.md](commands.md) has the commands, [ci.md](ci.md) a job that reads this.

With `--json`, `--format json` or `COVCAT_JSON=1` a command prints exactly one document on stdout,
on failure too:

| key | type | holds |
| --- | --- | --- |
| `schema` | text | `covcat.COMMAND/1`, as below. |
| `ok` | true or false | False where `error` is there. |
| `data` | as below | Of a failure: what is known nevertheless, or null. |
| `error` | object or null | Why the exit code is not 0. |

The number behind the slash grows when a key goes away or changes its meaning. New keys may come at
any time: pass over what you do not know. Null is unknown, or there
is none. Sizes are bytes, times are UTC in ISO 8601, `ID@RELEASE` names a release.
`X[].y` is the key `y` of each object in the list `X`.

## error

| key | type | holds |
| --- | --- | --- |
| `error.code` | number | The exit code. |
| `error.kind` | text | The same as a word, as below. |
| `error.message` | text | What went wrong, with which, expected and got: one sentence. |
| `error.hint` | text or null | A command to type, or what to do. |
| `error.cause` | text | What the host or the system said. Left out where it said nothing. |
| `error.details` | list of text | Further lines: paths, mistakes. Left out where there are none. |
| `error.errors` | list of objects | Where several resources failed: an error each. Else left out. |

Kinds: usage (2), not-found (3), network (4), integrity (5), extraction (6), action-needed (7),
disk (8), several (9), interrupted (128+N), bug (1).
"""

RESOURCES = """
resources                         list of objects  A row for each resource.
resources[].id                    text             Its id.
resources[].title                 text             Its title.
resources[].organization          text             Who made it, as the survey prints it.
resources[].row                   number or null   Of the survey's Table 1.
resources[].ct                    text or null     The survey's flag: Y, N or U (unknown).
resources[].xray                  text or null     The same.
resources[].mri                   text or null     The same.
resources[].ultrasound            text or null     The same.
resources[].metadata              text or null     The same.
resources[].case_review           text or null     The same.
resources[].found_ct              text             What covcat found: Y, N or U.
resources[].found_xray            text             The same.
resources[].found_mri             text             The same.
resources[].found_ultrasound      text             The same.
resources[].found_metadata        text             The same.
resources[].found_case_review     text             The same.
resources[].release               text or null     The release that `fetch ID` brings; null: none.
resources[].files                 number or null   Files in it, unpacked.
resources[].bytes                 number or null   Bytes of these, or of the downloads.
resources[].bytes_are_all         true, false or null  False where some files have no known size.
resources[].license               text             SPDX id, or LicenseRef-….
resources[].allows_commercial     text             yes, no or unknown.
resources[].allows_derivatives    text             The same.
resources[].allows_redistribution text             The same.
resources[].access                text             open, account or browse.
resources[].fetchable             true or false    True if covcat can fetch it.
resources[].fetched               true or false    True if a release of it is here.
resources[].homepage              text or null     Its page.
resources[].corrections           text             Where the survey is wrong today.
"""

LICENCE = """
{}resource       text            Id of the resource.
{}license        object          Its key `license` in the catalog: [catalog.md](catalog.md).
{}is_unsettled   true or false   True where the licence's name leaves open what one may do.
{}terms          text            All that the catalog knows of the terms.
{}terms_sha256   text            Digest of that text.
{}accepted       object or null  When you accepted which text.
{}record         text or null    The file that says so.
{}is_accepted    true or false   True if you accepted this very text.
{}images         list of objects Images that are here, by their own licences.
"""

# By command: keys, types and meanings, in columns; a line in parentheses says when the rest comes.
DATA = {
    "cache list": """
cache             list of objects  What lies beside the releases.
cache[].kind      text             parts, partial, staging, archives or index.
cache[].name      text             ID@RELEASE, or the name on disk.
cache[].files     number           How many files.
cache[].bytes     number           How many bytes.
cache[].days      number           Since the newest of them was written.
cache[].in_use    true or false    True if a run works with it now.
cache[].path      text             Where it is.
""",
    "cache prune": """
dry_run           true or false    True if nothing was deleted.
pruned            list of objects  What was deleted, or would be: keys as of `cache list`.
pruned[].kind     text             As of `cache list`.
pruned[].name     text             The same.
pruned[].files    number           The same.
pruned[].bytes    number           The same.
pruned[].days     number           The same.
pruned[].in_use   true or false    The same.
pruned[].path     text             The same.
""",
    "catalog check": """
files             list of text     Files that were read.
mistakes          list of text     Each with file and line.
""",
    "catalog draft": """
host              text             Which host was asked.
record            text             The record there.
page              text             Its page for people.
title             text or null     What the host calls it.
license           object           What the host says of it.
license.name      text or null     As the host writes it.
license.url       text or null     Where it can be read.
authors           list of text     As the host names them.
doi               text or null     Its DOI.
contents          object or null   Files and bytes, where the host lists them.
notes             list of text     What to look at before it is committed.
releases          list of objects  The block as YAML has it: [catalog.md](catalog.md).
left_out          list of objects  Files that the host does not give to everybody, and why.
""",
    "catalog schema": "(The JSON schema of catalog files itself.)",
    "cite": """
(`data` is a list, with an object for each work.)
[].entry          text             BibTeX's type: article, misc ….
[].key            text             BibTeX's key.
[].fields         object           BibTeX's fields.
[].source         text             Where the citation comes from.
[].accessed       text             The day on which an address was seen; left out where unknown.
""",
    "counts": """
by                list of text     The columns that are grouped by.
of                text             What is counted: rows, images or patients.
counts            list of objects  A row for each group: a key for each column, and `of`'s word.
several_findings  number           Rows that are counted for each of their findings.
left_out          number           Rows or images that are not counted.
(With --published.)
releases          list of objects  The releases that were asked for.
releases[].release text            ID@RELEASE.
releases[].tables list of objects  Published tables: what they count, and in `rows` both counts.
""",
    "doctor": """
checks            list of objects  What was looked at.
checks[].check    text             Its name.
checks[].state    text             ok, unused, look or wrong.
checks[].found    text             What is there.
checks[].fix      text             What to do; empty where nothing is.
""",
    "extract": """
path              text             The folder.
format            text             zip, tar, 7z, rar ….
bytes             number           Bytes that were written.
left_out          number           Members that --include and --exclude left out.
repeated          number           Members that were there twice with the same contents.
nested            list of objects  Archives inside that were unpacked too: `path` and `sha256`.
files             list of objects  What was written.
files[].path      text             Below the folder.
files[].bytes     number           Its size.
files[].sha256    text             Its digest.
(With --list, `data` is a list.)
[].path           text             A member.
[].bytes          number or null   Its size, as the archive claims it.
""",
    "fetch": """
fetched           list of objects  A row for each release that was asked for.
fetched[].id      text             ID@RELEASE.
fetched[].action  text             fetch, keep (it is here) or ask (a person must act).
fetched[].path    text or null     The folder with the data.
fetched[].error   text or null     The message of what went wrong with this one.
(With --dry-run.)
dry_run           true or false    True.
steps             list of objects  What would be done.
steps[].id        text             ID@RELEASE.
steps[].action    text             As above.
steps[].reason    text             Why.
steps[].files     number or null   Files in it, unpacked.
steps[].download_bytes number or null  Bytes to transfer.
steps[].unpacked  text             Bytes on disk, for people; `+` is at least.
steps[].licence   text             Short name of its licence.
""",
    "files": """
resource          text             Its id.
release           text             The release.
files             list of objects  Files of its listing, else as its host serves them.
files[].path      text             Below files/.
files[].bytes     number or null   Its size.
files[].sha256    text or null     Its digest.
files[].mode      text             git's mode; of a listing only.
files[].blob      text or null     git's id; of a listing only.
files[].md5       text or null     Its digest; without a listing only.
files[].host      text             Who serves it; without a listing only.
files[].where     text             Where it is there; without a listing only.
""",
    "images": """
images            list of objects  A row for each image, or with --output how many there are.
{columns}
(With --output.)
path              text             The file that was written.
(With --paths.)
paths             list of text     Where the images are.
""",
    "import": """
id                text             ID@RELEASE.
path              text             The folder with the data.
""",
    "license": f"""
licenses          list of objects  Without an ID: a row for each resource.
licenses[].id     text             Its id.
licenses[].licence text            Short name of its licence.
licenses[].commercial text         yes, no or unknown.
licenses[].derivatives text        The same.
licenses[].redistribution text     The same.
licenses[].accepted text or null   The day on which you accepted it.
(With one ID.)
{LICENCE.replace("{}", "")}
(With several IDs.)
resources         list of objects  The same for each of them.
{LICENCE.replace("{}", "resources[].")}
""",
    "links": """
links             list of objects  A row for each address.
links[].resource  text             Whose it is.
links[].release   text or null     Of which release; null: of the resource as a whole.
links[].kind      text             file, mirror, homepage, page or licence.
links[].url       text             The address.
links[].status    text             ok, moved, size changed, web page, refused ….
links[].detail    text             What is odd about it.
links[].bytes     number or null   Size of the file, as its host says.
links[].etag      text or null     Its strong ETag.
links[].last_modified text or null Its Last-Modified.
""",
    "list": RESOURCES
    + """
(With --survey, `data` is a list of its rows.)
[].row            number           As above.
[].id             text             As above.
[].title          text             As above.
[].organization   text             As above.
[].ct             text             As above.
[].xray           text             As above.
[].mri            text             As above.
[].ultrasound     text             As above.
[].metadata       text             As above.
[].case_review    text             As above.
""",
    "lock": """
lock              text             The file.
locked            list of text     ID@RELEASE of what was pinned now.
kept              list of text     What was pinned before, and stays.
dropped           list of text     What was pinned before, and is no longer here.
(With --check.)
checked           list of text     ID@RELEASE of what was compared.
drift             list of objects  What differs from the lock.
drift[].id        text             ID@RELEASE.
drift[].kind      text             missing, files, catalog or extra.
drift[].what      text             In words.
""",
    "manifest export": """
id                text             ID@RELEASE.
format            text             json, csv, sha256sums, bagit or croissant.
path              text or null     What was written; null: nothing but this.
files             number           Files of the release.
bytes             number           Their bytes.
content           object or text   The document itself, where no --output is given.
""",
    "manifest show": """
manifests         list of objects  A manifest for each release.
manifests[].schema text            covcat.manifest/1.
manifests[].covcat text            Version of the covcat that wrote it.
manifests[].resource text          Id of the resource.
manifests[].release text           Id of the release.
manifests[].title text             Its title.
manifests[].homepage text or null  Its page.
manifests[].license object         As the catalog had it then.
manifests[].citation list of text  BibTeX.
manifests[].created_at text        When it was fetched.
manifests[].form  text             files, or archives (--no-extract).
manifests[].complete true or false False where files are missing.
manifests[].missing list of text   Which ones.
manifests[].selection list of text The parts that were asked for, as options; none is everything.
manifests[].downloads list of objects  What was transferred: address, bytes, digests, `verified_by`.
manifests[].total_files number     How many files it has.
manifests[].total_bytes number     How many bytes they have.
manifests[].files list of objects  Each file: path, bytes, sha256.
""",
    "path": """
id                text             ID@RELEASE.
path              text             The folder with the data.
""",
    "paths": """
paths             list of objects  A row for each folder and file.
paths[].what      text             What it is for.
paths[].path      text             Where it is.
paths[].from      text             What says so: an option, a variable, a file, or covcat.
paths[].state     text             there, not there ….
""",
    "remove": """
dry_run           true or false    True if nothing was deleted.
removed           list of objects  What was deleted, or would be.
removed[].id      text             ID@RELEASE.
removed[].files   number           Its files.
removed[].bytes   number           Their bytes.
removed[].waiting_files number     Files that waited for the rest of it.
removed[].waiting_bytes number     Their bytes.
removed[].path    text or null     Its folder; null: only files that waited.
""",
    "search": RESOURCES,
    "select": """
path              text or null     What was written.
rows              number           Rows that pass the filters.
chosen            number           Rows that are chosen.
images            number           Images of these.
patients          number           Patients of these who are known.
of_nobody         number           Chosen images of a patient who is not known.
bytes             number           Bytes of the images.
alike             number           Images with the same bytes as another one.
refused           number           Rows whose licence does not allow it.
gone              object           Chosen images whose file went away since, by ID@RELEASE.
left_out          object           Rows that are not chosen for another reason, by reason.
missing           list of text     Some of the images that are not here.
licenses          list of objects  A row for each licence.
licenses[].license text or null    As the source has it.
licenses[].allows object           What it allows: yes, no or unknown, by use.
licenses[].rows   number           Rows with it.
licenses[].chosen number           Rows of these that are chosen.
licenses[].images number           Images of these.
licenses[].refused number          Rows that are refused.
licenses[].why    text             Why.
images_sha256     text             Digest of what is chosen: two equal cohorts have the same.
""",
    "show": """
(The entry of the catalog, without what is empty; [catalog.md](catalog.md) explains each key.)
id                text             Its id.
title             text             Its title.
organization      text             Who made it, as the survey prints it.
summary           text             What it is, in a few sentences.
found             object           What covcat found in it, and how that is known.
license           object           Its terms.
access            text             open, account or browse.
homepage          text             Its page.
homepage_source   text             Where that address comes from.
position          number           Where lists show it, if it is not of the survey.
aliases           list of text     Other names.
authors           list of text     People who made it.
survey            object           Its row of the survey.
corrections       list of objects  Where the survey is wrong today.
citation          list of objects  How to cite it.
contains          list of objects  Other resources that are inside it.
known_issues      list of objects  What is known to be wrong with it.
browse            object           Where to look, where nothing can be fetched.
releases          list of objects  Its releases, oldest first.
tables            list of objects  Its tables of labels.
pictures          object           Which files are images.
published         list of objects  Counts that were published.
here              list of text     Its releases that are here.
""",
    "status": """
here              list of objects  A row for each release that is here, and for what is unfinished.
here[].id         text             ID@RELEASE.
here[].state      text             complete, unfinished, a part: …, archives only, damaged ….
here[].files      number           How many files; left out where that cannot be read.
here[].bytes      number           How many bytes; the same.
here[].newest     text             yes, behind RELEASE, moves with its branch, not in the catalog.
here[].verified_by text            How its downloads were verified, as catalog.md lists it.
here[].fetched_at text             When it was fetched.
here[].note       text             What is wrong, or how to go on; else left out.
""",
    "verify": """
verified          list of objects  A row for each release.
verified[].id     text             ID@RELEASE.
verified[].ok     true or false    True if all is as recorded.
verified[].files  number           How many files it has.
verified[].complete true or false  False where its record itself says that files are missing.
verified[].changed list of text    Paths, each with what is wrong.
verified[].missing list of text    Paths that are not there.
verified[].extra  list of text     Paths that covcat did not put there.
verified[].litter list of text     Paths that desktops or version control left: no damage.
verified[].doubted list of text    With --quick: paths that were modified since, and hashed.
verified[].repaired list of text   With --repair: paths that were brought again.
verified[].new_record true or false  With --repair: the manifest was written anew.
verified[].error  text             Why it could not be looked at or repaired; else left out.
""",
}


class Field(NamedTuple):
    """One key of `data`."""

    key: str
    type: str
    meaning: str


def columns() -> str:
    """Return the keys of an image, as the index has them."""
    types = {"text": "text or null", "integer": "number or null", "number": "number or null"}
    return "\n".join(
        f"images[].{one.name}  {types[one.type]}  {one.meaning[:1].upper()}{one.meaning[1:]}."
        for one in COLUMNS
    )


def parts(command: str) -> Iterator[Field | str]:
    """Yield the keys of a command's data, and between them when they come."""
    for line in DATA[command].replace("{columns}", columns()).splitlines():
        if line.startswith("("):
            yield line[1:-1]
        elif line:
            yield field(line)


def field(line: str) -> Field:
    """Read a line; the type ends where a meaning begins, which has a capital letter or an id."""
    key, _, rest = line.partition(" ")
    for kind in TYPES:
        if rest.strip().startswith(kind + " "):
            return Field(key, kind, rest.strip()[len(kind) :].strip())
    raise ValueError(f"no type in {line!r}")


TYPES = (  # the longer ones first
    *("list of objects", "list of text", "object or null", "object or text", "object"),
    *("true, false or null", "true or false", "number or null", "number"),
    *("text or null", "text"),
)


def keys(command: str) -> list[str]:
    """Return the keys that the page names of a command's data."""
    return [one.key for one in parts(command) if isinstance(one, Field)]


def cell(text: str) -> str:
    """Return a text as Markdown takes it inside a table."""
    return text.replace("|", "\\|").replace("<", "&lt;")


def section(command: str) -> str:
    """Return what the page says of one command."""
    text = f"\n## covcat {command}\n\n`covcat.{command.replace(' ', '-')}/1`\n"
    is_open = False
    for one in parts(command):
        if isinstance(one, str):
            text += f"\n{one}\n"
            is_open = False
            continue
        if not is_open:
            text += "\n| key | type | holds |\n| --- | --- | --- |\n"
            is_open = True
        text += f"| `{one.key}` | {one.type} | {cell(one.meaning)} |\n"
    return text


def page() -> str:
    """Return docs/json.md."""
    return HEAD + "".join(map(section, sorted(DATA)))


if __name__ == "__main__":
    print(page(), end="")
