"""Writes the golden files of the present release; must never change a file that is there."""

import json
import sys

from tests.golden.content import RELEASE, present
from tests.golden.told import HERE, tell


def main() -> int:
    """Writes the folder; 1 when it exists."""
    folder = HERE / RELEASE
    if folder.exists():
        print(f"{folder.name} exists and stays as it is; a new release gets its own folder (RELEASE in content.py)")
        return 1
    folder.mkdir()
    told = {}
    for name, golden in present().items():
        (folder / f"{name}.bin").write_bytes(golden.payload)
        told[name] = {
            "topic": golden.topic,
            "told": tell(name, golden.topic, golden.payload, golden.signer.public_key()),
        }
    text = json.dumps(told, indent=1, ensure_ascii=True, sort_keys=True)
    (folder / "told.json").write_text(text + "\n", "utf-8")
    print(f"{len(told)} messages in {folder.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
