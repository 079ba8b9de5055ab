"""The site: from what hubs hear to what guests see and the cloud is told; must never follow whom nobody asked.

Names are loaded when first asked for.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from showroom_agent.site.agent import SiteAgent
    from showroom_agent.site.core import SiteCore
    from showroom_agent.site.derived import Derived
    from showroom_agent.site.journal import Journal, read_journal
    from showroom_agent.site.parts import SiteParts

_HOMES = {
    "Derived": "derived",
    "Journal": "journal",
    "SiteAgent": "agent",
    "SiteCore": "core",
    "SiteParts": "parts",
    "read_journal": "journal",
}

__all__ = ["Derived", "Journal", "SiteAgent", "SiteCore", "SiteParts", "read_journal"]


def __getattr__(name: str) -> Any:
    """Loads a public name from its module."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
