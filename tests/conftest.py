"""Rules every test lives under: data, tools, loop detection, skips; must never hold a fixture of one area only."""

import asyncio
import inspect
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from blockbuster import BlockBuster

pytest_plugins = ["tests.kit.areas"]

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"
IN_CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
TOOLS = {
    "needs_chromium": "chromium",
    "needs_dbus": "dbus-daemon",
    "needs_mosquitto": "mosquitto",
    "needs_node": "node",
    "needs_protoc": "protoc",
    "needs_strace": "strace",
}
PRODUCT = ["gateway", "vehicle_agent", "showroom_agent", "simulators"]
LEFT_OUT = pytest.StashKey[int]()
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
"""As the showroom sets it, which a test may import after numpy: on a busy machine its threads wait for each other."""


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of recordings beside the checkout; its tests are marked `shared_data`."""
    return SHARED_DATA


@pytest.fixture(scope="session")
def blocking_detector() -> BlockBuster:
    """Finds blocking calls that product code makes on the loop; short locks shared with a worker thread are meant."""
    detector = BlockBuster(PRODUCT)
    for name in [name for name in detector.functions if name.startswith("threading.Lock.")]:
        del detector.functions[name]
    detector.functions["os.access"].can_block_in("gateway/clock.py", {"quality"})  # asks /run, which is memory
    return detector


@pytest.fixture
async def quiet_loop() -> None:
    """Switches the loop's debugging off, for tests that measure time."""
    asyncio.get_running_loop().set_debug(False)


@pytest.fixture(autouse=True)
def loop_rules(request: pytest.FixtureRequest, blocking_detector: BlockBuster) -> Iterator[None]:
    """Fails a test whose product code blocks the loop, unless it is marked `timed` or `may_block`."""
    timed = request.node.get_closest_marker("timed") is not None
    if timed and inspect.iscoroutinefunction(getattr(request.node, "function", None)):
        request.getfixturevalue("quiet_loop")
    if timed or request.node.get_closest_marker("may_block") is not None:
        yield
        return
    blocking_detector.activate()
    try:
        yield
    finally:
        blocking_detector.deactivate()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out tests of absent recordings, and skips those whose tool is absent."""
    os.environ["PATH"] = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
    if not SHARED_DATA.is_dir():
        left_out = [item for item in items if item.get_closest_marker("shared_data")]
        if left_out:
            items[:] = [item for item in items if item not in left_out]
            config.hook.pytest_deselected(items=left_out)
            config.stash[LEFT_OUT] = len(left_out)
            getattr(config, "workeroutput", {})["left_out"] = len(left_out)  # told to whoever shares the tests out
    absent = {mark: tool for mark, tool in TOOLS.items() if shutil.which(tool) is None}
    for item in items:
        for mark, tool in absent.items():
            if item.get_closest_marker(mark):
                item.add_marker(pytest.mark.skip(reason=f"{tool} is not installed; `make test` as root installs it"))
        if os.geteuid() != 0 and item.get_closest_marker("needs_root"):
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A parallel run: each worker left out the same tests."""
    count = getattr(node, "workeroutput", {}).get("left_out", 0)
    if count:
        node.config.stash[LEFT_OUT] = count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Says in one line how many tests were left out for want of recordings."""
    count = config.stash.get(LEFT_OUT, 0)
    if count:
        terminalreporter.write_line(f"left out: {count} tests of recorded data (../shared/data is not here)")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skip is a failure: what is not run is not proven."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """In CI a file that skips itself is a failure too."""
    report = yield
    if IN_CI and report.outcome == "skipped":
        report.outcome = "failed"
        report.longrepr = f"skipped in CI: {report.longrepr}"
    return report
