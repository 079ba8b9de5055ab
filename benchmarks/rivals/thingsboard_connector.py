"""A connector for ThingsBoard's gateway that pushes the comparison's events as fast as the gateway takes them.

Loaded by the gateway in its own environment, so it imports nothing of ours; the events come as JSON lines in a file.
"""

# mypy: ignore-errors

import json
import os
import time
from threading import Thread

from thingsboard_gateway.connectors.connector import Connector
from thingsboard_gateway.gateway.entities.converted_data import ConvertedData
from thingsboard_gateway.gateway.entities.datapoint_key import DatapointKey
from thingsboard_gateway.gateway.entities.telemetry_entry import TelemetryEntry

QUEUE_MAX = 5_000
T0_MS = 1_790_000_000_000


class BenchConnector(Thread, Connector):
    """Sends BENCH_COUNT events of the cycle in BENCH_ROWS, one time stamp an event."""

    def __init__(self, gateway, config, connector_type):
        super().__init__(daemon=True)
        self.gateway, self.config, self.type = gateway, config, connector_type
        self.name = config.get("name", "bench")
        self.count = int(os.environ["BENCH_COUNT"])

    def open(self):
        """Starts once the gateway is connected."""
        self.start()

    def run(self):
        """Pushes; waits when the gateway's own queue is long, which is in its favour."""
        with open(os.environ["BENCH_ROWS"], encoding="utf-8") as file:  # noqa: PTH123
            rows = [json.loads(line) for line in file]
        keys = {name: DatapointKey(name) for name in rows[0]}
        number = DatapointKey("seq")
        while not (self.gateway.tb_client and self.gateway.tb_client.is_connected()):
            time.sleep(0.05)
        time.sleep(1.0)
        print("BENCH_BEGUN", time.time(), time.process_time(), flush=True)
        for i in range(self.count):
            data = ConvertedData(device_name="WVWZZZ1KZAW000123", device_type="car")
            values = {keys[name]: value for name, value in rows[i % len(rows)].items()}
            values[number] = i
            data.add_to_telemetry(TelemetryEntry(values, ts=T0_MS + i * 1_000))
            self.gateway.send_to_storage(self.name, self.get_id(), data)
            if i % 2_000 == 0:
                while self.gateway._TBGatewayService__converted_data_queue.qsize() > QUEUE_MAX:
                    time.sleep(0.002)

    def close(self):
        """Nothing to close."""

    def get_id(self):
        """Its id in the gateway's settings."""
        return self.config.get("id", "bench-id")

    def get_name(self):
        """Its name in the gateway's settings."""
        return self.name

    def get_type(self):
        """The type the gateway gave it."""
        return self.type

    def get_config(self):
        """Its settings."""
        return self.config

    def is_connected(self):
        """Always."""
        return True

    def is_stopped(self):
        """Never."""
        return False

    def on_attributes_update(self, content):
        """Not used."""

    def server_side_rpc_handler(self, content):
        """Not used."""
