"""A file for each event, so that one that comes again overwrites itself; must never need the inbox's database."""

import json
import os
from pathlib import Path
from sqlite3 import Connection


class FileSink:
    """Writes to the folder that FILE_SINK names."""

    def open(self, db: Connection) -> None:
        """Makes the folder."""
        self.folder = Path(os.environ["FILE_SINK"])
        self.folder.mkdir(parents=True, exist_ok=True)

    def write(self, db: Connection, effects: list) -> None:  # type: ignore[type-arg]
        """A file for each event, named by its number."""
        for e in effects:
            paths = [signal.path for signal in e.shape.signals] or ["record"]
            for seq, ts_us, _, *values in e.rows():
                told = {"subject": e.subject, "purposes": e.purposes, "ts_us": ts_us}
                name = self.folder / f"{e.device}@{e.epoch}@{int(e.stream)}@{seq}.json"
                name.write_text(json.dumps(told | dict(zip(paths, values, strict=True)), default=bytes.hex))

    def erase(self, db: Connection, subject: int, purposes: int) -> int:
        """Removes the files of the subject that stood on one of the purposes."""
        told = {path: json.loads(path.read_text()) for path in self.folder.iterdir()}
        gone = [path for path, e in told.items() if e["subject"] == subject and e["purposes"] & purposes]
        for path in gone:
            path.unlink()
        return len(gone)

    def close(self) -> None:
        """Nothing is held."""
