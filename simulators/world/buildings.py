"""The radio model's numbers for recorded buildings, so that it can be held beside them; must never hold a reading.

Level, exponent, offsets, shadow, losses and interval are those that the recordings' statistics show. What follows from
them is set nowhere: how much a still tag's levels vary, how alike neighbouring places are once fading is added, how
soon a walker's errors come again.
"""

from simulators.world.radio import AirSettings

OFFICE = AirSettings(
    at_1_m_dbm=-59.0,
    exponent=1.6,
    shadow_db=3.6,
    shadow_m=2.5,
    receiver_db=2.3,
    body_db=0.0,
    interval_s=0.45,
    loss=0.12,
)
"""Open plan, 20.7 x 17.6 m, twelve hubs (danis-tetam)."""
FLAT = AirSettings(
    at_1_m_dbm=-45.0,
    exponent=2.3,
    shadow_db=6.4,
    shadow_m=2.0,
    receiver_db=1.0,
    body_db=10.0,
    interval_s=0.3,
    loss=0.08,
    spell_s=8.0,
    spell_share=0.035,
)
"""Furnished, 9.1 x 7.1 m, six stations of two receivers (kolakowski-flat)."""
