"""What a demonstration is asked to show; must never start anything."""

from dataclasses import dataclass
from pathlib import Path

from gateway.errors import ConfigError
from gateway.model import WITHOUT_CONSENT, Purpose


@dataclass(frozen=True, slots=True)
class Outage:
    """When the link is cut, in seconds after the start, and for how long."""

    start_s: float
    length_s: float

    @property
    def end_s(self) -> float:
        """When the link returns, in seconds after the start."""
        return self.start_s + self.length_s

    @classmethod
    def parse(cls, text: str) -> "Outage":
        """Reads START:LENGTH in seconds, such as 10:15; raises ConfigError that says what would do."""
        start, colon, length = text.partition(":")
        try:
            outage = cls(float(start), float(length))
        except ValueError:
            colon = ""
            outage = cls(0.0, 0.0)
        if not colon or not 0 <= outage.start_s < 86_400 or not 0 < outage.length_s < 86_400:
            raise ConfigError(f"--outage {text!r}: write START:LENGTH in seconds, such as 10:15")
        return outage


@dataclass(frozen=True, slots=True)
class NoAt:
    """When the guest takes a purpose back, in seconds after the start, and which."""

    at_s: float
    purpose: Purpose

    @classmethod
    def parse(cls, text: str) -> "NoAt":
        """Reads SECONDS:PURPOSE, such as 20:driving_behaviour; raises ConfigError that says what would do."""
        at, _, word = text.partition(":")
        words = {purpose.word: purpose for purpose in Purpose if not WITHOUT_CONSENT >> purpose & 1}
        try:
            found = cls(float(at), words[word])
        except (ValueError, KeyError):
            found = cls(-1.0, Purpose.DRIVING_BEHAVIOUR)
        if not 0 <= found.at_s < 86_400:
            raise ConfigError(f"--withdraw {text!r}: write SECONDS:PURPOSE, such as 20:driving_behaviour")
        return found


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """A demonstration; seconds are those of the wall, not of the drive."""

    folder: Path
    duration_s: float = 60.0
    drive_speed: float | None = None
    outage: Outage | None = None
    withdraw: NoAt | None = None
    replay: Path | None = None
    vss: Path | None = None
    broker_url: str | None = None
    broker_port: int = 0
    broker_kind: str = "auto"
    plain: bool = False
    seed: int = 1
    drain_limit_s: float = 60.0

    def __post_init__(self) -> None:
        if not 1 <= self.duration_s <= 86_400:
            raise ConfigError("--duration: give 1 to 86,400 seconds")
        if self.drive_speed is not None and not 0.1 <= self.drive_speed <= 1_000:
            raise ConfigError("--drive-speed: give 0.1 to 1,000 (10 plays ten seconds of the drive in one)")
        if self.outage is not None and self.outage.end_s >= self.duration_s:
            raise ConfigError(
                f"--outage ends after {self.outage.end_s:g} s, but --duration is {self.duration_s:g} s: "
                "the link has to return before the drive ends"
            )
        if self.withdraw is not None and self.withdraw.at_s >= self.duration_s:
            raise ConfigError(
                f"--withdraw comes after {self.withdraw.at_s:g} s, but --duration is {self.duration_s:g} s: "
                "the guest has to say no before the drive ends"
            )
