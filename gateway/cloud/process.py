"""The cloud's end as a process: from a folder and a URL to a service that a signal ends; must never be nested."""

import asyncio
from pathlib import Path

from gateway.clock import SystemClock
from gateway.cloud import metrics
from gateway.cloud.consent.courier import FileCourier
from gateway.cloud.consent.desk import ConsentTerms
from gateway.cloud.consent.verbs import authority_verbs
from gateway.cloud.enrolled import Enrolled
from gateway.cloud.inbox import Inbox
from gateway.cloud.profile import accounts_metrics
from gateway.cloud.profile.terms import ProfileTerms
from gateway.cloud.profile.verbs import profile_authority_verbs
from gateway.cloud.service import Cloud
from gateway.cloud.sinks import Sink
from gateway.consent.parties import Parties
from gateway.door import Door
from gateway.errors import ConfigError
from gateway.health import Health
from gateway.identity import load_cloud, tls_context
from gateway.link import Endpoint
from gateway.tasks import until_signal


async def serve(
    identity: Path,
    broker: str,
    db: Path,
    sink: Sink,
    health_port: int | None = None,
    *,
    consent: bool = True,
    parties: Path | None = None,
    door: Path | None = None,
    door_users: tuple[int, ...] = (),
    courier: Path | None = None,
    accounts: Path | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT with the identity of a folder; ConfigError and StoreError say what is wrong.

    `health_port`: where /live, /ready and /metrics are on this machine; None for nowhere, 0 for any free port. With
    `consent` it is a consent authority in the name of `parties` (a file; None for the example that ships), which apps
    of `door_users` may ask at the socket `door`; `courier` is a folder for requests to confirm marketing (a desk). Then
    it keeps profiles too; `accounts` names the providers whose accounts open them.
    """
    clock = await asyncio.to_thread(SystemClock)
    who = await asyncio.to_thread(load_cloud, identity)
    tls = await asyncio.to_thread(tls_context, who.tls, clock) if broker.startswith("mqtts:") else None
    endpoint = Endpoint.parse(broker, tls)
    terms = profiles = provers = None
    if consent:
        named = await asyncio.to_thread(Parties.load, parties)
        terms = ConsentTerms(who.key, named, db.with_name(db.name + "-erasures.jsonl"))
        profiles = ProfileTerms.of(who.key, db.with_name(db.name + "-profile-erasures.jsonl"))
    if accounts is not None:
        from gateway.cloud.profile.accounts import Accounts

        provers = await Accounts.open(accounts, clock)
    inbox = await Inbox.open(db, Enrolled(who), clock=clock, sink=sink, consent=terms, profiles=profiles)
    try:
        cloud = Cloud(who, endpoint, inbox, clock=clock, accounts=provers)
        async with Health(health_port) as health, until_signal() as group:
            metrics.show(health, cloud, inbox)
            if provers is not None:
                accounts_metrics.show(health, provers)
            group.create_task(health.run(), name="health")
            group.create_task(cloud.run(), name="cloud")
            if door is not None:
                group.create_task(_open_door(door, door_users, cloud, courier), name="door")
    finally:
        await inbox.aclose()
        if provers is not None:
            await provers.aclose()


async def _open_door(path: Path, users: tuple[int, ...], cloud: Cloud, folder: Path | None) -> None:
    if cloud.authority is None:
        raise ConfigError("a door is about consent: serve with consent required, or without a door")
    courier = FileCourier(folder) if folder is not None else None
    verbs = authority_verbs(cloud.authority, courier)
    if cloud.profiles is not None:
        verbs |= profile_authority_verbs(cloud.profiles)
    async with Door(path, verbs, users) as door:
        await door.run()
