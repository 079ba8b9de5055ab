"""Messages of the KUKSA databroker."""
