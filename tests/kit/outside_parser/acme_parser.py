"""A format of Acme's: company 0xACE, the letter A, a number of four bytes; must never name another's advert."""

from showroom_agent.radio import Advert, Beacon

COMPANY = 0x0ACE


class AcmeParser:
    """Keys are acme:NUMBER."""

    name = "acme"

    def parse(self, advert: Advert) -> Beacon | None:
        """Exactly five bytes."""
        data = advert.manufacturer.get(COMPANY, b"")
        if len(data) != 5 or data[:1] != b"A":
            return None
        return Beacon(f"acme:{int.from_bytes(data[1:], 'big')}")
