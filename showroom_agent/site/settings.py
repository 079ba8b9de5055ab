"""The settings of a site; must never hold a setting that nothing obeys."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gateway.config import AgentSettings, section, setting


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteSettings:
    """The showroom and its floor."""

    folder: Path = setting(
        doc="folder of the site: site.geojson, and survey.csv and catalogue.toml where there are any"
    )
    floor_identity: Path = setting(
        doc="folder with the site's own identity towards hubs and phones, as `forecourt site pki` makes it (pki/cloud)"
    )
    listen: int | None = setting(
        None, doc="run the floor's broker on this port (mosquitto); none: there is one, see broker", low=1, high=65_535
    )
    certificates: Path | None = setting(
        None, doc="folder with ca.crt, broker.crt and broker.key of the floor's broker; none: a desk, this machine only"
    )
    broker: str | None = setting(
        None,
        doc="the floor's broker, where the site does not run it itself",
        pattern=r"mqtts?://\S+",
        form="write mqtts://HOST:PORT, or mqtt://HOST:PORT for a broker on this machine",
    )
    journal: bool = setting(
        False, doc="keep what the floor tells in FOLDER/journal, for `forecourt site replay`; holds sightings of guests"
    )
    visit_s: int = setting(
        3_600, doc="a guest's yes to this site holds for so long, unless taken back", unit="s", low=60, high=86_400
    )

    def mistakes(self) -> Iterator[tuple[str, str, str]]:
        """One broker, and only one."""
        if (self.listen is None) is (self.broker is None):
            yield "listen", "is needed where broker is not, and excludes it", "write listen = 8883, or broker = …"
        if self.certificates is not None and self.listen is None:
            yield "certificates", "is of no use without listen", "take it out"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteAgentSettings(AgentSettings):
    """One machine in a showroom: locates, guides, tells the cloud."""

    site: SiteSettings = section(SiteSettings, doc="the showroom and its floor")

    def check_files(self) -> None:
        """Checks plan, survey and catalogue too; raises ConfigError. Blocks: not for the loop."""
        from showroom_agent.site.parts import SiteParts

        SiteParts.load(self.site.folder)
