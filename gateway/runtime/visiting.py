"""An agent for many guests instead of one; must never serve both ways at once."""

from typing import TYPE_CHECKING

from gateway.errors import ConfigError
from gateway.guest import Parts, Visitors

if TYPE_CHECKING:
    from gateway.runtime.agent import Agent


def visitors_of(agent: "Agent") -> Visitors | None:
    """The visitors of an agent whose consent is the authority's, from now on; None where grants are its own.

    Call it once, before `run`. Raises ConfigError while a single visit is open.
    """
    sync, options = agent.sync, agent.options
    if sync is None:
        return None
    if agent.desk is not None and agent.desk.session() is not None:
        raise ConfigError("a single guest's visit is open on this device: end it first")
    found = Visitors(
        Parts(
            agent.store, agent.outbox, agent.consent, agent.revocation, agent.uplink, agent.clock,
            options.identity.key, lambda _: None, options.lease_s, sync.said,
        )
    )  # fmt: skip
    sync.sessions = found
    return found
