"""Proves the habits of the house on every tracked source file; must never pass because it looked at nothing."""

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 60
GENERATED = re.compile(r"_pb2(_grpc)?\.pyi?$")
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|home|root|Users|mnt|opt)/\w")
TEXT = {".py", ".md", ".toml", ".proto", ".txt", ".yml", ".yaml", ".conf", ".service", ".js", ".sh", ""}

# Exceptions, each with its reason.
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
TASK_STARTERS: dict[str, str] = {}
PATH_NAMERS: dict[str, str] = {}


def tracked() -> list[str]:
    """Files that git knows or would take, so that a new file is judged before its commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return sorted(name for name in set(listed) if (ROOT / name).is_file() and not GENERATED.search(name))


@cache
def sources() -> dict[str, ast.Module]:
    """Every Python file of ours, parsed, by path."""
    trees = {name: ast.parse((ROOT / name).read_text("utf-8")) for name in tracked() if name.endswith(".py")}
    assert len(trees) >= 8, "the search for sources is broken"
    return trees


def functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Every function with its `path:name`."""
    for name, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{name}:{node.name}", node


def starts_of_tasks(tree: ast.Module) -> Iterator[int]:
    """Lines that start a task on anything but a TaskGroup that a block opened or a parameter brought."""
    groups = {"tg", "group", "tasks"}
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncWith):
            for item in node.items:
                if isinstance(item.optional_vars, ast.Name) and "TaskGroup" in ast.unparse(item.context_expr):
                    groups.add(item.optional_vars.id)
        elif isinstance(node, ast.arg) and node.annotation is not None and "TaskGroup" in ast.unparse(node.annotation):
            groups.add(node.arg)
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        owner, _, attribute = called.rpartition(".")
        if attribute == "ensure_future" or (attribute == "create_task" and owner.removeprefix("self._") not in groups):
            yield node.lineno


def test_files_are_small() -> None:
    """A file over the limit is two rooms, unless its name stands in the list of exceptions."""
    lengths = {name: len((ROOT / name).read_text("utf-8").splitlines()) for name in sources()}
    assert {name: n for name, n in lengths.items() if n > FILE_LINES_MAX and name not in LONG_FILES} == {}


def test_functions_are_small() -> None:
    """A function over the limit does two things, unless its name stands in the list of exceptions."""
    lengths = {name: (node.end_lineno or node.lineno) - node.lineno + 1 for name, node in functions()}
    assert {name: n for name, n in lengths.items() if n > FUNCTION_LINES_MAX and name not in LONG_FUNCTIONS} == {}


def test_tasks_start_in_groups() -> None:
    """No task is started outside a TaskGroup, so that none is forgotten or left running."""
    product = {name: tree for name, tree in sources().items() if not name.startswith(("tests/", "benchmarks/"))}
    found = {name: list(starts_of_tasks(tree)) for name, tree in product.items() if name not in TASK_STARTERS}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_the_search_for_tasks_finds_them() -> None:
    """The search sees a loose task and lets one of a group pass."""
    loose = ast.parse("async def f(loop):\n    loop.create_task(g())\n    asyncio.create_task(g())")
    grouped = ast.parse("async def f():\n    async with asyncio.TaskGroup() as crew:\n        crew.create_task(g())")
    assert list(starts_of_tasks(loose)) == [2, 3]
    assert list(starts_of_tasks(grouped)) == []


def test_no_mocks() -> None:
    """Nothing imports a mock library: parts are real, or small real implementations."""
    found = []
    for name, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                modules = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
            elif isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                continue
            if any(module in {"unittest.mock", "mock", "pytest_mock"} for module in modules):
                found.append(f"{name}:{node.lineno}")
    assert found == []


def test_no_machine_paths() -> None:
    """No file names a folder of the machine it was written on."""
    found = []
    for name in tracked():
        if Path(name).suffix not in TEXT or name in PATH_NAMERS or name.startswith("locks/"):
            continue
        for number, line in enumerate((ROOT / name).read_text("utf-8", errors="replace").splitlines(), 1):
            if MACHINE_PATH.search(line):
                found.append(f"{name}:{number}")
    assert found == []


def test_every_exception_is_needed() -> None:
    """An exception whose file is gone or has become small is taken off the list."""
    lengths = {name: len((ROOT / name).read_text("utf-8").splitlines()) for name in sources()}
    spans = {name: (node.end_lineno or node.lineno) - node.lineno + 1 for name, node in functions()}
    assert [name for name in LONG_FILES if lengths.get(name, 0) <= FILE_LINES_MAX] == []
    assert [name for name in LONG_FUNCTIONS if spans.get(name, 0) <= FUNCTION_LINES_MAX] == []
    assert [name for name in PATH_NAMERS if not (ROOT / name).is_file()] == []


def test_rooms_say_what_they_are_for() -> None:
    """Every test function has a docstring that says what it proves."""
    silent = [
        name
        for name, node in functions()
        if name.startswith("tests/") and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []
