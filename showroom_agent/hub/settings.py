"""The settings of a beacon hub; must never hold a setting that nothing obeys."""

from dataclasses import dataclass
from pathlib import Path

from gateway.config import DeviceSettings, HealthSettings, LinkSettings, LogSettings, section, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSettings:
    """What the hub listens with and whom it knows."""

    tags: Path = setting(doc="file of the tags that the hub knows; everybody else is only counted")
    folder: Path = setting(doc="folder for what the hub keeps: trusted time, and the raw log where it is on")
    adapter: str = setting("hci0", doc="Bluetooth adapter, as BlueZ names it", pattern=r"hci\d{1,3}", form="write hci0")
    monitor: bool = setting(
        True, doc="register an advertisement monitor beside the scan, so that controllers report duplicates"
    )
    parsers: tuple[str, ...] = setting((), doc="beacon parsers of other packages, by name, tried first")
    raw_log: bool = setting(False, doc="write every advert of known tags to folder/raw.jsonl, for replay on a desk")
    raw_log_bytes_max: int = setting(
        100_000_000,
        doc="then the log begins anew, and the one before is kept",
        unit="bytes",
        low=1_000_000,
        high=1 << 40,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HubAgentSettings:
    """A beacon hub beside BlueZ."""

    device: DeviceSettings = section(DeviceSettings, doc="who this hub is, as the floor plan names it")
    hub: HubSettings = section(HubSettings, doc="what the hub listens with and whom it knows")
    link: LinkSettings = section(LinkSettings, doc="how the site's broker is reached")
    health: HealthSettings = section(HealthSettings, doc="the local health page")
    log: LogSettings = section(LogSettings, doc="what is written to standard error")

    def check_files(self) -> None:
        """Checks the tags too; raises ConfigError. Blocks: not for the loop."""
        from showroom_agent.hub.watch import load_watch
        from showroom_agent.radio import outside

        load_watch(self.hub.tags)
        outside(self.hub.parsers)
