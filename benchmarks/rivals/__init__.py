"""The others in a comparison, each in its own process and environment; must never be imported by the product."""
