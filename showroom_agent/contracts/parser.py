"""What every beacon parser must do, as tests to inherit from; must never know a format.

In an outside package:

    from showroom_agent.contracts.parser import Example, ParserContract

    class TestMyParser(ParserContract):
        parser = MyParser()
        examples = (Example(advert, "mine:1"),)
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

from showroom_agent.radio import Advert, Beacon, BeaconParser
from showroom_agent.radio.value import KEY_CHARS_MAX

ROUNDS = 2_000
SLOWEST_S = 100e-6
"""For an advert, on the average: a hub hears thousands in a second."""


@dataclass(frozen=True, slots=True)
class Example:
    """An advert of the format, and the key that it has."""

    advert: Advert
    key: str


class ParserContract:
    """Inherit, set `parser` and `examples`, and let pytest collect the tests."""

    parser: BeaconParser
    examples: Sequence[Example] = ()

    def test_its_examples_have_their_keys(self) -> None:
        """Each key begins with the parser's name; the same advert says the same again."""
        assert self.examples, "give at least one example"
        for one in self.examples:
            found = self.parser.parse(one.advert)
            assert found == self.parser.parse(one.advert)
            assert isinstance(found, Beacon)
            assert found.key == one.key
            assert found.key.startswith(f"{self.parser.name}:")
            assert len(found.key) <= KEY_CHARS_MAX

    def test_others_are_none_of_its(self) -> None:
        """An advert without data, or with that of nobody, is left to the other parsers."""
        nothing = Advert(bytes(6), -60, 0.0)
        assert self.parser.parse(nothing) is None
        assert self.parser.parse(replace(nothing, manufacturer={0xFFFE: b"\0" * 12}, services={"": b"x"})) is None

    def test_damaged_adverts_are_harmless(self) -> None:
        """Cut, longer, and other bytes: a key in bounds or None, never an exception, and quickly."""
        rng, spent_s = Random(1), 0.0
        for number in range(ROUNDS):
            advert = _damaged(self.examples[number % len(self.examples)].advert, rng)
            began = time.perf_counter()
            found = self.parser.parse(advert)
            spent_s += time.perf_counter() - began
            assert found is None or len(found.key) <= KEY_CHARS_MAX
        assert spent_s / ROUNDS <= SLOWEST_S

    def test_the_address_is_not_in_the_key(self) -> None:
        """Whoever changes his address is the same, and no address gets out by the key."""
        for one in self.examples:
            other = self.parser.parse(replace(one.advert, address=bytes.fromhex("c0ffee123456")))
            assert other is not None
            assert other.key == one.key


def _damaged(advert: Advert, rng: Random) -> Advert:
    manufacturer = {company: _hurt(data, rng) for company, data in advert.manufacturer.items()}
    return replace(advert, manufacturer=manufacturer, services={k: _hurt(v, rng) for k, v in advert.services.items()})


def _hurt(data: bytes, rng: Random) -> bytes:
    way = rng.randrange(4)
    if way == 0:
        return data[: rng.randrange(len(data) + 1)]
    if way == 1:
        return data + rng.randbytes(rng.randrange(1, 40))
    if way == 2:
        return rng.randbytes(len(data))
    place = rng.randrange(len(data)) if data else 0
    return data[:place] + rng.randbytes(1) + data[place + 1 :]
