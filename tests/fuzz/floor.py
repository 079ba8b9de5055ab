"""What comes out of the air and over the floor, as targets; must never catch what it looks for."""

from functools import cache

from forecourt.v1 import showroom_pb2
from google.protobuf.message import DecodeError

from gateway.errors import InputError
from showroom_agent.hub import Watch, replay
from showroom_agent.radio import Advert, RotatingTags, built_in, rotating_advert
from showroom_agent.radio.eddystone import SERVICE as EDDYSTONE
from showroom_agent.radio.rotating import SERVICE as ROTATING
from showroom_agent.site import SiteCore
from showroom_agent.site.hubs import read_frame
from tests.kit.showroom import BOTH, example

KEY, WALL_S = b"k" * 16, 1.8e9
GUEST = 4711
TAGS = RotatingTags({"tag": KEY})
FORMATS = built_in()
_IBEACON = b"\x02\x15" + bytes(range(16)) + b"\0\1\0\2\xc5"
_ALTBEACON = b"\xbe\xac" + bytes(range(20)) + b"\xc5\0"
ADVERTS = [
    b"\0" + _IBEACON,
    b"\1" + _ALTBEACON,
    b"\2\0\xe7" + bytes(range(16)),
    b"\2\x10\xeb\3forecourt\0a",
    b"\2" + bytes.fromhex("20000bb8158000000064 00000c80"),
    b"\3" + rotating_advert(KEY, WALL_S)[ROTATING],
]
"""First which structure, then its data: Apple's, another company's, Eddystone's, our own."""
_LINES = (
    b'{"version":1,"hub":"h","boot":"7","f":1.0,"w":1800000000000000}\n'
    b'{"t":1.1,"r":-60,"a":"c00000000001","p":true,"m":{"76":"0215"},"s":{}}\n'
    b'{"t":1.2,"r":-70,"x":"0102030405060708"}\n'
    b'{"f":1.5,"w":1800000000500000,"mode":1,"fault":""}\n'
)
LOG = [_LINES]


def advert(data: bytes) -> None:
    """Through each format by itself, without the net that a hub has for parsers of others; InputError: nobody's."""
    which, body = (data[0] & 3, data[1:]) if data else (0, b"")
    manufacturer = {0x004C: body} if which == 0 else {0x0118: body} if which == 1 else {}
    services = {EDDYSTONE: body} if which == 2 else {ROTATING: body} if which == 3 else {}
    heard = Advert(b"\x41\1\2\3\4\5", -60, 1.0, True, manufacturer, services)
    found = [one for one in (parser.parse(heard) for parser in FORMATS) if one is not None]
    named = TAGS.name(heard, WALL_S)
    if not found and named is None:
        raise InputError("of no format")
    assert all(len(one.key) <= 200 for one in found), "a key beyond its bound"


def frame(data: bytes) -> None:
    """A frame of a hub, as a site reads it behind the signature."""
    read_frame(data, "hub-1")


def requests() -> list[bytes]:
    """What guests' phones say, one of each kind."""
    hello = showroom_pb2.GuestHello(tag="jan", language="de", wishes='{"drive": ["electric"]}')
    fix = showroom_pb2.GpsFix(latitude_deg=52.4, longitude_deg=9.7, accuracy_m=5.0)
    heard = showroom_pb2.PhoneSightings()
    heard.beacons.add(hub="hub-01", best_dbm=-60, mean_dbm=-62.5, count=2)
    heard.beacons.add(beacon="ibeacon:00112233:1:2", best_dbm=-60, mean_dbm=-62.5, count=2)
    said = showroom_pb2.GuestRequest
    good = (said(hello=hello), said(fix=fix), said(sightings=heard), said(wishes="{}"), said(vehicle="piccolo"))
    return [one.SerializeToString() for one in good]


@cache
def _core() -> SiteCore:
    """The example showroom with one guest, whose phone listens."""
    core = SiteCore(example(), 0)
    core.request(0, GUEST, showroom_pb2.GuestRequest(hello=showroom_pb2.GuestHello()))
    core.allow(GUEST, BOTH)
    return core


def request(data: bytes) -> None:
    """A guest's request behind the signature: a hello begins another visit, everything else is of one that goes on."""
    core = _core()
    try:
        said = showroom_pb2.GuestRequest.FromString(data)
    except DecodeError:
        raise InputError("no request") from None
    which = said.WhichOneof("request")
    if which in {"bye", "forget"}:
        return
    core.request(1, GUEST + (which == "hello"), said)
    core.allow(GUEST + 1, 0)
    assert len(core.guests) == 1, "a visit outlives its guest"


def log(data: bytes) -> None:
    """A hub's raw log."""
    for _ in replay(data.decode("utf-8", "replace").splitlines(), Watch({"ibeacon:x": "t"})):
        pass
