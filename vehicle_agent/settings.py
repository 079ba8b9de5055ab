"""The settings of a head unit; must never hold a setting that nothing obeys."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.config import AgentSettings, free_table, section, setting

KUKSA_BUFFER_MAX = 1_000
"""The databroker refuses more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleSettings:
    """What the vehicle agent collects."""

    plan: Path | None = setting(None, doc="file of the plan: signals, rates, purposes; none: the packaged plan")
    source: str = setting("kuksa", doc="where signals come from: the name of an installed source")
    in_flight_events: int = setting(
        20_000, doc="most events that wait for the disk; then reading pauses", unit="events", low=100, high=100_000
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabrokerSettings:
    """The KUKSA databroker that the source `kuksa` reads (kuksa.val.v2 over gRPC)."""

    address: str = setting(
        "127.0.0.1:55555",
        doc="where it listens",
        pattern=r"(\[[0-9A-Fa-f:.]+\]|[0-9A-Za-z._-]+):\d{1,5}|unix:/?[!-~]+",
        form="write HOST:PORT, such as 127.0.0.1:55555, or unix:PATH",
    )
    ca: Path | None = setting(None, doc="certificate of the authority that it is checked against; none: without TLS")
    server_name: str = setting("", doc="name in its certificate, where that is not the name in `address`")
    token: Path | None = setting(None, doc="file with the JSON Web Token that says which signals may be read")
    buffer_messages: int = setting(
        KUKSA_BUFFER_MAX,
        doc="messages that it keeps for us while we are busy; beyond that it drops the oldest",
        unit="messages",
        low=1,
        high=KUKSA_BUFFER_MAX,
    )

    def mistakes(self) -> Iterator[tuple[str, str, str]]:
        """A name is only checked with TLS."""
        if self.server_name and self.ca is None:
            yield "server_name", "is of no use without TLS", "name the authority in databroker.ca"


@dataclass(frozen=True, slots=True, kw_only=True)
class CabinSettings:
    """The actuators of the cabin, which a guest's profile sets through the databroker."""

    card: str = setting("", doc="name of an installed vehicle card; without a card there is no cabin")
    card_file: Path | None = setting(None, doc="file of a vehicle card, instead of an installed one")

    def mistakes(self) -> Iterator[tuple[str, str, str]]:
        """A car has one card."""
        if self.card and self.card_file is not None:
            yield "card_file", "is a second card", "leave out one of cabin.card and cabin.card_file"


@dataclass(frozen=True, slots=True, kw_only=True)
class VehicleAgentSettings(AgentSettings):
    """A head unit beside a KUKSA databroker."""

    vehicle: VehicleSettings = section(VehicleSettings, doc="what the vehicle agent collects")
    databroker: DatabrokerSettings = section(DatabrokerSettings, doc="the KUKSA databroker")
    cabin: CabinSettings = section(CabinSettings, doc="seat, mirrors, climate, radio, home")
    source: dict[str, object] = free_table(doc="settings of a source that another package brings")

    def check_files(self) -> None:
        """Checks the plan and the card too; raises Mistakes and ConfigError. Blocks: not for the loop."""
        from vehicle_agent.plan import PlanFile

        PlanFile.read(self.vehicle.plan)
        if card := self.cabin.card_file or self.cabin.card:
            from gateway.profile.fit import load_card

            load_card(card)
