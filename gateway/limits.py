"""Every bound of Forecourt with its unit last; must never import another room."""

from typing import Final

# Events and bags
BAG_EVENTS_MAX: Final = 500
BAG_DECODE_EVENTS_MAX: Final = 4_096
BODY_DECODE_BYTES_MAX: Final = 4_000_000
EVENT_VALUES_MAX: Final = 256
BAG_DECODE_VALUES_MAX: Final = 262_144
STRING_VALUE_BYTES_MAX: Final = 4_096
RECORD_BYTES_MAX: Final = 16_384
SIGNAL_PATH_BYTES_MAX: Final = 512
DICTIONARY_SIGNALS_MAX: Final = 4_096
DICTIONARY_SHAPES_MAX: Final = 8_192
EXPONENT_MAX: Final = 9

# Group commit
LINGER_URGENT_S: Final = 0.0
LINGER_LIVE_S: Final = 0.020
LINGER_BULK_S: Final = 0.500
LINGER_CONTROL_S: Final = 0.020
LINGER_EVENTS_MAX: Final = 2_000
SETTLE_LINGER_S: Final = 10.0

# The store
STORE_BYTES_DEFAULT: Final = 256 << 20
STORE_BYTES_MIN: Final = 1 << 20
WAL_PAGES_MAX: Final = 256
PAGE_BYTES: Final = 4_096
RESERVED_SHARE: Final = 0.10
EXPIRY_BUCKET_S: Final = 60
GAPS_KEPT_MAX: Final = 10_000
KEY_SLOTS: Final = 1_024
WAITING_EVENTS_MAX: Final = 100_000
BAG_BYTES_MAX: Final = 262_144
LONE_BAG_BYTES_MAX: Final = 900_000
BODY_TEXT_BYTES_MAX: Final = 1_200_000
TAKE_BAGS_MAX: Final = 64
QUARANTINED_BAGS_MAX: Final = 64
SWEEP_BAGS_MAX: Final = 2_000
DAMAGE_CHECK_BAGS: Final = 64
BOOTS_KEPT_MAX: Final = 64
EVICT_SHARE: Final = 1 / 16

# The wire
EVENT_BATCH_BYTES_TARGET: Final = 64_000
MESSAGE_BYTES_MAX: Final = 1_000_000
DOWNLINK_BYTES_MAX: Final = 65_536
BIRTHS_KEPT_MAX: Final = 32
"""Names of connections that a device remembers and tells, the oldest is forgotten first."""
BIRTH_AGAIN_S: Final = 3_600.0
"""A connection says another birth after so long: a copy of the store that is older than that is known by its name."""
DOUBT_LOOK_S: Final = 10.0
DOUBT_AGAIN_S: Final = 21_600.0
"""A store is given up on the cloud's word once in a boot, and again after so long."""
RECEIPT_RANGES_MAX: Final = 64
BATCH_BAGS_MAX: Final = 256
BATCH_CONSENTS_MAX: Final = 256
BATCH_BOOTS_MAX: Final = 64
DEVICE_ID_BYTES_MAX: Final = 64

# Windows and time-outs
UNRECEIPTED_EVENTS_DEFAULT: Final = 10_000
UNRECEIPTED_EVENTS_MAX: Final = 40_000
URGENT_RESERVE_EVENTS: Final = 1_000
PUBACK_WINDOW_MAX: Final = 64
RECEIPT_TIMEOUT_S: Final = 60.0
RECEIPT_EXPIRY_S: Final = 60
RECEIPT_INTERVAL_S: Final = 0.050
RECEIPT_EVENTS: Final = 2_500
ACK_TIMEOUT_S: Final = 10.0
CONNECT_TIMEOUT_S: Final = 10.0
KEEPALIVE_S: Final = 20
BACKOFF_FIRST_S: Final = 0.25
BACKOFF_SOON_MAX_S: Final = 30.0
BACKOFF_LATER_FIRST_S: Final = 5.0
BACKOFF_LATER_MAX_S: Final = 300.0
LINK_STABLE_S: Final = 30.0
LINK_CLOSE_TIMEOUT_S: Final = 1.0
LINK_RECEIVE_MAXIMUM: Final = 256
LINK_BUFFER_BYTES_TARGET: Final = 262_144
LINK_WAITING_BYTES_MAX: Final = 8 << 20
FRESH_PER_BACKLOG: Final = 3
PACE_BYTES_MIN: Final = 8_192
PACE_BYTES_START: Final = 262_144
PACE_BYTES_MAX: Final = 1 << 20
PACE_SLOW_S: Final = 2.0
PACE_FAST_S: Final = 0.5
RESYNC_S: Final = 0.5
URGENT_GAP_S: Final = 0.005
DICTIONARY_AGAIN_S: Final = 1.0

# Commands
COMMANDS_OPEN_MAX: Final = 64
COMMAND_BODY_BYTES_MAX: Final = 32_768
COMMAND_LIFE_MAX_S: Final = 7 * 86_400
COMMANDS_KEPT_MAX: Final = 1_024
COMMANDS_QUEUED_MAX: Final = 128
COMMAND_RUN_S: Final = 600.0
COMMAND_RESULT_BYTES_MAX: Final = 8_192
COMMAND_SKEW_S: Final = 86_400
COMMAND_REPEAT_S: Final = 10.0
RESEND_EVENTS_MAX: Final = 1_000_000

# The cloud's end
CLOUD_RECEIVE_MAXIMUM: Final = 64
CLOUD_RANGES_KEPT_MAX: Final = 4_096
CLOUD_STREAMS_CACHED_MAX: Final = 4_096
CLOUD_DICTIONARIES_CACHED_MAX: Final = 256
CLOUD_SUBJECTS_CACHED_MAX: Final = 4_096
CLOUD_DICTIONARIES_MAX: Final = 1_024
"""Of one device; beyond it those that it does not use now are forgotten, and asked for again."""
CLOUD_DICTIONARIES_BYTES_MAX: Final = 32 << 20
CLOUD_BOOTS_MAX: Final = 65_536
"""Of one device; later boots are not noted, so that times of their events stay as the batch gave them."""
CLOUD_GAPS_MAX: Final = 262_144
"""Ranges that one device tells as lost; records beyond it are put aside, and their numbers stay unexplained."""
CLOUD_CONTROL_BODIES_MAX: Final = 16_384
"""Control records of one device whose content is kept; of older ones only that they came."""
CLOUD_ARRIVALS_MAX: Final = 65_536
"""Ranges of one device of which time and batch of arrival are known; older ones are joined."""
CLOUD_ERASURES_MAX: Final = 65_536
"""Withdrawals of one device by which late copies are known; beyond it the oldest is forgotten."""
CLOUD_COMMANDS_MAX: Final = 1_024
"""To one device, and their answers; of older ones only what waits still."""
CLOUD_REPLIES_MAX: Final = 16
"""Answers to one command."""
CLOUD_EPOCHS_MAX: Final = 256
"""Of one device: each is a store that was made, restored or rescued. The oldest without a hole makes room for more."""
POISON_KEPT_MAX: Final = 500
POISON_UNPROVEN_MAX: Final = 200
"""Of these, messages that no enrolled device has signed."""
POISON_PAYLOAD_BYTES_MAX: Final = 32_768

# Consent
GRANTS_MAX: Final = 4_096
GATE_LANES_MAX: Final = 4_096
LEASE_CHECK_S: Final = 60.0
KEY_SLOTS_RESERVED: Final = 32
KEY_TIDY_S: Final = 60.0
CONSENT_RECORD_ID_BYTES_MAX: Final = 128
CONSENT_RECORD_BYTES_MAX: Final = 16_384
CONSENT_LEASE_S: Final = 86_400
"""The longest that a device relies on what it knows of a guest without hearing from the authority."""
CONSENT_SKEW_S: Final = 3_600
"""By so much a device's clock may be behind the authority's before a record counts as one from the future."""
CONSENT_SUBJECTS_MAX: Final = 256
PROFILE_STAGES_MAX: Final = 16
"""Profiles that wait in one vehicle for their guests; the cloud sends no more, the vehicle keeps no more."""
CONSENT_CHANGES_MAX: Final = 256
"""Changes of one subject that wait for the authority; a further yes is refused, a further no never is."""
CONSENT_HISTORY_MAX: Final = 4_096
CONSENT_FETCH_AGAIN_S: Final = 5.0
"""Between two requests of a device for what is in force."""
CONSENT_FETCHES_MAX: Final = 64

# Accounts of another service
ACCOUNT_TOKEN_BYTES_MAX: Final = 8_192
ACCOUNT_LEEWAY_S: Final = 30.0
"""By so much the provider's clock and ours may differ."""
ACCOUNT_LIFE_MAX_S: Final = 86_400.0
"""Between a token's issue and its end; a longer one is refused."""
ACCOUNT_TOKENS_SEEN_MAX: Final = 65_536
"""Tokens of which is known in which visit they were shown; beyond it the oldest is forgotten."""
ACCOUNT_ISSUERS_MAX: Final = 16
ACCOUNT_KEYS_MAX: Final = 64
ACCOUNT_KEYS_BYTES_MAX: Final = 262_144
ACCOUNT_KEYS_TIMEOUT_S: Final = 5.0
"""For connection, TLS and the whole answer together; the look-up of the name comes before."""
ACCOUNT_KEYS_PATIENCE_S: Final = 1.0
"""So long a token waits for keys that are being fetched; then it is to come again."""
ACCOUNT_KEYS_AGAIN_S: Final = 60.0
"""Between two fetches of a provider's keys, whatever tokens name."""
ACCOUNT_KEYS_RETRY_S: Final = 5.0
"""The same while there is no key at all."""
ACCOUNT_KEYS_FRESH_S: Final = 3_600.0
ACCOUNT_KEYS_AGE_MAX_S: Final = 86_400.0
"""Keys that could not be fetched again for so long are not used any more."""

# The door
DOOR_LINE_BYTES_MAX: Final = 65_536
DOOR_ANSWER_BYTES_MAX: Final = 64 << 20
DOOR_CONNECTIONS_MAX: Final = 16
DOOR_IDLE_S: Final = 300.0

# Stopping
STOP_S: Final = 5.0

assert BAG_EVENTS_MAX <= LINGER_EVENTS_MAX <= UNRECEIPTED_EVENTS_DEFAULT <= UNRECEIPTED_EVENTS_MAX
assert BAG_EVENTS_MAX <= BAG_DECODE_EVENTS_MAX
assert BAG_EVENTS_MAX * EVENT_VALUES_MAX <= BAG_DECODE_VALUES_MAX
assert POISON_UNPROVEN_MAX < POISON_KEPT_MAX
assert EVENT_BATCH_BYTES_TARGET < MESSAGE_BYTES_MAX <= BODY_DECODE_BYTES_MAX
assert RECEIPT_EVENTS < UNRECEIPTED_EVENTS_DEFAULT
assert RECEIPT_INTERVAL_S < RECEIPT_TIMEOUT_S
