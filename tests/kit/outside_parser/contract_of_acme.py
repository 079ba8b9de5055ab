"""The outside package's own test: the contract of the showroom, inherited; must never weaken it."""

from acme_parser import COMPANY, AcmeParser  # type: ignore[import-not-found]

from showroom_agent.contracts.parser import Example, ParserContract
from showroom_agent.radio import Advert


class TestAcmeParser(ParserContract):
    """The contract."""

    parser = AcmeParser()
    examples = (Example(Advert(b"\xc0abcde", -60, 0.0, manufacturer={COMPANY: b"A\0\0\0\7"}), "acme:7"),)
