"""Presence: states of a passage, what is learnt, and that running it step by step is what was judged."""

import json
from pathlib import Path

import numpy as np
import pytest

from gateway.errors import ConfigError
from showroom_agent.plan import load_readings
from showroom_agent.plan.geometry import Array
from showroom_agent.presence import PresenceTrack, grid_of, load_models, save_models
from showroom_agent.presence.apply import changes
from showroom_agent.presence.features import RATE_S, Features
from showroom_agent.presence.measure import measure, together
from showroom_agent.presence.phases import Phases
from showroom_agent.presence.softmax import fit, probabilities
from showroom_agent.presence.train import Run, follow, hold, judge, load_run, train
from tests.kit.floors import csv_of, document, floor, write

HUBS = ["in", "out", "door"]


def levels_of(inside: Array, seed: int) -> Array:
    """What three hubs hear of a car that drives through a door within two seconds, at each tenth of a second."""
    rng = np.random.default_rng(seed)
    slow = np.convolve(np.pad(inside.astype(float), 10, mode="edge"), np.ones(21) / 21, mode="valid")
    base = np.stack([-80 + 25 * slow, -55 - 25 * slow, -60 - 15 * np.abs(slow - 0.5)], axis=1)
    found: Array = base + rng.normal(0, 4, base.shape)
    found[rng.random(base.shape) < 0.1] = np.nan
    return found


def run_of(seed: int, passages: int = 6) -> tuple[Run, Array]:
    """A labelled run, and its levels."""
    rng = np.random.default_rng(seed)
    stays = [np.full(int(rng.integers(100, 250)), number % 2 == 1) for number in range(passages + 1)]
    inside = np.concatenate(stays)
    levels = levels_of(inside, seed)
    features = Features(len(HUBS))
    return Run(f"car-{seed}", np.array([features.step(row) for row in levels]), inside), levels


def test_a_passage_is_labelled_second_by_second() -> None:
    """Two states before the moment and two after it, both ways; the chain may turn back; rows sum to 1."""
    phases = Phases(2)
    inside = np.repeat([False, True, False], 100)
    labels = phases.label(inside)
    assert labels[79] == 0
    assert labels[80:120:10].tolist() == [2, 3, 4, 5]
    assert labels[150] == 1
    assert labels[180:220:10].tolist() == [6, 7, 8, 9]
    assert phases.inside.tolist() == [False, True, False, False, True, True, True, True, False, False]
    assert phases.transition().sum(axis=1) == pytest.approx(1)
    assert Phases(0).label(inside).tolist() == inside.astype(int).tolist()


def test_regression_finds_what_made_the_data() -> None:
    """Three classes in a plane: probabilities near those that drew them, and a strong ridge flattens them."""
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(4_000, 2))
    true = np.array([[2.0, 0, 0], [0, 2.0, 0.5], [-1.0, -1.0, 0]])
    likely = probabilities(rows, true)
    labels = np.array([rng.choice(3, p=row) for row in likely])
    found = probabilities(rows, fit(rows, labels, 3, np.ones(4_000), 1.0))
    assert np.abs(found - likely).mean() < 0.02
    assert np.abs(probabilities(rows, fit(rows, labels, 3, np.ones(4_000), 1e6)) - 1 / 3).max() < 0.05


def test_presence_is_learnt_and_found_in_a_run_that_was_not_seen() -> None:
    """Every passage, no flapping, soon."""
    judged = judge(HUBS, "car", [run_of(seed)[0] for seed in (1, 2, 3)])
    _, found = judged.frontier[0]
    assert judged.how == "leave one run out"
    assert (found.found, found.true, found.flips) == (18, 18, 0)
    assert found.accuracy > 0.95
    assert found.delay_s(90) < 1.5


def test_step_by_step_is_what_was_judged() -> None:
    """The track that runs on a hub and the filter over a whole run say the same."""
    model = train(HUBS, [run_of(seed)[0] for seed in (1, 2, 3)])
    run, levels = run_of(4)
    track = PresenceTrack(model)
    said = [track.step(row) for row in levels]
    likely = follow(model, run.features)
    assert [one.inside for one in said] == pytest.approx(likely.tolist())
    assert [one.present for one in said] == hold(likely, model.enter, model.leave).tolist()


def test_blind_is_not_absent() -> None:
    """When no hub hears for seconds, or none works, it is not known where the car is; then it is known again."""
    model = train(HUBS, [run_of(seed)[0] for seed in (1, 2, 3)])
    _, levels = run_of(4)
    track = PresenceTrack(model)
    known = [track.step(row).present for row in levels[:50]]
    assert known[-1] is False
    silent = np.full(len(HUBS), np.nan)
    said = [track.step(silent).present for _ in range(60)]
    assert said[10] is False
    assert said[-1] is None
    assert track.step(levels[50]).present is False
    assert track.step(levels[51], listening=False).present is None


def test_models_survive_a_file_and_nothing_else_is_read(tmp_path: Path) -> None:
    """Written and read back they say the same; a broken file is refused with what to do."""
    model = train(HUBS, [run_of(seed)[0] for seed in (1, 2)])
    save_models(tmp_path / "m.json", {"car": model})
    again = load_models(tmp_path / "m.json")["car"]
    run, _ = run_of(5)
    assert (follow(again, run.features) == follow(model, run.features)).all()
    document = json.loads((tmp_path / "m.json").read_text("utf-8"))
    wrong: list[object] = [{}, [], document | {"form": 9}, document | {"carriers": {"car": {"hubs": []}}}]
    for broken in wrong:
        (tmp_path / "m.json").write_text(json.dumps(broken), "utf-8")
        with pytest.raises(ConfigError, match=r"m\.json"):
            load_models(tmp_path / "m.json")
    document["carriers"]["car"]["weights"][0][0] = float("nan")
    (tmp_path / "m.json").write_text(json.dumps(document), "utf-8")
    with pytest.raises(ConfigError, match="not a presence model"):
        load_models(tmp_path / "m.json")


def test_a_single_run_is_judged_in_halves() -> None:
    """It never learns from what it is judged on."""
    judged = judge(HUBS, "walk", [run_of(1, passages=8)[0]])
    assert "halves" in judged.how
    assert sorted(judged.runs) == ["car-1 (1)", "car-1 (2)"]
    with pytest.raises(ConfigError, match="nothing to learn"):
        train(HUBS, [run_of(1, passages=0)[0]])


def test_measures_count_as_one_would_by_hand() -> None:
    """A late change is a delay, a short flip back and forth is two false flips."""
    true = np.repeat([False, True], [50, 50])
    said = np.repeat([False, True, False, True, False], [20, 5, 35, 30, 10])
    found = measure(said, true)
    assert (found.true, found.found, found.flips) == (1, 1, 3)
    assert found.delays_s == pytest.approx([1.0])
    assert found.accuracy == pytest.approx((20 + 25 + 30) / 100)
    assert together([found, found]).accuracy == found.accuracy
    assert found.seconds == pytest.approx(10)


def test_a_labelled_recording_is_read_and_applied(tmp_path: Path) -> None:
    """Truth by change points; every zone but the one outside counts; changes carry their moment."""
    site = floor()
    lines = ["t_s,hub,tag,rssi_dbm"]
    inside = np.repeat([False, True] * 5, 100)
    levels = levels_of(inside, 1)
    lines += [
        f"{step * RATE_S:.1f},{site.hubs[hub].id},car,{value:.0f}"
        for step, row in enumerate(levels)
        for hub, value in enumerate(row)
        if not np.isnan(value)
    ]
    folder = write(tmp_path / "s", document(), car="\n".join(lines) + "\n")
    rows = [f"{10 * number},{'spot' if number % 2 else 'outside'}" for number in range(10)]
    (folder / "tracks" / "car.truth.csv").write_text("\n".join(["t_s,zone", *rows]) + "\n", "utf-8")
    run = load_run(folder, "car", site, "outside")
    assert (run.inside == inside[: len(run.inside)]).all()
    model = train([hub.id for hub in site.hubs], [run])
    readings, _ = load_readings(folder / "tracks" / "car.sightings.csv", site)
    said = list(changes(model, readings))
    assert [zone for _, zone, _ in said] == ["outside", "inside"] * 5
    assert [at for at, _, _ in said[1:]] == pytest.approx([10.0 * n for n in range(1, 10)], abs=1.0)
    with pytest.raises(ConfigError, match="needs its truth"):
        load_run(write(tmp_path / "t", document(), car=csv_of(site, readings)), "car", site, "outside")
    assert grid_of([], [], [], 3)[1].shape == (0, 3)
