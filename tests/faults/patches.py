"""The planted faults: each a small change of the product and the tests that claim to catch it; must never be a switch.

Cheapest first: a short run takes the first ones.
"""

from dataclasses import dataclass
from typing import NamedTuple


class Edit(NamedTuple):
    """`old`, which stands exactly once in the file, becomes `new`."""

    path: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake that somebody could make, and who claims to notice."""

    name: str
    edits: tuple[Edit, ...]
    tests: tuple[str, ...]


SLOT, RING, FREED = (
    "self._file.write(index, os.urandom(SLOT_BYTES))",
    "gateway/consent/keyring.py",
    "self._file.write(index, FREE)",
)

FAULTS: tuple[Fault, ...] = (
    Fault(
        "the slot of a destroyed key is not overwritten",
        (Edit(RING, SLOT, "self._file.sync()"), Edit(RING, FREED, "self._file.sync()")),
        ("tests/unit/consent/test_keyring.py::test_a_destroyed_key_is_nowhere",),
    ),
    Fault(
        "the gate is not asked again at hand-out",
        (
            Edit(
                "gateway/outbox/handout.py",
                "if stream != Stream.CONTROL and not core.gate.may_leave(row.subject, row.purposes):",
                "if stream != Stream.CONTROL and row.subject < 0:",
            ),
        ),
        ("tests/unit/outbox/test_handout.py::test_the_gate_is_asked_again",),
    ),
    Fault(
        "what was encoded ahead of a commit is written although the gate closed meanwhile",
        (Edit("gateway/outbox/append.py", "not made.holds(core.gate)", "not made.whole"),),
        ("tests/unit/outbox/test_append.py::test_a_withdrawal_between_preparing_and_commit_counts_as_denied",),
    ),
    Fault(
        "a seal is not bound to the place of its bag",
        (
            Edit(
                "gateway/wire/seal.py",
                "key.encrypt(nonce, plain, place.associated_data())",
                "key.encrypt(nonce, plain, None)",
            ),
            Edit(
                "gateway/wire/seal.py",
                "key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.associated_data())",
                "key.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], None)",
            ),
        ),
        ("tests/unit/wire/test_seal.py::test_a_bag_does_not_open_elsewhere",),
    ),
    Fault(
        "the check of a row is not looked at",
        (Edit("gateway/outbox/schema.py", "if row.row_check != check_of(stream, row):", "if row.row_check is None:"),),
        ("tests/unit/outbox/test_handout.py::test_altered_rows_condemn_the_store",),
    ),
    Fault(
        "bags in flight may be evicted",
        (
            Edit(
                "gateway/outbox/flights.py",
                "free = set(firsts) - self._out[stream]",
                "free = set(firsts)",
            ),
        ),
        (
            "tests/unit/outbox/test_handout.py::test_no_bag_is_both_claimed_and_in_flight",
            "tests/component/test_outbox_traffic.py",
        ),
    ),
    Fault(
        "eviction tells no gap",
        (
            Edit(
                "gateway/outbox/evict.py",
                "change.gap(stream, of_bags(rows), reason)",
                "_ = of_bags(rows)",
            ),
        ),
        ("tests/component/test_outbox_traffic.py",),
    ),
    Fault(
        "the epoch is not renewed when a store is rescued",
        (Edit("gateway/store/ledger.py", "self.epoch = new_epoch()", "self.epoch = 1 << 62"),),
        ("tests/unit/store/test_opening.py::test_an_old_copy_of_a_store_gets_a_new_epoch",),
    ),
    Fault(
        "the inbox does not look whether it has a bag already",
        (
            Edit(
                "gateway/cloud/batches.py",
                "missing = numbers.missing(first, last)",
                "missing = [SeqRange(first, last)]",
            ),
        ),
        (
            "tests/unit/cloud/test_admission.py::test_a_batch_takes_effect_once",
            "tests/faults/test_kills.py::test_the_cloud_may_be_killed_between_effect_and_receipt",
        ),
    ),
    Fault(
        "a receipt leaves before what it promises is synced",
        (
            Edit(
                "gateway/cloud/inbox.py",
                'db.execute("pragma synchronous = full")\n        try:\n            return statement()',
                "try:\n            return statement()",
            ),
        ),
        ("tests/unit/cloud/test_inbox.py::test_a_promise_is_one_synced_commit",),
    ),
    Fault(
        "a withdrawal does not wait for the fence",
        (
            Edit(
                "gateway/flow/revocation.py",
                "await self.fence.fence(subject, gone)",
                "await asyncio.sleep(0)",
            ),
        ),
        ("tests/component/test_revocation_cuts.py::test_the_fence_stands_between_the_transaction_and_the_keys",),
    ),
    Fault(
        "a partial withdrawal keeps what only the withdrawn purpose allowed",
        (Edit("gateway/consent/narrowing.py", "self._policies.purposes(signal.path) & rest)", "signal.path)"),),
        ("tests/component/test_consent_partial.py",),
    ),
    Fault(
        "the fence leaves a connection that may still carry what was withdrawn",
        (Edit("gateway/flow/uplink.py", 'self._connection.abort("consent was withdrawn")', "self._wake.set()"),),
        ("tests/component/test_consent_in_flight.py",),
    ),
    Fault(
        "values without a grant are kept",
        (Edit("gateway/consent/decision.py", "None if len(picks) == len(usable) else picks)", "None)"),),
        ("tests/faults/test_day.py",),
    ),
    Fault(
        "a command runs after its time",
        (
            Edit("gateway/flow/commands.py", 'return "expired" if now_us > command.not_after_us else ""', 'return ""'),
            Edit(
                "gateway/flow/commands.py",
                "if trusted and self._clock.wall_us() > entry.not_after_us:",
                "if trusted and entry.not_after_us < 0:",
            ),
        ),
        ("tests/component/test_commands.py::test_a_command_is_refused_with_a_word",),
    ),
    Fault(
        "a receipt is believed whoever signed it",
        (
            Edit(
                "gateway/wire/signing.py",
                'raise SignatureError("the signature does not fit message, topic and key") from None',
                "return",
            ),
        ),
        ("tests/component/test_uplink_trust.py::test_forged_receipts_are_counted_and_never_believed",),
    ),
    Fault(
        "the broker's PUBACK settles",
        (
            Edit(
                "gateway/flow/publisher.py",
                "if code < FAILURE and code != NO_SUBSCRIBER:\n",
                "if code < FAILURE and code != NO_SUBSCRIBER:\n"
                "            self._outbox.settle(flight.stream, 0, flight.bags)\n",
            ),
        ),
        ("tests/component/test_uplink_trust.py::test_forged_receipts_are_counted_and_never_believed",),
    ),
    Fault(
        "a cancelled publish never gives its slot of the Receive Maximum back",
        (
            Edit(
                "gateway/link/flights.py",
                "flight = self._open.pop(mid, None)\n        if flight is None:\n            return\n",
                "flight = self._open.get(mid)\n        if flight is None or flight.future.cancelled():\n"
                "            return\n        del self._open[mid]\n",
            ),
        ),
        ("tests/conformance/test_mqtt.py::test_the_quota_is_whole_after_cancelling_thousands",),
    ),
    Fault(
        "commits of the store are NORMAL instead of FULL",
        (Edit("gateway/store/file.py", '"synchronous=full"', '"synchronous=normal"'),),
        ("tests/faults/test_powerloss.py",),
    ),
    Fault(
        "the signature of a record of consent is not looked at",
        (
            Edit(
                "gateway/consent/record.py",
                "key_id(key) == name and _signed(key, canonical(body), value)",
                "bool(key_id(key))",
            ),
        ),
        ("tests/unit/consent/test_record.py::test_what_nobody_signed_is_refused",),
    ),
    Fault(
        "a guest's no on the device is forgotten when a record crosses it",
        (Edit("gateway/consent/holding.py", "for change in holding.pending:", "for change in holding.pending[:0]:"),),
        ("tests/unit/consent/test_plan.py::test_an_own_no_stands_against_records_that_do_not_know_it",),
    ),
    Fault(
        "a record is written before what it takes away is withdrawn",
        (Edit("gateway/consent/books.py", "if plan.narrowed:", "if plan.narrowed and not now.boot_id:"),),
        ("tests/unit/consent/test_records.py::test_a_narrower_record_is_not_written_before_its_withdrawal",),
    ),
    Fault(
        "a lease goes by the wall clock",
        (Edit("gateway/consent/grants.py", "if given.boot_id == now.boot_id:", "if given.boot_id == ~now.boot_id:"),),
        ("tests/unit/consent/test_scope.py::test_no_wall_clock_moves_a_lease_within_its_boot",),
    ),
    Fault(
        "a yes leaves before the authority has countersigned it",
        (
            Edit(
                "gateway/consent/grants.py",
                "(found.leave, effective >= reach),",
                "(found.leave, grant.asked >= reach),",
            ),
        ),
        ("tests/unit/consent/test_scope.py::test_a_yes_that_is_not_countersigned_is_kept_and_does_not_leave",),
    ),
    Fault(
        "a cloud that holds numbers never given is not believed",
        (Edit("gateway/flow/answers.py", "not said and not any(", "not said or not any("),),
        ("tests/component/test_uplink_trust.py::test_numbers_never_given_are_proof_of_lost_commits_once",),
    ),
    Fault(
        "numbers of a copy that were given twice are told as earlier ones",
        (Edit("gateway/outbox/salvage.py", "if self.genuine is not None and", "if self.genuine is None and"),),
        (
            "tests/component/test_uplink_cloud.py::test_a_folder_restored_from_a_copy_begins_a_new_epoch",
            "tests/component/test_uplink_cloud.py::test_what_a_copy_held_without_receipt_has_one_effect",
        ),
    ),
    Fault(
        "an event that was numbered anew has a second effect",
        (Edit("gateway/cloud/moved.py", "if not bag.origin_epoch:\n            return missing", "return missing"),),
        ("tests/unit/cloud/test_moved.py::test_one_effect_in_any_order",),
    ),
    Fault(
        "a bag that the cloud refuses is sent for ever",
        (Edit("gateway/flow/answers.py", "self._publisher.doom(stream, bag)", "self.bad += 1"),),
        ("tests/component/test_uplink_cloud.py::test_a_bag_that_the_cloud_cannot_read_leaves_the_shelf_with_a_gap",),
    ),
    Fault(
        "late copies over a rescue are told by a clock",
        (Edit("gateway/cloud/withdrawn.py", "if epoch == place.origin_epoch:", "if epoch == ~place.origin_epoch:"),),
        ("tests/unit/cloud/test_withdrawn.py",),
    ),
    Fault(
        "a motion does not ask whether the car is held",
        (Edit("vehicle_agent/cabin/interlocks.py", "if not parked(inputs, now_ms):", "if now_ms < 0:"),),
        (
            "tests/unit/vehicle/cabin/test_interlocks.py",
            "tests/faults/test_cabin.py::test_an_hour_of_drives_with_faults",
        ),
    ),
    Fault(
        "a motion is ordered to its end at once",
        (Edit("vehicle_agent/cabin/going.py", "if abs(left) <= reach:", "if abs(left) >= 0:"),),
        ("tests/unit/vehicle/cabin/test_stepping.py::test_an_order_is_never_far_ahead",),
    ),
    Fault(
        "a value that a plan clamped counts as the guest's",
        (Edit("vehicle_agent/cabin/intent.py", "self._settled[path] = value\n        if not", "if not"),),
        ("tests/unit/vehicle/cabin/test_intent.py::test_a_hand_during_a_plan",),
    ),
    Fault(
        "a no to a profile is forgotten where it was cut",
        (Edit("gateway/flow/profile_sync.py", "await self._room.disown(subject)", "self._heard = b''"),),
        ("tests/component/test_profile_cuts.py::test_a_no_that_was_cut_takes_the_profile_at_the_next_start",),
    ),
)
