"""The cloud's end of the link: takes in, answers, sends commands; must never send a receipt for what is not on disk."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from forecourt.v1 import downlink_pb2

from gateway.clock import Clock
from gateway.cloud.commands import Commander
from gateway.cloud.consent.authority import Authority
from gateway.cloud.consent.erasure import Recipient
from gateway.cloud.consent.rounds import Rounds
from gateway.cloud.inbox import Inbox
from gateway.cloud.outcome import Outcome
from gateway.cloud.profile.authority import ProfileAuthority
from gateway.cloud.profile.making import profile_authority
from gateway.cloud.receipts import Owed, receipts
from gateway.errors import LinkError, StoreError, TooLarge
from gateway.identity import CloudIdentity
from gateway.limits import CLOUD_RECEIVE_MAXIMUM, RECEIPT_EVENTS, RECEIPT_EXPIRY_S, RECEIPT_INTERVAL_S
from gateway.link import Connection, Endpoint, Link, LinkStatus, Message, Will
from gateway.log import Log
from gateway.profile.sealing import public_bytes
from gateway.wire.signing import sign
from gateway.wire.topics import CLOUD_STATE, UP_EVENTS_FILTER, UP_STATE_FILTER, Topics

if TYPE_CHECKING:
    from gateway.cloud.profile.accounts import Accounts

log = Log("cloud")


@dataclass(slots=True)
class Tally:
    """Counts since this process began; `events` and `repeated` are events, the others messages."""

    messages: int = 0
    events: int = 0
    repeated: int = 0
    poison: int = 0
    unknown_dictionaries: int = 0
    births: int = 0
    receipts: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class CloudStatus:
    """How the cloud's end stands, for people and metrics."""

    link: LinkStatus
    cloud_boot: int
    tally: Tally
    waiting: int


class Cloud:
    """Subscribes to every device and answers. `run` goes on until it is cancelled; the inbox belongs to the caller.

    Each connection has a boot id of its own: what was published while none was there is gone, and the change tells
    devices to send again what has no receipt.
    """

    def __init__(
        self,
        identity: CloudIdentity,
        endpoint: Endpoint | Callable[[], Endpoint],
        inbox: Inbox,
        *,
        clock: Clock,
        receipt_interval_s: float = RECEIPT_INTERVAL_S,
        receipt_events: int = RECEIPT_EVENTS,
        on_outcome: Callable[[Outcome], None] = lambda _: None,
        recipients: Sequence[Recipient] = (),
        accounts: "Accounts | None" = None,
    ) -> None:
        self._identity, self._inbox = identity, inbox
        self._interval_s, self._events = receipt_interval_s, receipt_events
        self._on_outcome = on_outcome
        self.tally = Tally()
        self.cloud_boot = 0
        self.ready = asyncio.Event()
        self._waiting = 0
        self._doubted: dict[str, int] = {}
        self._owed, self._call = Owed(), asyncio.Event()
        self._enough = asyncio.Event()
        self._link = Link(
            endpoint,
            identity.name,
            on_message=self._on_message,
            will=self._will,
            receive_maximum=CLOUD_RECEIVE_MAXIMUM,
        )
        self.commander = Commander(inbox, identity.key, clock, self._send)
        self.authority: Authority | None = None
        if inbox.consent is not None:
            rounds = Rounds(inbox, inbox.consent, self.commander, identity.key, clock, recipients)
            self.authority = Authority(inbox, inbox.consent, self.commander, clock, rounds)
        self.profiles: ProfileAuthority | None = profile_authority(inbox, self.commander, clock, accounts)
        terms = inbox.profile_terms
        self._seal_key = public_bytes(terms.seal) if terms is not None else b""

    async def run(self) -> None:
        """Connects and serves for ever; cancel it to stop, which says farewell."""
        if self.authority is None:
            await self._link.run(self._session)
            return
        async with asyncio.TaskGroup() as group:
            group.create_task(self.authority.rounds.run(), name="consent-authority")
            if self.profiles is not None:
                group.create_task(self.profiles.rounds.run(), name="profile-authority")
            await self._link.run(self._session)

    def status(self) -> CloudStatus:
        """How it stands now."""
        return CloudStatus(self._link.status(), self.cloud_boot, self.tally, self._waiting)

    def _will(self) -> Will:
        self.cloud_boot = secrets.randbits(63) | 1
        return Will(CLOUD_STATE, self._state(online=False))

    def _state(self, online: bool) -> bytes:
        state = downlink_pb2.CloudState(cloud_boot=self.cloud_boot, online=online, seal_key=self._seal_key)
        return sign(self._identity.key, CLOUD_STATE, state.SerializeToString())

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(UP_STATE_FILTER, UP_EVENTS_FILTER)
        self._publish(connection, CLOUD_STATE, self._state(online=True), retain=True)
        if self.authority is not None:
            await self.authority.rounds.connected(
                lambda topic, payload: self._publish(connection, topic, payload, retain=True)
            )
        self.ready.set()
        log.info("cloud_online", cloud_boot=self.cloud_boot)
        try:
            while True:
                await self._call.wait()
                await self._until_due()
                await self._answer(connection)
        finally:
            self.ready.clear()
            if self.authority is not None:
                self.authority.rounds.disconnected()
            if not connection.closed.done():
                self._publish(connection, CLOUD_STATE, self._state(online=False), retain=True)

    async def _until_due(self) -> None:
        """Returns when the first that waits has waited for the interval, or when enough events wait."""
        try:
            async with asyncio.timeout(self._interval_s):
                await self._enough.wait()
        except TimeoutError:
            pass

    async def _answer(self, connection: Connection) -> None:
        owed, self._owed = self._owed, Owed()
        self._call.clear()
        self._enough.clear()
        try:
            hardened = await self._inbox.harden(owed.streams, list(owed.births.items()))
        except StoreError as error:
            log.error("receipts_withheld", error=str(error))
            connection.abort("the inbox cannot promise")
            return
        for device, receipt in receipts(owed, hardened, self.cloud_boot, self._doubted):
            topic = Topics(device).receipt
            await connection.wait_writable()
            self._publish(
                connection,
                topic,
                sign(self._identity.key, topic, receipt.SerializeToString()),
                expiry_s=RECEIPT_EXPIRY_S,
            )
            self.tally.receipts += 1
        if owed.births:
            await self.commander.send_again(owed.births)

    def _on_message(self, connection: Connection, message: Message) -> None:
        self._waiting += 1

        def done(outcome: Outcome | None) -> None:
            self._waiting -= 1
            if outcome is None:
                self.tally.refused += 1
                connection.abort("the inbox takes nothing")  # unacknowledged; devices send again
                return
            connection.ack(message)
            self._note(outcome)

        self._inbox.submit(message.topic, message.payload, done)

    def _note(self, outcome: Outcome) -> None:
        tally = self.tally
        tally.messages += 1
        tally.events += outcome.new
        tally.repeated += outcome.repeated
        tally.poison += outcome.poison is not None
        tally.unknown_dictionaries += outcome.unknown_dictionary is not None
        tally.births += outcome.born is not None
        if outcome.poison is not None:
            log.warning("message_put_aside", reason=str(outcome.poison.reason), device=outcome.device)
        self.commander.note(outcome.replies)
        self._owed.note(outcome)
        if self.authority is not None and (outcome.consent_due or outcome.born is not None):
            self.authority.rounds.due(outcome.device)
        if self.profiles is not None and (outcome.profile_due or outcome.consent_due or outcome.born is not None):
            self.profiles.rounds.due()
        if outcome.doubted is not None:
            if self._doubted.get(outcome.device) != outcome.doubted.epoch:
                log.warning("device_restored_from_copy", device=outcome.device)
            self._doubted[outcome.device] = outcome.doubted.epoch
        elif outcome.born is not None:
            self._doubted.pop(outcome.device, None)
        if self._owed:
            self._call.set()
        if self._owed.due_at_once(self._events):
            self._enough.set()
        self._on_outcome(outcome)

    def _send(self, topic: str, payload: bytes, expiry_s: int) -> None:
        if (connection := self._link.connection) is not None:
            self._publish(connection, topic, payload, expiry_s=expiry_s)

    @staticmethod
    def _publish(
        connection: Connection, topic: str, payload: bytes, *, retain: bool = False, expiry_s: int | None = None
    ) -> None:
        """Publishes without waiting: whoever misses a receipt or a command gets it again."""
        try:
            connection.publish(topic, payload, retain=retain, expiry_s=expiry_s)
        except (LinkError, TooLarge) as error:
            log.warning("publish_failed", topic=topic, error=str(error))
