"""The stand-in provider on loopback for tests, and accounts that believe it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.clock import ManualClock
from gateway.cloud.profile.accounts import Accounts
from gateway.cloud.profile.accounts_settings import IssuerSettings
from simulators.openid.provider import Provider
from simulators.openid.server import OpenIdServer
from tests.kit.accounts import PATIENCE_S, SECRET

CLIENT = "forecourt"


@asynccontextmanager
async def serving(clock: ManualClock) -> AsyncIterator[Provider]:
    """One that serves two people; time stands still unless a test moves `clock`."""
    provider = Provider(clock=clock, users=("jan", "mia"), interval_s=0.0)
    provider.rotate()
    async with OpenIdServer(provider):
        yield provider


def accounts_of(provider: Provider, clock: ManualClock, jwks_path: str = "/keys") -> Accounts:
    """Accounts that believe the provider, on that clock; without a path they ask it where its keys are."""
    url = provider.issuer + jwks_path if jwks_path else ""
    settings = IssuerSettings(issuer=provider.issuer, audience=CLIENT, jwks_url=url)
    return Accounts([settings], SECRET, clock, PATIENCE_S)
