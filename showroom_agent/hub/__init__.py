"""A beacon hub: listens, knows its tags, tells the site twice a second; must never tell a stranger's address."""

from showroom_agent.hub.ears import Ears, Heard, TagHeard
from showroom_agent.hub.frames import FrameMaker, ScannerState
from showroom_agent.hub.rawlog import Recorder, replay
from showroom_agent.hub.watch import Watch, load_watch

__all__ = ["Ears", "FrameMaker", "Heard", "Recorder", "ScannerState", "TagHeard", "Watch", "load_watch", "replay"]
