"""Tells again, from a site's log, what the site told; must never be given another site than the log's."""

from collections.abc import Iterable, Iterator

from forecourt.v1 import showroom_pb2

from gateway.errors import ConfigError, InputError
from showroom_agent.site.core import SiteCore
from showroom_agent.site.derived import Derived
from showroom_agent.site.parts import SiteParts


def replay(parts: SiteParts, entries: Iterable[showroom_pb2.SiteEntry]) -> Iterator[Derived]:
    """The events, in order and bit for bit; raises ConfigError where the log is of another plan."""
    core: SiteCore | None = None
    for entry in entries:
        if core is None:
            if entry.header.site != parts.digest:
                raise ConfigError("the log was written with another plan, survey or catalogue than this folder has")
            core = SiteCore(parts, entry.header.wall_at_zero_us)
            continue
        yield from feed(core, entry)


def feed(core: SiteCore, entry: showroom_pb2.SiteEntry) -> list[Derived]:
    """Gives one entry to a core."""
    which = entry.WhichOneof("entry")
    if which == "frame":
        core.frame(entry.at_ms, entry.frame)
    elif which == "guest" and entry.guest.HasField("request"):
        try:
            core.request(entry.at_ms, entry.guest.subject, entry.guest.request)
        except InputError:
            core.counters["refused_request"] += 1
    elif which == "guest":
        core.allow(entry.guest.subject, entry.guest.purposes)
    elif which == "tick":
        return core.tick(entry.at_ms)
    return []
