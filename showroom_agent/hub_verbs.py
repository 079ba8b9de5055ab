"""`forecourt hub`: verbs of a beacon hub; must never contain logic."""

import click

from showroom_agent.hub.verbs_log import log, replay
from showroom_agent.hub.verbs_nearby import nearby
from showroom_agent.hub.verbs_run import run
from showroom_agent.joining.verbs_hub import join, renew

FIRST_STEPS = """\b
A tags file says whom the hub knows; everybody else is only counted:
  [[tag]]
  id = "car-3"
  beacon = "ibeacon:6f726563-6f75-7274-0000-000000000001:1:3"
"""


@click.group(epilog=FIRST_STEPS)
def hub() -> None:
    """Beacon hub: listen with BlueZ, tell the site which of its tags are heard, and how well."""


hub.add_command(run)
hub.add_command(log)
hub.add_command(replay)
hub.add_command(nearby)
hub.add_command(join)
hub.add_command(renew)
