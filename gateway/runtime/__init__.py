"""An edge agent put together: store, consent, outbox, uplink, commands, health; must never decide what a room decides.

Names are loaded when first asked for.
"""

from gateway.runtime.agent import Agent
from gateway.runtime.options import AgentOptions, options_of
from gateway.runtime.reaching import Reach, reach
from gateway.runtime.visiting import visitors_of

__all__ = ["Agent", "AgentOptions", "Reach", "options_of", "reach", "visitors_of"]
