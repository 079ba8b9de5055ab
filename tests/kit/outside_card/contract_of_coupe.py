"""The outside package's own test: the contract of the gateway, inherited; must never weaken it."""

from coupe_card import card  # type: ignore[import-not-found]

from gateway.contracts.vehicle_card import VehicleCardContract


class TestCoupe(VehicleCardContract):
    """The contract."""

    def toml(self) -> str:
        """What is tested."""
        return str(card())
