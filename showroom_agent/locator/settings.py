"""The numbers of the locator, the same for every site; must never be learnt from the truth of a track."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Defaults are those of every deployment. Lengths in metres, times in seconds, levels in dB."""

    step_s: float = 0.5
    """Between two estimates."""
    cell_m: float = 0.25
    cells_max: int = 10_000
    """A larger floor gets larger cells."""
    margin_m: float = 0.5
    """Of the grid around the plan."""
    walk_m_s: float = 1.0
    """Standard deviation of the motion of a person in a second, as a random walk."""
    occupied: float = 0.03
    """How likely one stands in a blocked cell, beside a free one: at the edge of a desk, or the plan is not exact."""
    jump_per_m2: float = 4e-6
    """Chance in a step that the tag is somewhere else altogether, for each square metre where it could be: what a place
    needs to be taken up again does not depend on how large the floor is."""
    jump_max: float = 0.01
    overlook: float = 1e-3
    """Cells that are so much less likely than the likeliest are left out, but for each `look_around_steps`."""
    look_around_steps: int = 8

    freedom: float = 10.0
    """Degrees of freedom of the Student-t error of a reading: outliers cost little."""
    error_db: float = 4.5
    """Of the map at a place, with a survey: bodies and doors change it."""
    error_bare_db: float = 6.0
    """The same without a survey."""

    gain_step_db: float = 2.0
    gain_span_db: float = 30.0
    gain_sd_db: float = 7.0
    """Of a tag's level against that of the survey, before anything was heard."""
    gain_bare_sd_db: float = 12.0
    gain_leak: float = 0.02
    """Share of the belief in a gain that moves to its neighbours in a step."""

    offset_sd_db: float = 3.0
    """Of a hub's slow offset, with a survey."""
    offset_tau_s: float = 60.0
    offset_bare_sd_db: float = 5.0
    offset_bare_tau_s: float = 10_000.0
    offset_caution: float = 3.0
    """By how much an offset distrusts a reading more than the position does."""
    offset_bare_caution: float = 2.0

    echo: float = 0.35
    """Autocorrelation of the residuals from step to step that is assumed at first."""
    echo_steps: float = 20.0
    echo_tau_s: float = 120.0
    echo_gap_s: float = 2.0
    echo_scale: float = 1.8
    echo_least: float = 0.15

    silence: float = 0.25
    """Weight of a silent hub as evidence; strong evidence from silence does harm, since receivers fall silent."""
    silence_floor: float = 0.3
    silence_window_s: float = 2.0

    exponents: tuple[float, ...] = (1.6, 2.2, 2.8, 3.4)
    """Path-loss exponents that are tried side by side without a survey."""
    reference_dbm: float = -68.0
    """Level at 4 m that is assumed without a survey; the tag's gain makes up for the rest."""
    near_m: float = 1.0
    """Distances are counted with this height between tag and hub."""
    noise_floor_db: float = 4.0

    zone_slack: float = 0.25
    """By how much another zone must be likelier than the one that is held for its lead to grow."""
    zone_lead_s: float = 0.42
    """Lead times seconds after which a tag is held to be in the other zone."""
    zone_first_lead_s: float = 0.6
    """The same for the first zone of a tag."""
    zone_moving: float = 0.96
    """From this probability of motion down a tag counts more and more as still, over `zone_moving_span`."""
    zone_moving_span: float = 0.25
    zone_still_slack: float = 0.65
    """By how much more another zone must be likelier where the tag lies still."""
    zone_still_lead_s: float = 12.0
    """How much more lead times seconds it takes there."""
