"""What a head unit adds to the gateway; must never promise a reading before the outbox has it on disk."""
