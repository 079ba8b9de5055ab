"""Messages of kuksa.val.v1."""
