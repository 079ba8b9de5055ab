"""From readings to a position with its confidence; must never know a socket, a file of its own or a guest."""

from showroom_agent.locator.estimate import Estimate
from showroom_agent.locator.evaluate import evaluate
from showroom_agent.locator.locator import Locator, Track
from showroom_agent.locator.polarity import PolarityWatch
from showroom_agent.locator.settings import Settings

__all__ = ["Estimate", "Locator", "PolarityWatch", "Settings", "Track", "evaluate"]
