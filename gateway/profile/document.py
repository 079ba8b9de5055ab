"""A profile: its registers under an epoch; must never mix registers of two epochs."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from gateway.errors import InputError
from gateway.profile.fields import Value
from gateway.profile.hlc import Hlc
from gateway.profile.register import Edit, Origin, Register, check_register

SCHEMA = 1
EPOCH_BYTES = 16
REGISTERS_MAX = 256
_EMPTY: Mapping[str, Register] = MappingProxyType({})


class EpochRefused(InputError):
    """Something of a profile that was erased, or of another one."""


def new_epoch(now_ms: int) -> bytes:
    """An epoch that sorts after those before it: 6 bytes of time, 10 of chance."""
    return now_ms.to_bytes(6, "big") + secrets.token_bytes(EPOCH_BYTES - 6)


@dataclass(frozen=True, slots=True)
class Document:
    """A profile. `version` rises at the authority with each change that it took; copies carry the one they saw.

    `schema` is the newest that any of its registers came from: fields of a newer one are kept and passed on unread.
    """

    epoch: bytes
    version: int = 0
    registers: Mapping[str, Register] = field(default_factory=lambda: _EMPTY)
    schema: int = SCHEMA

    @property
    def values(self) -> dict[str, Value]:
        """Field -> value, without tombstones."""
        return {key: one.value for key, one in self.registers.items() if one.value is not None}

    @property
    def origins(self) -> dict[str, Origin]:
        """Field -> where its value was set, without tombstones."""
        return {key: one.origin for key, one in self.registers.items() if one.value is not None}

    def group(self, name: str) -> dict[str, Register]:
        """The registers of a group, tombstones too."""
        return {key: one for key, one in self.registers.items() if one.group == name}

    def groups(self) -> dict[str, dict[str, Register]]:
        """All groups with their registers."""
        found: dict[str, dict[str, Register]] = {}
        for key, one in self.registers.items():
            found.setdefault(one.group, {})[key] = one
        return found

    def stamp(self, group: str) -> Hlc | None:
        """When the group was set at last; None where it never was."""
        return max((one.hlc for one in self.group(group).values()), default=None)

    def with_group(self, name: str, registers: Mapping[str, Register], version: int | None = None) -> "Document":
        """The document with a group replaced as a whole."""
        rest = {key: one for key, one in self.registers.items() if one.group != name}
        return replace(self, registers=rest | dict(registers), version=self.version if version is None else version)

    def edit(self, group: str, changed: Mapping[str, Value | None], hlc: Hlc, origin: Origin) -> Edit:
        """What changing some fields of a group amounts to: the others are carried over as they are."""
        carried = {key: one for key, one in self.group(group).items() if key not in changed}
        return Edit(group, dict(changed), hlc, origin, carried, self.stamp(group))


def check_document(one: Document) -> Document:
    """The document with checked registers; InputError for what cannot be."""
    if len(one.epoch) != EPOCH_BYTES or not 0 <= one.version < 1 << 62 or not 0 < one.schema < 1 << 16:
        raise InputError("a profile has an epoch of 16 bytes, a version and a schema")
    if len(one.registers) > REGISTERS_MAX:
        raise InputError(f"a profile holds at most {REGISTERS_MAX} fields")
    newer = one.schema > SCHEMA
    return replace(one, registers={key: check_register(each, newer=newer) for key, each in one.registers.items()})


def check_edit(one: Edit) -> Edit:
    """The edit itself; InputError where its fields are not of its group or hold what they cannot."""
    if not one.values or len(one.values) + len(one.carried) > REGISTERS_MAX:
        raise InputError(f"an edit changes 1 to {REGISTERS_MAX} fields")
    checked = {key: check_register(each) for key, each in one.registers().items()}
    if any(key != each.key for key, each in one.carried.items()):
        raise InputError("a field is carried under another name")
    return replace(one, values={key: checked[key].value for key in one.values})
