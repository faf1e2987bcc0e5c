"""Every state that a power cut can leave of a recorded run.

The model is a file system that keeps the order of its metadata (ext4, xfs, btrfs): after a cut some
prefix of the creations, renames and removals is there. Of what was written to a file, that is
certain which an fsync of the file or a syncfs came after; the rest is gone, zeros, half there, or
whole. Method: ALICE (OSDI 2014), whose authors found 60 faults in 11 systems by it.
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from torture.tracing import Call

Tree = dict[str, bytes | None]  # by path; a folder is None
_PLACE = re.compile(r"\[(\d+)\](?: => \[(\d+)\])?")


@dataclass(eq=False)
class Node:
    """A file or folder, whatever its name is now."""

    is_folder: bool = False
    data: bytearray = field(default_factory=bytearray)
    certain: bytes = b""  # what an fsync vouches for

    def after_cut(self, fate: str) -> bytes:
        """Return what is left of it."""
        new = len(self.data) - len(self.certain)
        if fate == "whole" or self.certain == self.data:
            return bytes(self.data)
        if fate == "gone" or new <= 0:
            return self.certain
        if fate == "zeros":
            return self.certain + bytes(new)
        half = len(self.certain) + (new + 1) // 2
        return bytes(self.data[:half]).ljust(len(self.data), b"\0")


FATES = ("gone", "zeros", "half", "whole")


class Disk:
    """A model of the data folder, to which recorded calls are applied."""

    def __init__(self, data: Path, template: Path | None = None) -> None:
        """Begin with a copy of the template, all of it certain."""
        self.data = data
        self.nodes: dict[str, Node] = {}
        self.unknown: list[str] = []  # calls on files that the model does not have
        self._places: dict[tuple[str, Node], int] = {}  # of open files
        for path in [template, *template.rglob("*")] if template else []:
            is_folder = path.is_dir()
            body = b"" if is_folder else path.read_bytes()
            name = str(data / path.relative_to(template))
            self.nodes[name] = Node(is_folder, bytearray(body), body)

    def apply(self, call: Call) -> bool:
        """Apply a call; return True if something on the disk may be different now."""
        does = getattr(self, f"_{call.name}", None)
        if does is None or call.result < 0:
            return False
        if not any(Path(path).is_relative_to(self.data) for path in call.mentioned()):
            return call.name == "sync" and does(call)
        return does(call) is not False

    def tree(self, fate: str) -> Tree:
        """Return what a power cut now would leave."""
        root = self.data.parent
        return {
            str(Path(path).relative_to(root)): None if node.is_folder else node.after_cut(fate)
            for path, node in self.nodes.items()
        }

    def _openat(self, call: Call) -> bool:
        path, flags = call.path(1), call.arguments[2]
        node = self.nodes.get(path)
        is_new = node is None and "O_CREAT" in flags
        if is_new:
            node = self.nodes[path] = Node()
        if node is None:
            return False
        is_cut = "O_TRUNC" in flags and bool(node.data)
        if is_cut:
            node.data.clear()
        self._places[str(call.result), node] = len(node.data) if "O_APPEND" in flags else 0
        return is_new or is_cut

    def _mkdir(self, call: Call) -> None:
        self.nodes[call.path(1 if call.name.endswith("at") else 0)] = Node(is_folder=True)

    _mkdirat = _mkdir

    def _rename(self, call: Call) -> None:
        old, new = self._two(call)
        moved = self._take(old)
        other = self._take(new)  # what was there is replaced, if it does not change places
        self.nodes.update({new + rest: node for rest, node in moved.items()})
        if call.name == "renameat2" and "EXCHANGE" in call.arguments[4]:
            self.nodes.update({old + rest: node for rest, node in other.items()})

    _renameat = _renameat2 = _rename

    def _two(self, call: Call) -> tuple[str, str]:
        """Return both paths; those of an `at` call have a folder before each."""
        return (call.path(1), call.path(3)) if "at" in call.name else (call.path(0), call.path(1))

    def _take(self, name: str) -> dict[str, Node]:
        names = [one for one in self.nodes if PurePosixPath(one).is_relative_to(name)]
        return {one.removeprefix(name): self.nodes.pop(one) for one in names}

    def _link(self, call: Call) -> None:
        old, new = self._two(call)
        self.nodes[new] = self.nodes[old]

    _linkat = _link

    def _unlink(self, call: Call) -> None:
        self.nodes.pop(call.path(1 if call.name.endswith("at") else 0), None)

    _rmdir = _unlinkat = _unlink

    def _file(self, call: Call, number: int = 0) -> Node | None:
        path = call.file(number)
        if path is None:  # it has no name any more
            return None
        if path not in self.nodes:
            self.unknown.append(f"{call.name} {path}")
        return self.nodes.get(path)

    def _handle(self, call: Call, node: Node, number: int = 0) -> tuple[str, Node]:
        return call.arguments[number].split("<")[0], node

    def _put(self, node: Node, at: int, data: bytes) -> None:
        node.data.extend(bytes(max(0, at - len(node.data))))
        node.data[at : at + len(data)] = data

    def _append(self, call: Call, node: Node, data: bytes) -> None:
        key = self._handle(call, node)
        at = self._places.get(key, len(node.data))
        self._put(node, at, data)
        self._places[key] = at + len(data)

    def _write(self, call: Call) -> bool:
        node = self._file(call)
        if node is None or not call.result:
            return False
        texts = range(1, len(call.arguments) - 1)
        data = b"".join(call.text(number) for number in texts)
        self._append(call, node, data[: call.result])
        return True

    _writev = _write

    def _pwrite64(self, call: Call) -> bool:
        node = self._file(call)
        if node is None or not call.result:
            return False
        self._put(node, int(call.arguments[3]), call.text(1)[: call.result])
        return True

    def _lseek(self, call: Call) -> bool:
        node = self._file(call)
        if node is not None:
            self._places[self._handle(call, node)] = call.result
        return False

    def _ftruncate(self, call: Call) -> bool:
        node, size = self._file(call), int(call.arguments[1])
        if node is None:
            return False
        del node.data[size:]
        node.data.extend(bytes(size - len(node.data)))
        return True

    def _fallocate(self, call: Call) -> bool:
        node = self._file(call)
        if node is None or call.arguments[1] != "0":
            return False
        size = int(call.arguments[2]) + int(call.arguments[3])
        node.data.extend(bytes(max(0, size - len(node.data))))
        return True

    def _copy_file_range(self, call: Call) -> bool:
        """Copy inside the kernel; without a stated place each file goes on where it is."""
        has_place = call.name == "copy_file_range"
        source, target = (0, 2) if has_place else (1, 0)
        one, other = self._file(call, source), self._file(call, target)
        if one is None or other is None or not call.result:
            return False
        given = _PLACE.match(call.arguments[source + 1 if has_place else 2])
        key = self._handle(call, one, source)
        at = int(given[1]) if given else self._places.get(key, 0)
        self._places[key] = at + call.result
        data = bytes(one.data[at : at + call.result])
        stated = _PLACE.match(call.arguments[target + 1]) if has_place else None
        key = self._handle(call, other, target)
        to = int(stated[1]) if stated else self._places.get(key, len(other.data))
        self._put(other, to, data)
        self._places[key] = to + len(data)
        return True

    _sendfile = _copy_file_range

    def _ioctl(self, call: Call) -> bool:
        if "CLONE" in call.arguments[1]:
            self.unknown.append("a reflink, which the model does not know")
        return False

    def _fsync(self, call: Call) -> bool:
        if node := self._file(call):
            node.certain = bytes(node.data)
        return node is not None

    _fdatasync = _fsync

    def _sync(self, _: Call) -> bool:
        for node in self.nodes.values():
            node.certain = bytes(node.data)
        return True

    _syncfs = _sync


@dataclass(frozen=True)
class State:
    """What lies on the disk after a cut; it is made anew when needed, for it may be large."""

    recording: "Recording"
    count: int  # of calls that were made
    fate: str  # of what was not synced

    @property
    def label(self) -> str:
        if not self.count:
            return f"at the beginning, the rest {self.fate}"
        last, data = self.recording.calls[self.count - 1], self.recording.data
        inside = [path for path in last.mentioned() if Path(path).is_relative_to(data)]
        where = Path(inside[0]).relative_to(data) if inside else ""
        return f"after {last.name} {where}, the rest {self.fate}"

    @property
    def tree(self) -> Tree:
        """Make all calls again, and cut."""
        disk = self.recording.disk()
        for call in self.recording.calls[: self.count]:
            disk.apply(call)
        return disk.tree(self.fate)

    def build(self, root: Path) -> None:
        for name, data in sorted(self.tree.items()):
            path = root / name
            folder = path if data is None else path.parent
            folder.mkdir(parents=True, exist_ok=True)
            if data is not None:
                path.write_bytes(data)


@dataclass(frozen=True)
class Recording:
    """What was there, and the calls that a run made."""

    data: Path
    template: Path | None
    calls: list[Call]

    def disk(self) -> Disk:
        return Disk(self.data, self.template)

    def states(self, step: int = 1) -> Iterator[State]:
        """Return each different state that a cut can leave, in order; after every `step` changes."""
        seen: set[bytes] = set()
        disk, changes = self.disk(), 0
        for count in range(len(self.calls) + 1):
            if count and not disk.apply(self.calls[count - 1]):
                continue
            changes += 1
            if changes % step:
                continue
            for fate in FATES:
                digest = _digest(disk.tree(fate))
                if digest not in seen:
                    seen.add(digest)
                    yield State(self, count, fate)


def _digest(tree: Tree) -> bytes:
    made = hashlib.blake2b()
    for name, data in sorted(tree.items()):
        made.update(f"{name}\0{-1 if data is None else len(data)}\0".encode())
        made.update(data or b"")
    return made.digest()


def is_durable(calls: list[Call], final: Path) -> bool:
    """True if the folder that got the final name was synced after that, or everything was."""
    later: list[Call] = []
    for call in calls:
        names = [call.path(number) for number in range(len(call.arguments)) if call.text(number)]
        is_publishing = call.name.startswith("rename") and str(final) in names
        later = [] if is_publishing else [*later, call]
    return any(
        call.name in ("syncfs", "sync")
        or (call.name == "fsync" and call.file(0) == str(final.parent))
        for call in later
    )
