"""The one SQLite file of a device: writer thread, group commit, budget, rescue; must never know what a row means."""

from gateway.store.migrate import MigrationSet
from gateway.store.rescue import DamagedStore
from gateway.store.store import Store
from gateway.store.toolkit import Database
from gateway.store.writer import Job, savepoint

__all__ = ["DamagedStore", "Database", "Job", "MigrationSet", "Store", "savepoint"]
