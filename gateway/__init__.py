"""What every edge device shares, and the cloud kit; must never load a room that its caller did not ask for."""
