"""The signals that the demonstration's databroker knows: VSS where it is known, else what a recording shows."""

from pathlib import Path

from simulators.databroker import Catalogue
from simulators.demo.drive import Drive


def catalogue_for(drive: Drive, vss: Path | None) -> Catalogue:
    """The packaged signals or those of a VSS file, and a leaf with a type that fits for each other signal.

    Reads files; raises InputError.
    """
    known = Catalogue.packaged() if vss is None else Catalogue.read(vss)
    for path, values in drive.samples.items():
        known = known.with_inferred(path, values)
    return known
