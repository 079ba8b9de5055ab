"""States of a floor, from a running site or from its journal; must never change what it looks at."""

import math
import time
from collections.abc import Iterator
from pathlib import Path

from gateway.door import ask
from gateway.errors import ConfigError, InputError, LinkError
from showroom_agent.site.core import SiteCore
from showroom_agent.site.journal import read_journal
from showroom_agent.site.parts import SiteParts
from showroom_agent.site.replay import feed
from showroom_agent.site.running import MAP, MAP_VERB
from showroom_agent.site.state import state_of
from showroom_agent.views.state import FloorState, read_state

LOOK_S = 0.5


def live_states(store: Path, every_s: float = LOOK_S) -> Iterator[FloorState]:
    """The state of the site that runs on a store, again and again; raises LinkError once none runs. Blocks."""
    while True:
        began_s = time.monotonic()
        try:
            yield read_state(ask(store / MAP, MAP_VERB, timeout_s=10.0))
        except LinkError as error:
            raise LinkError(
                f"no site runs on {store}: start it with `forecourt site run`, or show a journal"
            ) from error
        time.sleep(max(0.0, every_s - (time.monotonic() - began_s)))


def journal_states(
    folder: Path, journal: Path, at_s: float | None = None, every_s: float | None = None
) -> Iterator[FloorState]:
    """What a site knew `at_s` seconds after its journal began (None: at its end), and each `every_s` until then.

    Raises ConfigError where the journal is of another plan, InputError where it is none or ends before. Blocks.
    """
    parts, core = SiteParts.load(folder), None
    begin_ms = last_ms = 0
    due_s, state = every_s or math.inf, None
    for entry in read_journal(journal):
        if core is None:
            if entry.header.site != parts.digest:
                raise ConfigError("the journal was written with another plan, survey or catalogue than this folder has")
            core = SiteCore(parts, entry.header.wall_at_zero_us)
            continue
        begin_ms = begin_ms or entry.at_ms
        if at_s is not None and entry.at_ms - begin_ms > at_s * 1_000:
            break
        feed(core, entry)
        if entry.WhichOneof("entry") != "tick":
            continue
        last_ms = entry.at_ms
        state = None
        if last_ms - begin_ms >= due_s * 1_000:
            due_s += every_s or math.inf
            state = state_of(core, last_ms)
            yield state
    else:
        if at_s is not None and last_ms - begin_ms < at_s * 1_000 - 1_000:
            raise InputError(f"{journal}: it ends after {(last_ms - begin_ms) / 1_000:.0f} s")
    if core is None or not last_ms:
        raise InputError(f"{journal}: it has no step yet")
    if state is None:
        yield state_of(core, last_ms)
