"""Commands go down until they are answered; must never trust a command that is not signed."""

import asyncio
from pathlib import Path

import pytest
from forecourt.v1 import control_pb2, downlink_pb2

from gateway.cloud.certify import forge
from gateway.cloud.certify.player import Player
from gateway.identity import Identity
from gateway.identity.keystore import load
from gateway.identity.pki import Pki, make_dev_pki
from gateway.link import Connection, Endpoint, Message
from gateway.model import SeqRange, Stream
from gateway.wire.messages import read_command
from tests.kit.broker import mosquitto
from tests.kit.sites import background, site

pytestmark = pytest.mark.needs_mosquitto
CAR, OTHER = "car-1", "car-2"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    """Keys of a cloud and two devices."""
    return make_dev_pki(tmp_path_factory.mktemp("pki"), [CAR, OTHER])


@pytest.fixture(scope="module")
def cars(pki: Pki) -> list[Identity]:
    """The two devices."""
    return [load(pki.device(device)) for device in (CAR, OTHER)]


class Driver(Player):
    """A device that takes commands, and answers when told."""

    def __init__(self, identity: Identity, endpoint: Endpoint) -> None:
        super().__init__(identity, endpoint, patience_s=10)
        self.commands: asyncio.Queue[downlink_pb2.Command] = asyncio.Queue()
        self._answers = 0

    async def _session(self, connection: Connection) -> None:
        await connection.subscribe(self.topics.command)
        await super()._session(connection)

    def _on_message(self, connection: Connection, message: Message) -> None:
        if message.topic != self.topics.command:
            super()._on_message(connection, message)
            return
        connection.ack(message)
        self.commands.put_nowait(self._believed(read_command, message))

    async def answer(self, command: int, *stages: control_pb2.CommandStage, reason: str = "") -> None:
        """Sends answers in the control stream."""
        records = [
            control_pb2.ControlRecord(reply=control_pb2.CommandReply(command=command, stage=stage, reason=reason))
            for stage in stages
        ]
        bag = forge.control_bag(self._answers + 1, records)
        self._answers += len(records)
        await self.send(bag, stream=Stream.CONTROL, with_dictionary=False)


async def test_commands_are_sent_after_each_birth_until_answered(
    pki: Pki, cars: list[Identity], tmp_path: Path
) -> None:
    """The same id and counter each time, over a restart of the cloud; the answers are kept in their order."""
    async with mosquitto() as broker, site(pki, broker.endpoint(), tmp_path) as made:
        car = Driver(cars[0], broker.endpoint())
        async with background(car.run()), asyncio.timeout(20):
            await car.begin()
            commander = made.cloud.commander
            number = await commander.resend(CAR, car.epoch, Stream.LIVE, SeqRange(3, 9))
            first = await car.commands.get()
            body = downlink_pb2.ResendEvents.FromString(first.body)
            assert (first.id, first.kind) == (number, "events.resend")
            assert (body.epoch, body.stream, body.range.first, body.range.last) == (car.epoch, 2, 3, 9)
            await car.born()
            assert await car.commands.get() == first
            await made.restart()
            assert await car.commands.get() == first
            other = await made.cloud.commander.issue(CAR, "profile.apply", b"x")
            second = await car.commands.get()
            assert (second.id, second.counter > first.counter > 0) == (other, True)
            await car.answer(number, control_pb2.COMMAND_STAGE_ACCEPTED, control_pb2.COMMAND_STAGE_DONE)
            await car.answer(other, control_pb2.COMMAND_STAGE_FAILED, reason="unknown_kind")
            done = await made.cloud.commander.wait(number)
            failed = await made.cloud.commander.wait(other)
            assert (done.stage, failed.stage) == (control_pb2.COMMAND_STAGE_DONE, control_pb2.COMMAND_STAGE_FAILED)
            assert failed.reason == "unknown_kind"
            assert [reply.stage for reply in await made.cloud.commander.replies(number)] == [1, 3]
            before = car.heard.receipts
            await car.born()
            assert await car.until(lambda heard: heard.receipts > before)
            third = await made.cloud.commander.issue(CAR, "last")
            assert (await car.commands.get()).id == third
