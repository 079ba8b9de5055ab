"""A model over a recording; must never look ahead."""

from collections.abc import Iterator, Sequence

from showroom_agent.plan.readings import Reading
from showroom_agent.presence.features import RATE_S
from showroom_agent.presence.model import PresenceModel, PresenceTrack, grid_of

WORDS = {True: "inside", False: "outside", None: "unknown"}


def changes(model: PresenceModel, readings: Sequence[Reading]) -> Iterator[tuple[float, str, float]]:
    """Time in seconds, zone and how likely inside is, at the beginning and at each change."""
    begin, levels = grid_of(
        [one.t_s for one in readings],
        [one.hub for one in readings],
        [one.rssi_dbm for one in readings],
        len(model.hubs),
    )
    track, said = PresenceTrack(model), ""
    for step, row in enumerate(levels):
        found = track.step(row)
        word = WORDS[found.present]
        if word != said:
            said = word
            yield begin + step * RATE_S, word, found.inside
