"""Messages of kuksa.val.v2."""
