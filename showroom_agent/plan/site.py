"""What a floor plan says: hubs, zones, blocked areas and walls in local metres; must never hold a measurement."""

from dataclasses import dataclass, field

from showroom_agent.plan.geometry import Ring, Segment


@dataclass(frozen=True, slots=True)
class Hub:
    """A fixed radio node. `z_m`: its height above the floor, None where nobody measured it."""

    id: str
    x_m: float
    y_m: float
    z_m: float | None = None
    beacon: str = ""
    """What it sends for phones that listen, as radio parsers name it; empty where it sends nothing."""
    listens: bool = True
    """False for a beacon without a scanner."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A named area; without rings it has a name only."""

    id: str
    name: str
    rings: tuple[Ring, ...] = ()
    kind: str = ""
    """What the plan says it is for: "parking", "entrance", "car"; empty where it says nothing."""


@dataclass(frozen=True, slots=True)
class Site:
    """One floor. `extent`: left, bottom, right, top in metres; x to the right, y up."""

    name: str
    extent: tuple[float, float, float, float]
    hubs: tuple[Hub, ...]
    zones: tuple[Zone, ...] = ()
    blocked: tuple[Ring, ...] = ()
    walls: tuple[Segment, ...] = ()
    index: dict[str, int] = field(default_factory=dict)
    """The place of each hub in `hubs`, by id."""

    def __post_init__(self) -> None:
        """Fills the index."""
        self.index.update({hub.id: place for place, hub in enumerate(self.hubs)})
