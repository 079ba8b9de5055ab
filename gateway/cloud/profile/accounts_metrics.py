"""Accounts as metrics; must never name an account, a token or a provider."""

from typing import TYPE_CHECKING

from gateway.health.page import Health

if TYPE_CHECKING:
    from gateway.cloud.profile.accounts import Accounts


def show(health: Health, accounts: "Accounts") -> None:
    """Puts what became of tokens and of fetches of keys on the health page."""
    registry = health.registry
    tokens = registry.counter(
        "forecourt_cloud_account_tokens_total", "Account tokens: accepted, unavailable, or why refused", ["end"]
    )
    fetches = registry.counter("forecourt_cloud_account_keys_total", "Fetches of a provider's keys", ["end"])

    async def collect() -> None:
        for name, count in accounts.counts.items():
            if name.startswith("keys."):
                fetches.labels(name.removeprefix("keys.")).mirror(count)
            else:
                tokens.labels(name.removeprefix("refused.")).mirror(count)

    health.collectors.append(collect)
