"""A cloud process never loads a car's modules; must be asked of a new process."""

import subprocess
import sys

DEVICE_ROOMS = (
    "gateway.outbox",
    *(f"gateway.consent.{name}" for name in ("books", "consent", "gate", "grants", "hold", "key", "ledger", "slots")),
    "gateway.store",
    "gateway.flow",
    "gateway.identity.keystore",
    "grpc",
)


def loaded_by(*modules: str) -> set[str]:
    """Modules of a fresh process after these imports."""
    code = f"import sys, {', '.join(modules)}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_cloud_loads_no_room_of_a_device() -> None:
    """Not the service, nor its process, nor certify."""
    found = loaded_by("gateway.cloud.process", "gateway.cloud.certify.grade", "gateway.cli.cloud")
    assert "gateway.cloud.inbox" in found
    assert [name for name in found if name.startswith(DEVICE_ROOMS)] == []


def test_the_kit_is_loaded_by_what_is_asked_for() -> None:
    """Importing the package loads nothing of it; its names load their modules."""
    assert not {name for name in loaded_by("gateway.cloud") if name.startswith("gateway.cloud.")}
    import gateway.cloud

    assert all(getattr(gateway.cloud, name) is not None for name in gateway.cloud.__all__)
