"""The showroom without a radio."""
