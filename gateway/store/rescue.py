"""Reads what can still be read of a damaged store; must never write to it or vouch for a row."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import disk_usage, rmtree

from gateway.log import Log
from gateway.store.file import Files, mark_of, sync_folder
from gateway.store.ledger import state_check
from gateway.store.pages import Image, Record

_log = Log("store")
_ROOTS_MAX = 4_096
WHY = "why"
OLD_COPY = "old_copy"
"""Why a store was condemned whose numbers were given twice, see Store.doubt."""


class DamagedStore:
    """A store that was set aside. Its rows may be altered: whoever takes them proves each by a check of its own."""

    def __init__(self, folder: Path) -> None:
        def content(name: str) -> bytes:
            path = folder / name
            return path.read_bytes() if path.is_file() else b""

        self._image = Image(content("store.db"), content("store.db-wal"))
        self._mark = content("store.mark")
        self.why = content(WHY).decode("utf-8", errors="replace")
        self._roots = self._read_roots()

    def rows(self, table: str, width: int) -> Iterator[tuple[int, Record]]:
        """(rowid, values) of the rows of `table` that have `width` values.

        Where the tree of the table has holes or is lost, every leaf of the file is searched: rows of other tables and
        rows that were deleted may then appear, and rows may come twice. An integer primary key is None in the values.
        """
        root = self._roots.get(table)
        seen: set[int] = set()
        whole = root is not None and self._walk(root, seen)
        for number in seen if whole else range(1, self._image.count + 1):
            for rowid, values in self._image.leaf_rows(number):
                if len(values) == width:
                    yield rowid, values

    def epochs(self) -> list[int]:
        """Epochs that the store may have had, as far as a check vouches for them."""
        found = [epoch for _, epoch, check, _, _ in self._states() if check == state_check(epoch)]
        if (mark := mark_of(self._mark)) is not None:
            found.append(mark[0])
        return sorted(set(found) - {0})

    def _states(self) -> Iterator[tuple[int, int, int, int, str]]:
        for _, values in self.rows("store_state", 5):
            match values:
                case (_, int(), int(), int(), str()):
                    yield values  # type: ignore[misc]
                case _:
                    continue

    def _walk(self, root: int, leaves: set[int]) -> bool:
        """Collects the leaves below `root`; False when a page of the tree makes no sense."""
        whole, todo, met = True, [root], {root}
        while todo:
            number = todo.pop()
            below = self._image.children(number)
            if below is None:
                whole = False
            elif not below:
                leaves.add(number)
            else:
                fresh = [child for child in below if child not in met]
                whole = whole and len(fresh) == len(below)
                met.update(fresh)
                todo += fresh
        return whole

    def _read_roots(self) -> dict[str, int]:
        leaves: set[int] = set()
        self._walk(1, leaves)
        roots: dict[str, int] = {}
        for number in sorted(leaves)[:_ROOTS_MAX]:
            for _, values in self._image.leaf_rows(number):
                match values:
                    case ("table", str(name), _, int(root), _) if 0 < root <= self._image.count:
                        roots[name] = root
                    case _:
                        continue
        return roots


def set_aside(files: Files, why: str) -> None:
    """Moves the files of a damaged store into `damaged/`, in place of those of an earlier rescue.

    A kill at any point is safe: `condemned` stands until the files are moved, `pending` until the new store is made.
    """
    _log.error("store_damaged", why=why)
    files.ballast.unlink(missing_ok=True)
    if not files.condemned.exists():
        with suppress(OSError):  # no room for a word: then the damage has to be found again after a kill
            files.condemned.write_text(why, "utf-8")
        sync_folder(files.folder)
    if files.db.exists() and (files.aside / files.db.name).exists():
        rmtree(files.aside)
    files.aside.mkdir(mode=0o700, exist_ok=True)
    with suppress(OSError):
        (files.aside / WHY).write_text(why, "utf-8")
    for path in (files.mark, files.wal, files.db):  # the database last: it says whether the move is complete
        if path.exists():
            path.rename(files.aside / path.name)
    files.pending.touch()
    sync_folder(files.aside)
    drop_files(files)
    files.condemned.unlink(missing_ok=True)
    sync_folder(files.folder)


def drop_files(files: Files) -> None:
    """Removes what a new store would stumble over."""
    for path in (files.wal, files.db, files.folder / "store.db-shm", files.mark, files.ballast):
        path.unlink(missing_ok=True)


def into_memory(files: Files, bytes_needed: int) -> DamagedStore | None:
    """Where the disk has no room for a new store beside the damaged one, its content; then its files are removed.

    A kill before the salvage is committed loses what it held: the alternative is a device that never starts again.
    """
    if disk_usage(files.folder).free >= bytes_needed:
        return None
    _log.error("damaged_store_not_kept", free=disk_usage(files.folder).free)
    damaged = DamagedStore(files.aside)
    for path in (files.aside / files.db.name, files.aside / files.wal.name):
        path.unlink(missing_ok=True)
    return damaged
