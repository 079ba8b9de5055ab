"""The picture of a floor: well formed, everything that was given in it, nothing else."""

from pathlib import Path
from xml.etree import ElementTree as ET

from click.testing import CliRunner

from showroom_agent.example import FOLDER
from showroom_agent.locator import Locator
from showroom_agent.plan import load_site
from showroom_agent.verbs import site as verbs
from showroom_agent.views.plot import Picture, svg

SVG = "{http://www.w3.org/2000/svg}"


def drawn(picture: Picture) -> list[ET.Element]:
    """All shapes of a picture of the example."""
    return list(ET.fromstring(svg(load_site(FOLDER / "site.geojson"), picture)).iter())


def of(shapes: list[ET.Element], name: str) -> list[ET.Element]:
    """Those of a class."""
    return [one for one in shapes if one.get("class") == name]


def test_the_plan_alone() -> None:
    """Hubs, walls, zones; no track, no belief. Names are text, whatever they hold."""
    shapes = drawn(Picture(title="a <b> & c"))
    assert len(of(shapes, "hub")) == 14
    assert len(of(shapes, "wall")) >= 4
    assert of(shapes, "zone")
    assert not of(shapes, "found")
    assert not of(shapes, "belief")
    assert shapes[1].text == "a <b> & c"


def test_track_truth_and_belief() -> None:
    """In metres with y upwards; the likeliest cell is the darkest."""
    locator = Locator(load_site(FOLDER / "site.geojson"))
    belief = locator.grid.open * 0
    belief[:3] = (0.5, 0.25, 0.001)
    shapes = drawn(Picture([(1.0, 2.0), (3.0, 4.0)], [(1.0, 2.5)], belief, locator.grid))
    assert of(shapes, "found")[0].get("points") == "1.00,-2.00 3.00,-4.00"
    assert of(shapes, "truth")[0].get("points") == "1.00,-2.50"
    assert [one.get("opacity") for one in of(shapes, "belief")] == ["0.70", "0.35"]
    assert of(shapes, "at")[0].get("cx") == "3.00"


def test_by_the_verb(tmp_path: Path) -> None:
    """A recording, up to a second of it."""
    (tmp_path / "tracks").mkdir()
    (tmp_path / "site.geojson").write_bytes((FOLDER / "site.geojson").read_bytes())
    rows = [f"{n / 2:.1f},hub-0{1 + n % 4},t,-{60 + n % 7}" for n in range(1, 60)]
    (tmp_path / "tracks" / "a.sightings.csv").write_text("t_s,hub,tag,rssi_dbm\n" + "\n".join(rows) + "\n")
    out = tmp_path / "a.svg"
    told = CliRunner().invoke(verbs, ["plot", "--site", str(tmp_path), "--track", "a", "--at", "5", "--out", str(out)])
    assert told.exit_code == 0, told.output
    assert "10 positions, 0 of the truth" in told.output
    assert of(list(ET.fromstring(out.read_text()).iter()), "belief")
