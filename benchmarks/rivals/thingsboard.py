"""ThingsBoard's gateway on the comparison's work: its SQLite storage, pack 1000, one time stamp a message, tuned.

`python -m benchmarks.rivals.thingsboard PORT COUNT FOLDER` prints one line of JSON. The far end is a plain subscriber
that stores each event in SQLite and answers the gateway's question for its limits, as the ThingsBoard server would.
"""

import asyncio
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiomqtt
import psutil

from benchmarks.rivals import environment
from benchmarks.rivals.line import database
from benchmarks.work import telemetry

PACK = 1_000
PAYLOAD_BYTES = 65_000
OFF = "0:0,"
TELEMETRY = "v1/gateway/telemetry"
START = """
import os
from thingsboard_gateway.tb_utility.tb_loader import TBModuleLoader
TBModuleLoader.find_paths()
TBModuleLoader.PATHS.append(os.environ["BENCH_EXTENSIONS"])
from thingsboard_gateway.tb_gateway import main
main()
"""
QUESTION, ANSWER = "v1/devices/me/rpc/request/", "v1/devices/me/rpc/response/"


def settings(port: int, folder: Path) -> dict[str, Any]:
    """The gateway's settings: rate limits, statistics and remote functions off, packs as large as it can."""
    limits = dict.fromkeys(
        ["rateLimits", "dpRateLimits", "messagesRateLimits", "deviceMessagesRateLimits", "deviceRateLimits"], OFF
    ) | {"deviceDpRateLimits": OFF}
    board = limits | {
        "host": "127.0.0.1", "port": port, "remoteShell": False, "remoteConfiguration": False, "qos": 1,
        "statistics": {"enable": False, "statsSendPeriodInSeconds": 3_600}, "maxPayloadSizeBytes": PAYLOAD_BYTES,
        "minPackSendDelayMS": 50, "minPackSizeToSend": 500, "checkConnectorsConfigurationInSeconds": 3_600,
        "handleDeviceRenaming": False, "security": {"type": "accessToken", "accessToken": "bench"},
        "reportStrategy": {"type": "ON_RECEIVED"},
    }  # fmt: skip
    storage = {
        "type": "sqlite", "data_file_path": f"{folder}/data/", "max_read_records_count": PACK,
        "writing_batch_size": PACK, "messages_ttl_check_in_hours": 1, "messages_ttl_in_days": 7,
    }  # fmt: skip
    bench = {"name": "bench", "type": "bench", "class": "BenchConnector", "configuration": "bench.json"}
    return {"thingsboard": board, "storage": storage, "grpc": {"enabled": False}, "connectors": [bench]}


def prepare(port: int, folder: Path) -> Path:
    """Writes settings, events and connector to where the gateway looks for them; the settings' folder."""
    config, data = folder / "config", folder / "data"
    extensions = folder / "config" / "extensions" / "bench"
    extensions.mkdir(parents=True)
    data.mkdir()
    (folder / "logs").mkdir()
    (config / "tb_gateway.json").write_text(json.dumps(settings(port, folder)), "utf-8")
    (config / "bench.json").write_text(json.dumps({"name": "bench", "id": "bench-id"}), "utf-8")
    names = ["service", "storage", "converter", "connector", "extension", "tb_connection", "database"]
    handler = {"class": "logging.StreamHandler", "formatter": "f", "level": "ERROR", "stream": "ext://sys.stderr"}
    logs = {
        "version": 1, "disable_existing_loggers": False, "formatters": {"f": {"format": "%(message)s"}},
        "handlers": {"c": handler}, "root": {"level": "ERROR", "handlers": ["c"]},
        "loggers": {name: {"handlers": ["c"], "level": "ERROR", "propagate": False} for name in names},
    }  # fmt: skip
    (config / "logs.json").write_text(json.dumps(logs), "utf-8")
    (folder / "rows").write_text("".join(json.dumps(row._asdict()) + "\n" for row in telemetry()), "utf-8")
    shutil.copy(Path(__file__).with_name("thingsboard_connector.py"), extensions / "bench_connector.py")
    return config


def start(config: Path, folder: Path, count: int) -> subprocess.Popen[str]:
    """The gateway in its own environment."""
    places = {"TB_GW_CONFIG_DIR": str(config), "BENCH_COUNT": str(count), "BENCH_ROWS": str(folder / "rows")}
    places["BENCH_EXTENSIONS"] = str(config / "extensions")
    with (folder / "stderr").open("w") as errors:
        command = [str(environment.python()), "-c", START]
        return subprocess.Popen(
            command, cwd=folder, env=os.environ | places, stdout=subprocess.PIPE, stderr=errors, text=True
        )


def insert(db: sqlite3.Connection, payload: bytes) -> int:
    """Stores the events of one message, one commit a message; how many there were."""
    rows = [
        (device, entry["values"]["seq"], entry["ts"], json.dumps(entry["values"]))
        for device, entries in json.loads(payload).items()
        for entry in entries
    ]
    db.execute("begin immediate")
    db.executemany("insert or ignore into ev values(?, ?, ?, ?)", rows)
    db.execute("commit")
    return len(rows)


async def measure(port: int, count: int, folder: Path, limit_s: float = 120.0) -> dict[str, Any]:
    """One run; {begun, ended, whole, edge_cpu_s}, times in seconds since 1970."""
    config = prepare(port, folder)
    schema = "create table ev(device text, seq int, ts int, body text, primary key(device, seq)) without rowid"
    db = database(folder / "cloud.db", schema, "normal")
    async with aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5) as client:
        await client.subscribe("v1/#", 1)
        gateway = await asyncio.to_thread(start, config, folder, count)
        try:
            async with asyncio.timeout(limit_s):
                await receive(client, db, count)
        finally:
            ended = time.time()
            cpu = psutil.Process(gateway.pid).cpu_times()
            gateway.kill()
            printed, _ = await asyncio.to_thread(gateway.communicate)
    words = next(line.split() for line in printed.splitlines() if line.startswith("BENCH_BEGUN"))
    begun, start_cpu_s = float(words[1]), float(words[2])
    found, first, last = db.execute("select count(*), min(seq), max(seq) from ev").fetchone()
    db.close()
    whole = (found, first, last) == (count, 0, count - 1)
    return {"begun": begun, "ended": ended, "whole": whole, "edge_cpu_s": cpu.user + cpu.system - start_cpu_s}


async def receive(client: aiomqtt.Client, db: sqlite3.Connection, count: int) -> None:
    """Stores what comes until `count` events are there; answers the question for limits."""
    limits = {"messages": OFF, "telemetryMessages": OFF, "telemetryDataPoints": OFF}
    answer = {
        "maxPayloadSize": PAYLOAD_BYTES,
        "maxInflightMessages": 100,
        "rateLimits": {},
        "gatewayRateLimits": limits,
    }
    got = 0
    async for message in client.messages:
        topic = str(message.topic)
        if topic.startswith(QUESTION):
            await client.publish(ANSWER + topic.removeprefix(QUESTION), json.dumps(answer), 1)
        elif topic == TELEMETRY and isinstance(message.payload, bytes):
            got += insert(db, message.payload)
            if got >= count:
                return


if __name__ == "__main__":
    print(json.dumps(asyncio.run(measure(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])))))
