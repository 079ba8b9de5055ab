"""Makes the Python of the contract from its .proto files; `--check` proves that what is committed is current."""

import argparse
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).resolve().parent


def sources() -> list[str]:
    """Every .proto file below proto/, relative to it."""
    return sorted(str(path.relative_to(HERE)) for path in (HERE / "forecourt").rglob("*.proto"))


def generate(target: Path) -> None:
    """Writes *_pb2.py and *_pb2.pyi below `target`; raises SystemExit when the compiler refuses."""
    includes = [f"-I{HERE}", f"-I{files('grpc_tools') / '_proto'}"]
    if protoc.main(["protoc", *includes, f"--python_out={target}", f"--pyi_out={target}", *sources()]):
        raise SystemExit("the protobuf compiler refused a file, see above")


def stale(fresh: Path) -> list[str]:
    """Generated files that differ from those committed, are missing, or have no source any more."""
    made = {str(path.relative_to(fresh)) for path in fresh.rglob("*_pb2.py*")}
    here = {str(path.relative_to(HERE)) for path in (HERE / "forecourt").rglob("*_pb2.py*") if path.suffix != ".pyc"}
    return sorted(made ^ here) + [n for n in sorted(made & here) if (fresh / n).read_bytes() != (HERE / n).read_bytes()]


def main() -> int:
    """Generates, or with --check compares; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, fail when a file is not current")
    if not parser.parse_args().check:
        generate(HERE)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        old = stale(Path(folder))
    if old:
        sys.stderr.write(f"not current, run `make proto`: {', '.join(old)}\n")
    return bool(old)


if __name__ == "__main__":
    sys.exit(main())
