"""Where outbox, consent and link meet: windows, receipts, commands; must never hold state that a crash may lose."""

from gateway.flow.budget import Budget, BudgetSettings
from gateway.flow.builtin import register_builtin
from gateway.flow.commands import CommandFailed, CommandRouter
from gateway.flow.presence import Presence
from gateway.flow.revocation import Fence, NoFence, Revocation, WithdrawalDone
from gateway.flow.status import StreamStatus, UplinkStatus
from gateway.flow.uplink import Uplink, UplinkSettings

__all__ = [
    "Budget",
    "BudgetSettings",
    "CommandFailed",
    "CommandRouter",
    "Fence",
    "NoFence",
    "Presence",
    "Revocation",
    "StreamStatus",
    "Uplink",
    "UplinkSettings",
    "UplinkStatus",
    "WithdrawalDone",
    "register_builtin",
]
