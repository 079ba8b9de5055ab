"""The supervisor's table of states; must include what is forbidden."""

import pytest

from showroom_agent.hub.supervisor import MOVES, State, Supervisor


def test_the_supervisor_s_table_has_no_other_moves() -> None:
    """Down leads to opening only; from each state there is a way to listening."""
    assert MOVES[State.DOWN] == {State.OPENING}
    assert set(MOVES) == set(State)
    assert State.LISTENING not in MOVES[State.OPENING]


async def test_a_forbidden_move_is_a_defect() -> None:
    """It stops tests; it does not happen."""
    supervisor = Supervisor("hci0", lambda _: None, lambda _: None)
    with pytest.raises(AssertionError):
        supervisor._move(State.LISTENING)
