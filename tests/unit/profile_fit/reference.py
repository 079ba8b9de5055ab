"""A second solver for seat and wheel, to hold against the first; must never import anything of the product.

It reads the TOML itself, writes the geometry down anew, and looks for the least sum of squares without derivatives: a
compass search (Hooke and Jeeves, Journal of the ACM 8, 1961) over all 26 neighbours, from two corners of the box, for a
thousand guests at once.
"""

import tomllib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
SEAT = "Vehicle.Cabin.Seat.Row1.DriverSide."
WHEEL = "Vehicle.Chassis.SteeringWheel."
SMALLEST = 0.004


class Model:
    """A vehicle card as its file says."""

    def __init__(self, path: Path) -> None:
        found: dict[str, Any] = tomllib.loads(path.read_text("utf-8"))
        self.geometry: dict[str, Any] = found["geometry"]
        self.actuators: dict[str, dict[str, Any]] = found["actuators"]

    def get(self, key: str, default: float = 0.0) -> float:
        """A number of the geometry."""
        return float(self.geometry.get(key, default))

    def ends(self, leaf: str, branch: str = SEAT) -> tuple[float, float]:
        """The range of a leaf, both ends 0 where it is not there."""
        one = self.actuators.get(branch + leaf)
        return (float(one["low"]), float(one["high"])) if one else (0.0, 0.0)

    def has(self, leaf: str) -> bool:
        """Whether it is there."""
        return SEAT + leaf in self.actuators

    def hip(self, position: Array, height: Array, tilt: Array) -> tuple[Array, Array]:
        """H-point: the seat's frame turned about its pivot, then moved along rails and lift."""
        turn = np.exp(1j * np.deg2rad(tilt))
        arm = (self.get("pivot_z_mm") + 1j * self.get("pivot_x_mm")) * turn
        x = self.get("hip_x_mm") - self.get("pivot_x_mm") + arm.imag + position - self.get("lift_forward") * height
        z = self.get("hip_z_mm") - self.get("pivot_z_mm") + arm.real + height
        return x, z - position * np.tan(np.deg2rad(self.get("rail_deg")))

    def wheel(self, tilt: Array, extension: Array) -> tuple[Array, Array, Array]:
        """Middle of the wheel and angle of its column."""
        one = self.geometry["wheel"]
        angle = one["low_deg"] + (one["high_deg"] - one["low_deg"]) * tilt / 100
        along = (one["column_mm"] + one.get("extension_mm", 0.0) * extension / 100) * np.exp(1j * np.deg2rad(angle))
        return one["pivot_x_mm"] + along.real, one["pivot_z_mm"] + along.imag, angle


def shoulder(x: Array, z: Array, torso: Array) -> tuple[Array, Array]:
    """450 mm up the torso."""
    return x + 450 * np.sin(np.deg2rad(torso)), z + 450 * np.cos(np.deg2rad(torso))


def body(model: Model, raw: dict[str, Array]) -> dict[str, Array]:
    """A guest by the readings of his car, in terms of no car."""
    x, z = model.hip(raw["Position"], raw["Height"], raw["Tilt"])
    torso = raw["Tilt"] + raw["Backrest.Recline"]
    wx, wz, column = model.wheel(raw["wheel"], raw["Extension"])
    sx, sz = shoulder(x, z, torso)
    return {
        "leg": x, "hip": z, "torso": torso, "cushion": model.get("cushion_deg") + raw["Tilt"],
        "column": column, "reach": np.hypot(wx - sx, wz - sz),
    }  # fmt: skip


def place(guest: dict[str, Array], there: Model | None, here: Model) -> dict[str, Array]:
    """The setting of `here` that comes closest to how the guest sat `there`; None: no model shaped his wishes."""

    def shift(key: str) -> float:
        return here.get(key) - there.get(key) if there else 0.0

    leg = np.hypot(guest["leg"], guest["hip"])
    hip = guest["hip"] + shift("design_hip_z_mm")
    cushion = guest["cushion"] + shift("design_cushion_deg")
    recline_low, recline_high = here.ends("Backrest.Recline")

    def recline(tilt: Array) -> Array:
        return np.clip(guest["torso"][:, None] - tilt, recline_low, recline_high)

    def seat_cost(at: Array) -> Array:
        position, height, tilt = at[..., 0], at[..., 1], at[..., 2]
        x, z = here.hip(position, height, tilt)
        torso = np.deg2rad(tilt + recline(tilt) - guest["torso"][:, None])
        lean = np.deg2rad(here.get("cushion_deg") + tilt - cushion[:, None])
        cost: Array = (np.hypot(x, z) - leg[:, None]) ** 2 + (450 * torso) ** 2
        cost += (0.2 * (z - hip[:, None])) ** 2 + (80 * lean) ** 2
        return cost

    seat = search(seat_cost, len(leg), [here.ends(leaf) for leaf in ("Position", "Height", "Tilt")], (1, 1, 0.2))
    position, height, tilt = seat.T
    x, z = here.hip(position, height, tilt)
    leaning = recline(tilt[:, None])[:, 0]
    return {
        "Position": position, "Height": height, "Tilt": tilt, "Backrest.Recline": leaning, "x": x, "z": z,
        "leg_miss": np.hypot(x, z) - leg, "hip_miss": z - hip, "torso_miss": tilt + leaning - guest["torso"],
    }  # fmt: skip


def reach_for(guest: dict[str, Array], there: Model | None, here: Model, seat: dict[str, Array]) -> tuple[Array, Array]:
    """Tilt and extension of the wheel that come closest, for guests who sit on seats that are set like that."""
    x, z = here.hip(seat["Position"], seat["Height"], seat["Tilt"])
    sx, sz = shoulder(x, z, seat["Tilt"] + seat["Backrest.Recline"])
    column = guest["column"]
    if there is not None:
        column = column + here.geometry["wheel"]["design_deg"] - there.geometry["wheel"]["design_deg"]

    def cost(at: Array) -> Array:
        wx, wz, angle = here.wheel(at[..., 0], at[..., 1])
        reach = np.hypot(wx - sx[:, None], wz - sz[:, None]) - guest["reach"][:, None]
        found: Array = reach**2 + (80 * np.deg2rad(angle - column[:, None])) ** 2
        return found

    found = search(cost, len(column), [here.ends("Tilt", WHEEL), here.ends("Extension", WHEEL)], (0.5, 0.5))
    return found[:, 0], found[:, 1]


def search(cost: Any, guests: int, ends: list[tuple[float, float]], scales: tuple[float, ...]) -> Array:
    """Where the cost is least in the box, for each guest; `scales`: of what size a step is in each direction."""
    low, high = np.array([a for a, _ in ends]), np.array([b for _, b in ends])
    ways = np.stack(np.meshgrid(*[[-1.0, 0.0, 1.0]] * len(ends), indexing="ij"), -1).reshape(-1, len(ends))
    found = []
    for corner in (0.02, 0.93):
        here = np.tile(low + corner * (high - low), (guests, 1))
        best = cost(here[:, None, :])[:, 0]
        step = np.full(guests, 64.0)
        while step.max() > SMALLEST:
            tried = np.clip(here[:, None, :] + step[:, None, None] * ways * np.array(scales), low, high)
            costs = cost(tried)
            pick = costs.argmin(1)
            least = costs[np.arange(guests), pick]
            better = least < best - 1e-12
            here = np.where(better[:, None], tried[np.arange(guests), pick], here)
            best = np.where(better, least, best)
            step = np.where(better, step, step / 2)
        found.append((best, here))
    (first, at_first), (second, at_second) = found
    return np.where((first <= second)[:, None], at_first, at_second)
