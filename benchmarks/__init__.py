"""Figures anyone can rerun, ours beside others; must never count a run that was not checked at the far end."""
