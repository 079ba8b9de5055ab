"""Prints at the end how many seconds each area of tests took; must never change an outcome."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

import pytest


@dataclass(slots=True)
class Tally:
    """What one test file came to."""

    tests: int = 0
    failed: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class Areas:
    """Adds up the reports of a run by test file; works in the controller of a parallel run too."""

    files: dict[str, Tally] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Adds one phase of one test, in seconds."""
        tally = self.files.setdefault(report.nodeid.partition("::")[0], Tally())
        tally.seconds += report.duration
        tally.tests += report.when == "call"
        tally.failed += report.failed

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Prints the table."""
        if len(self.files) < 2:
            return
        terminalreporter.section("seconds per area")
        for line in self.lines():
            terminalreporter.write_line(line)

    def lines(self) -> Iterator[str]:
        """The table: a line for each folder, its slower files below it, then the sum."""
        for area, group in groupby(sorted(self.files), key=area_of):
            names = list(group)
            yield row(area, [self.files[name] for name in names])
            for name in names:
                if self.files[name].seconds >= 1.0:
                    yield row("  " + name.rpartition("/")[2], [self.files[name]])
        yield row("all", list(self.files.values()))


def area_of(path: str) -> str:
    """The folder of a test file below tests/."""
    return path.rpartition("/")[0].removeprefix("tests/") or "tests"


def row(label: str, tallies: list[Tally]) -> str:
    """One line of the table."""
    failed = sum(tally.failed for tally in tallies)
    seconds = sum(tally.seconds for tally in tallies)
    return f"{label:<40} {sum(tally.tests for tally in tallies):>5} tests {seconds:>8.1f} s" + (
        f"   {failed} failed" if failed else ""
    )


def pytest_configure(config: pytest.Config) -> None:
    """Registers the tally."""
    config.pluginmanager.register(Areas(), "areas")
