"""Profiles in the cloud: their authority and the accounts that open them; must never load a room of a device."""
