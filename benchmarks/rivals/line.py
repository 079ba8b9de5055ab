"""The straight line: protobuf, SQLite FULL, aiomqtt in batches of 100, an SQLite table at the far end, no promises.

`python -m benchmarks.rivals.line cloud|edge PORT COUNT FOLDER` prints one line of JSON. It has no consent, sealing,
receipts, gaps or restarts; what it measures is the least that this work costs with these parts.
"""

import asyncio
import json
import resource
import sqlite3
import sys
import time
from pathlib import Path

import aiomqtt

from benchmarks.work import CYCLE, T0_MS, VIN, framed, messages, telemetry

BATCH = 100
WINDOW = 32
TOPIC = "line/telemetry"
V5 = aiomqtt.ProtocolVersion.V5


def cpu_s() -> float:
    """Seconds of processor this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def database(path: Path, schema: str, synchronous: str) -> sqlite3.Connection:
    """An SQLite file in WAL mode."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("pragma journal_mode=wal")
    db.execute(f"pragma synchronous={synchronous}")
    db.execute(schema)
    return db


async def edge(port: int, count: int, folder: Path) -> None:
    """Makes events, commits each hundred, publishes them, deletes them after the broker's acknowledgement."""
    event_class, _ = messages()
    rows = telemetry()
    db = database(folder / "edge.db", "create table o(id integer primary key autoincrement, body blob)", "full")
    begun, cpu0 = time.time(), cpu_s()
    sent = settled = 0
    flights: list[tuple[int, int, asyncio.Task[None]]] = []
    async with (
        aiomqtt.Client("127.0.0.1", port, protocol=V5, max_inflight_messages=65_535) as client,
        asyncio.TaskGroup() as group,
    ):
        client.pending_calls_threshold = 10 * WINDOW
        while settled < count:
            while len(flights) < WINDOW and sent < count:
                bodies = []
                for i in range(sent, min(sent + BATCH, count)):
                    fields = rows[i % CYCLE]._asdict()
                    bodies.append((event_class(vin=VIN, seq=i, ts_ms=T0_MS + i, **fields).SerializeToString(),))
                db.execute("begin immediate")
                db.executemany("insert into o(body) values(?)", bodies)
                db.execute("commit")
                query = "select id, body from o where id > ? order by id limit ?"
                kept = db.execute(query, (sent, BATCH)).fetchall()
                sent += len(bodies)
                payload = b"".join(framed([body for _, body in kept]))
                flights.append((kept[-1][0], len(kept), group.create_task(client.publish(TOPIC, payload, 1))))
            await flights[0][2]
            done = 0
            while done < len(flights) and flights[done][2].done():
                done += 1
            db.execute("delete from o where id <= ?", (flights[done - 1][0],))
            settled += sum(n for _, n, _ in flights[:done])
            del flights[:done]
    db.close()
    print(json.dumps({"begun": begun, "edge_cpu_s": cpu_s() - cpu0}), flush=True)


async def cloud(port: int, count: int, folder: Path) -> None:
    """Subscribes, decodes, inserts with a unique key, one commit a message; checks every number at the end."""
    _, batch_class = messages()
    columns = "vin text, seq int, ts_ms int, a real, b real, c real, d int, e real, f int, g int, h int, i int"
    schema = f"create table ev({columns}, primary key(vin, seq)) without rowid"
    db = database(folder / "cloud.db", schema, "normal")
    insert = "insert or ignore into ev values(?,?,?,?,?,?,?,?,?,?,?,?)"
    got, cpu0 = 0, cpu_s()
    async with aiomqtt.Client("127.0.0.1", port, protocol=V5) as client:
        await client.subscribe(TOPIC, 1)
        print("ready", flush=True)
        async for message in client.messages:
            events = batch_class.FromString(message.payload).events  # type: ignore[attr-defined]
            db.execute("begin immediate")
            db.executemany(
                insert,
                [
                    (
                        e.vin,
                        e.seq,
                        e.ts_ms,
                        e.latitude,
                        e.longitude,
                        e.speed_kmh,
                        e.odometer_m,
                        e.charge_pct,
                        e.outside_dc,
                        e.rpm,
                        e.gear,
                        e.flags,
                    )
                    for e in events
                ],
            )
            db.execute("commit")
            got += len(events)
            if got >= count:
                break
    ended = time.time()
    found, first, last = db.execute("select count(*), min(seq), max(seq) from ev").fetchone()
    db.close()
    whole = (found, first, last) == (count, 0, count - 1)
    print(json.dumps({"ended": ended, "whole": whole, "cloud_cpu_s": cpu_s() - cpu0}), flush=True)


if __name__ == "__main__":
    part = {"edge": edge, "cloud": cloud}[sys.argv[1]]
    asyncio.run(part(int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])))
