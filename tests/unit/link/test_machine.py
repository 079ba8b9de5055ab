"""The link's state table: every move, and everything that is forbidden."""

from itertools import product

import pytest

from gateway.link.machine import TRANSITIONS, Forbidden, LinkEvent, LinkState, Machine

ALLOWED = {
    "stopped": {"start": "dialling"},
    "dialling": {"dialled": "greeting", "failed": "waiting", "stop": "stopped"},
    "greeting": {"accepted": "online", "failed": "waiting", "stop": "stopped"},
    "online": {"lost": "waiting", "leave": "closing"},
    "closing": {"left": "waiting"},
    "waiting": {"retry": "dialling", "stop": "stopped"},
}


def at(state: LinkState) -> Machine:
    """A machine that stands in `state`."""
    machine = Machine()
    machine.state = state
    return machine


@pytest.mark.parametrize(("state", "event"), list(product(LinkState, LinkEvent)))
def test_every_pair_of_state_and_event(state: LinkState, event: LinkEvent) -> None:
    """Each pair either moves as the list above says or raises and leaves the state alone."""
    machine, wanted = at(state), ALLOWED[state.value].get(event.value)
    if wanted is None:
        with pytest.raises(Forbidden, match=f"{event.name} cannot happen to a link that is {state.name}"):
            machine.on(event)
        assert machine.state is state
    else:
        assert machine.on(event) is LinkState(wanted)
        assert machine.state is LinkState(wanted)


def test_the_table_is_whole() -> None:
    """The table has the moves of the list and no other; every state can be reached and left."""
    assert {(s.value, e.value): t.value for (s, e), t in TRANSITIONS.items()} == {
        (state, event): target for state, moves in ALLOWED.items() for event, target in moves.items()
    }
    assert set(TRANSITIONS.values()) == set(LinkState)
    assert {state for state, _ in TRANSITIONS} == set(LinkState)


def test_a_link_is_never_online_without_a_welcome() -> None:
    """ONLINE has one entrance, and a link that is online is left before it stops."""
    assert [pair for pair, target in TRANSITIONS.items() if target is LinkState.ONLINE] == [
        (LinkState.GREETING, LinkEvent.ACCEPTED)
    ]
    assert (LinkState.ONLINE, LinkEvent.STOP) not in TRANSITIONS


def test_changes_are_told() -> None:
    """The listener hears each move, and nothing of a forbidden one."""
    heard: list[tuple[LinkState, LinkState]] = []
    machine = Machine(lambda before, after: heard.append((before, after)))
    machine.on(LinkEvent.START)
    with pytest.raises(Forbidden):
        machine.on(LinkEvent.LEFT)
    machine.on(LinkEvent.FAILED)
    assert heard == [(LinkState.STOPPED, LinkState.DIALLING), (LinkState.DIALLING, LinkState.WAITING)]
