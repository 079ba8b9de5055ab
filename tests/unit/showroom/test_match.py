"""Which car fits which wishes, and why; cars that come and go; interest in something new."""

import random
from typing import Any

import pytest

from showroom_agent.example import FOLDER
from showroom_agent.match import (
    Choice,
    InterestWatch,
    Wishes,
    approach,
    load_catalogue,
    rank,
    score,
)
from showroom_agent.match.interest import BREAK_S, DWELL_S
from showroom_agent.match.terms import BODIES, COLOURS, CRITERIA, DOGS, DRIVES, EQUIPMENT

CATALOGUE = load_catalogue(FOLDER / "catalogue.toml")
ALL = tuple(CATALOGUE.cars)
DOG_OWNER = Wishes(
    drive=("electric",), body=("estate",), budget_eur=48_000, price_sensitivity=0.6, dog="large", must=("dog",)
)


def test_the_best_car_for_a_dog_owner_is_the_electric_estate() -> None:
    """It meets all; each criterion says why in both languages, and the reasons make up the hit rate."""
    best = rank(CATALOGUE, DOG_OWNER, ALL)[0]
    assert (best.car.id, best.percent) == ("lumen-e-touring", 100.0)
    assert [one.id for one in best.criteria] == ["drive", "body", "dog", "price"]
    assert best.lines("de")[2] == "Hund im Kofferraum: 100 % – Laderaum 78 cm hoch, 610 Liter: passt"
    assert best.lines("en")[3] == "price: 100 % – €500 below the budget"


def test_the_hit_rate_is_the_weighted_mean_of_what_is_shown() -> None:
    """For random wishes and every car: within 0 and 100, and nothing counts that is not told."""
    rng = random.Random(2)
    for _ in range(300):
        wishes = _random_wishes(rng)
        for one in CATALOGUE.cars.values():
            fit = score(one, wishes)
            total = sum(each.weight for each in fit.criteria)
            mean = sum(each.weight * each.score for each in fit.criteria) / total if total else 1.0
            assert fit.percent == pytest.approx(100 * mean, abs=0.051)
            assert all(0 <= each.score <= 1 and each.reason.de and each.reason.en for each in fit.criteria)


def test_what_a_guest_does_not_wish_does_not_count() -> None:
    """Without wishes each car fits, and the cheaper one comes first."""
    fits = rank(CATALOGUE, Wishes(), ALL)
    assert {fit.percent for fit in fits} == {100.0}
    assert all(not fit.criteria for fit in fits)
    prices = [fit.car.price_eur for fit in fits]
    assert prices == sorted(prices)


def test_a_must_that_is_missed_stands_behind_all_that_miss_none() -> None:
    """However well it fits else."""
    fits = rank(CATALOGUE, Wishes(drive=("electric",), budget_eur=37_000, dog="large", must=("dog",)), ALL)
    missing = [bool(fit.missing) for fit in fits]
    assert missing == sorted(missing)
    small = next(fit for fit in fits if fit.car.id == "lumen-e")
    assert small.missing == ("dog",)
    assert small.percent > fits[2].percent


@pytest.mark.parametrize(
    ("wishes", "better", "worse"),
    [
        (Wishes(seats=7), "carga-van", "lumen-e"),
        (Wishes(towing_kg=1_500), "vaga-estate", "lumen-e-touring"),
        (Wishes(range_km=900), "vaga-estate", "carga-van"),
        (Wishes(boot_l=600), "carga-van", "piccolo"),
        (Wishes(colour=("green", "red")), "piccolo", "lumen-e"),
        (Wishes(equipment=("heat_pump", "tow_bar")), "lumen-e-touring", "strato-suv"),
        (Wishes(budget_eur=40_000), "vaga-estate", "lumen-e-touring"),
        (Wishes(drive=("hybrid",)), "strato-suv", "carga-van"),
    ],
)
def test_each_wish_tells_cars_apart(wishes: Wishes, better: str, worse: str) -> None:
    """One wish alone, and which of two cars it favours."""
    assert score(CATALOGUE.cars[better], wishes).percent > score(CATALOGUE.cars[worse], wishes).percent


def test_the_price_counts_as_much_as_the_guest_is_sensitive_to_it() -> None:
    """From not at all to most."""
    rates = [
        score(
            CATALOGUE.cars["carga-van"], Wishes(drive=("electric",), budget_eur=30_000, price_sensitivity=sensitivity)
        ).percent
        for sensitivity in (0.0, 0.3, 1.0)
    ]
    assert rates[0] == 100.0
    assert rates == sorted(rates, reverse=True)
    assert rates[2] < 50


def test_only_cars_that_are_there_are_named() -> None:
    """Present means confirmed by the caller; a car that the catalogue does not know is nothing."""
    assert [fit.car.id for fit in rank(CATALOGUE, DOG_OWNER, ("piccolo", "ghost"))] == ["piccolo"]
    assert rank(CATALOGUE, DOG_OWNER, ()) == []


def test_when_the_car_leaves_the_next_best_is_named_at_once() -> None:
    """And when none is there that is said too, once; the first that comes back is taken."""
    choice = Choice(CATALOGUE, DOG_OWNER)
    first = choice.update(ALL)
    assert first is not None
    assert first.why == "first"
    assert choice.update(ALL) is None
    left = choice.update([car for car in ALL if car != "lumen-e-touring"])
    assert left is not None
    assert left.why == "left"
    assert left.fit is not None
    assert left.fit.car.id == "carga-van"
    none = choice.update([])
    assert none is not None
    assert none.fit is None
    assert choice.update([]) is None
    back = choice.update(["strato-suv"])
    assert back is not None
    assert back.why == "left"


def test_a_better_car_takes_over_only_when_it_is_clearly_better() -> None:
    """And never against what the guest chose himself."""
    choice = Choice(CATALOGUE, DOG_OWNER)
    assert choice.update(["carga-van"]) is not None
    better = choice.update(["carga-van", "lumen-e-touring"])
    assert better is not None
    assert better.why == "better"
    mine = Choice(CATALOGUE, DOG_OWNER)
    assert mine.take("piccolo")
    assert not mine.take("ghost")
    assert mine.update(ALL) is None
    mine.wish(Wishes(seats=7))
    assert mine.car_id == "piccolo"
    gone = mine.update(["carga-van", "lumen-e"])
    assert gone is not None
    assert gone.fit is not None
    assert (gone.why, gone.fit.car.id) == ("left", "carga-van")


def test_other_wishes_make_another_choice() -> None:
    """It says that the wishes were the reason."""
    choice = Choice(CATALOGUE, DOG_OWNER)
    choice.update(ALL)
    choice.wish(Wishes(budget_eur=18_000, price_sensitivity=1.0))
    changed = choice.update(ALL)
    assert changed is not None
    assert changed.fit is not None
    assert (changed.why, changed.fit.car.id) == ("wishes", "piccolo")


def test_before_a_car_one_hears_what_matters_to_him() -> None:
    """What he wished comes first, and no accessory that does not fit the car."""
    dog = approach(CATALOGUE, "lumen-e-touring", Wishes(dog="large"))
    assert dog is not None
    assert "Hund" in dog.points[0].de
    assert {"dog-divider", "boot-tray"} == {one.id for one in dog.accessories[:2]}
    for ident in ALL:
        found = approach(CATALOGUE, ident, DOG_OWNER)
        assert found is not None
        assert all(one.fits(found.fit.car) for one in found.accessories)
    assert approach(CATALOGUE, "ghost", DOG_OWNER) is None
    towing = approach(CATALOGUE, "lumen-e", Wishes(towing_kg=500))
    assert towing is not None
    assert "bike-rack" not in {one.id for one in towing.accessories}


def _stand(watch: InterestWatch, car_id: str | None, span: tuple[float, float], consented: bool = True) -> list[Any]:
    ticks = [span[0] + tick / 2 for tick in range(int((span[1] - span[0]) * 2))]
    found = [watch.update(now, car_id, DOG_OWNER, consented=consented) for now in ticks]
    return [one for one in found if one is not None]


def test_dwelling_at_a_car_outside_the_wishes_is_new_interest_once() -> None:
    """With what it misses; not at a car that fits, and not when only passing."""
    watch = InterestWatch(CATALOGUE)
    (found,) = _stand(watch, "piccolo", (0, 2 * DWELL_S))
    assert found.car_id == "piccolo"
    assert found.dwell_s == DWELL_S
    assert found.differs == ("drive", "body", "dog")
    assert _stand(watch, "lumen-e-touring", (100, 200)) == []
    assert _stand(watch, "lumen-e", (200, 200 + DWELL_S - 1)) == []
    assert _stand(watch, "piccolo", (300, 400)) == []


def test_a_short_gap_does_not_start_anew_and_a_long_one_does() -> None:
    """A tag is lost for a moment when somebody walks by."""
    watch = InterestWatch(CATALOGUE)
    assert _stand(watch, "lumen-e", (0, DWELL_S - 2)) == []
    assert _stand(watch, None, (DWELL_S - 2, DWELL_S)) == []
    assert len(_stand(watch, "lumen-e", (DWELL_S, DWELL_S + 2))) == 1
    other = InterestWatch(CATALOGUE)
    _stand(other, "lumen-e", (0, DWELL_S - 2))
    assert _stand(other, "lumen-e", (DWELL_S + BREAK_S, DWELL_S + BREAK_S + 10)) == []


def test_without_consent_nobody_is_watched() -> None:
    """And a no on the way forgets what was counted before."""
    watch = InterestWatch(CATALOGUE)
    assert _stand(watch, "piccolo", (0, 200), consented=False) == []
    _stand(watch, "piccolo", (200, 200 + DWELL_S - 1))
    _stand(watch, "piccolo", (200 + DWELL_S - 1, 200 + DWELL_S), consented=False)
    assert _stand(watch, "piccolo", (200 + DWELL_S, 200 + 2 * DWELL_S - 1)) == []


def _random_wishes(rng: random.Random) -> Wishes:
    def some(terms: dict[str, Any]) -> tuple[str, ...]:
        return tuple(rng.sample(sorted(terms), rng.randint(0, 3)))

    return Wishes(
        some(DRIVES),
        some(BODIES),
        some(COLOURS),
        some(EQUIPMENT),
        rng.choice((0.0, rng.uniform(10_000, 80_000))),
        rng.random(),
        rng.choice(sorted(DOGS)),
        rng.choice((0.0, 500.0)),
        rng.randint(0, 7),
        rng.choice((0.0, 1_500.0)),
        rng.choice((0.0, 600.0)),
        some(CRITERIA),
    )
