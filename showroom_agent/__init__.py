"""What beacon hubs and a showroom site add to the gateway; must never keep a raw device address of a guest."""
