"""The signals that the demonstration's databroker knows: VSS where it is known, else what a recording shows."""

from collections.abc import Sequence
from pathlib import Path

from gateway.model import Value
from simulators.databroker import Catalogue, Leaf
from simulators.demo.drive import Drive

INT64_MAX = 2**63 - 1


def catalogue_for(drive: Drive, vss: Path | None) -> Catalogue:
    """The packaged signals or those of a VSS file, and a leaf with a type that fits for each other signal.

    Reads files; raises InputError.
    """
    known = Catalogue.packaged() if vss is None else Catalogue.read(vss)
    unknown = {path: values for path, values in drive.samples.items() if path not in known}
    return known | Catalogue.of([Leaf(path, datatype(values)) for path, values in unknown.items()])


def datatype(values: Sequence[Value]) -> str:
    """The narrowest VSS type that holds all of these: boolean, int64, double, else string."""
    kinds = {type(value) for value in values}
    if kinds == {bool}:
        return "boolean"
    if kinds == {int} and all(abs(int(value)) <= INT64_MAX for value in values):
        return "int64"
    return "double" if kinds <= {int, float} else "string"
