"""Ties a guest's profile to the agent's rooms, where it is wanted; must never load them where it is not."""

from typing import TYPE_CHECKING

from gateway.errors import ConfigError
from gateway.runtime.options import AgentOptions
from gateway.store import MigrationSet

if TYPE_CHECKING:
    from gateway.flow.profile_sync import ProfileSync
    from gateway.runtime.agent import Agent


def migrations(options: AgentOptions) -> list[MigrationSet]:
    """The tables that profiles need."""
    if not options.profiles:
        return []
    from gateway.flow.profile_keeping import schema

    return [schema]


def profile_sync(agent: "Agent") -> "ProfileSync | None":
    """The profile room of an agent, told of connects, withdrawals and wipes; None where the options want none."""
    options, desk, sync = agent.options, agent.desk, agent.sync
    if not options.profiles:
        return None
    if desk is None or sync is None:
        raise ConfigError('profiles need an authority: set consent.authority = "cloud"')
    from gateway.flow.profile_mail import Mail, profile_kind
    from gateway.flow.profile_state import ProfileRoom
    from gateway.flow.profile_sync import ProfileSync

    device = options.identity.device
    room = ProfileRoom(agent.store, agent.consent, agent.clock, device, desk.guest)
    mail = Mail(device, agent.store, agent.outbox, agent.clock, lambda: profile_kind(agent.intern_kind))
    made = ProfileSync(room, mail, agent.store, agent.clock, lambda: agent.uplink.status().online)
    made.register(agent.commands)
    sync.on_connected.append(made.connected)
    sync.on_authority.append(made.authority_says)
    agent.revocation.others.append(made.withdrawn)
    desk.wipe.others.append(made)
    desk.exports["profile"] = lambda: _copy(made)
    return made


def _copy(sync: "ProfileSync") -> dict[str, object] | None:
    """The profile as this device holds it, for its guest; None where it holds none."""
    document, status = sync.document(), sync.status()
    if document is None:
        return None
    return {"version": document.version, "changes_waiting": status.waiting, "fields": document.values}
