"""What every vehicle card must keep, as tests to inherit from; must never know how a card was made.

In an outside package:

    from gateway.contracts.vehicle_card import VehicleCardContract

    class TestMyCard(VehicleCardContract):
        def toml(self):
            return my_package.card()
"""

import math
from typing import Final

from gateway.profile.fit import (
    Card,
    Confidence,
    Fit,
    Policy,
    Setting,
    attempt,
    card_from_toml,
    fit,
    load_card,
    middle_readings,
    unfit,
)
from gateway.profile.register import Origin

AHEAD_S: Final = 0.150
"""A motion is ordered so far ahead; what takes longer for a step cannot be stopped in time, so it is never moved."""
NEIGHBOURS: Final = ("saloon", "suv", "city")
SHARES: Final = (0.0, 0.13, 0.5, 0.77, 1.0)


class VehicleCardContract:
    """Inherit, define `toml`, and let pytest collect the tests."""

    def toml(self) -> str:
        """The card's document."""
        raise NotImplementedError

    def card(self) -> Card:
        """The card."""
        return card_from_toml(self.toml())

    def test_it_is_read_the_same_again(self) -> None:
        """Nothing about a card is left to chance."""
        assert self.card() == self.card()

    def test_what_moves_can_be_stopped(self) -> None:
        """Each actuator that moves is parked_only or never, and one step takes no longer than an order runs ahead."""
        for path, one in self.card().actuators.items():
            if one.speed_per_s is None:
                continue
            assert one.policy is not Policy.ANY_TIME, path
            if one.policy is Policy.PARKED_ONLY:
                assert max(one.step or 0.0, float(one.whole)) <= one.speed_per_s * AHEAD_S, path

    def test_settings_are_within_the_range_and_on_a_step(self) -> None:
        """Whatever is asked for, the setting is one that the actuator knows; asking for it again changes nothing."""
        for path, one in self.card().actuators.items():
            if one.low is None or one.high is None:
                continue
            for share in (-1.0, *SHARES, 2.0):
                setting = one.snap(one.low + share * (one.high - one.low))
                assert one.low <= setting <= one.high, path
                assert one.snap(setting) == setting, path

    def test_the_same_model_replays_the_raw_values(self) -> None:
        """What the guest left here is what he finds here, to the bit."""
        card = self.card()
        for share in SHARES:
            raw = self._readings(card, share)
            values = unfit(raw, card)
            origin = Origin("contract", card.id, card.revision, _plain(raw))
            found = fit(values, dict.fromkeys(values, origin), card)
            for one in found.targets:
                if one.confidence is Confidence.EXACT:
                    assert one.value == raw[one.path], one.path
            if any(field.startswith("seat.") for field in values):
                assert found.confidence is Confidence.EXACT

    def test_a_translation_to_itself_lands_where_it_was(self) -> None:
        """Geometry and its inverse agree: as another revision of itself, a posture inside the ranges comes back."""
        card = self.card()
        if card.geometry is None:
            return
        for share in (0.3, 0.5, 0.7):
            raw = self._readings(card, share)
            values = unfit(raw, card)
            found = fit(values, dict.fromkeys(values, None), card)
            assert found.residual_mm < 5.0
            assert not [one for one in found.targets if one.field.startswith("seat.") and one.clamped]

    def test_guests_of_other_models_get_orders_it_can_follow(self) -> None:
        """To and from the packaged models: every order is within the card, and whatever is missed is told."""
        card = self.card()
        for name in NEIGHBOURS:
            other = load_card(name)
            for share in SHARES:
                for there, here in ((other, card), (card, other)):
                    trial = attempt(there, here, self._readings(there, share), {})
                    self._follows(trial.fit, here)
                    told = {one.field for one in trial.fit.targets} | {field for field, _ in trial.fit.skipped}
                    assert told == trial.values.keys()

    @staticmethod
    def _readings(card: Card, share: float) -> dict[str, Setting]:
        raw = middle_readings(card)
        for path, one in card.actuators.items():
            if path in raw and one.low is not None and one.high is not None:
                raw[path] = one.snap(one.low + share * (one.high - one.low))
        return raw

    @staticmethod
    def _follows(found: Fit, card: Card) -> None:
        assert math.isfinite(found.residual_mm)
        for one in found.targets:
            actuator = card.actuators[one.path]
            if actuator.low is not None and actuator.high is not None:
                assert isinstance(one.value, int | float)
                assert actuator.low <= one.value <= actuator.high, one.path
                assert one.value == actuator.snap(one.value), one.path
            if one.clamped:
                assert one.why, one.path


def _plain(raw: dict[str, Setting]) -> dict[str, float | int | str]:
    return {path: value for path, value in raw.items() if not isinstance(value, tuple)}
