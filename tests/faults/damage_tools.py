# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Changes a stopped host's store: its database, through SQLite, so that all else stays as
it was, and batches in it, with good checksums."""
import json
import os
import sqlite3
import struct

POLYNOMIAL = 0x82F63B78


def crc32c(data, crc=0):
    crc ^= 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def sql(folder, *statements):
    db = sqlite3.connect(os.path.join(folder, "kgent.db"))
    changed = 0
    for statement, *values in statements:
        cursor = db.execute(statement, values)
        changed += cursor.rowcount
    db.commit()
    db.close()
    if not changed:
        raise AssertionError(f"nothing was damaged: {statements}")


def fetch(folder, statement, *values):
    db = sqlite3.connect(os.path.join(folder, "kgent.db"))
    rows = db.execute(statement, values).fetchall()
    db.close()
    return rows


USAGE = "(SELECT id FROM log WHERE name = 'usage')"
SOME = f"SELECT place FROM batch WHERE place >> 48 = {USAGE} ORDER BY place LIMIT 1 OFFSET 20"


def bucket(name):
    return f"(SELECT id FROM bucket WHERE name = '{name}')"


def records_of(data):
    at, records = 0, []
    while at < len(data):
        length, ids, _, when = struct.unpack_from("<IHHq", data, at)
        at += 16
        records.append([when, data[at:at + ids], data[at + ids:at + ids + length]])
        at += ids + length
    return records


def batch_change(folder, change, where=SOME):
    """Has the records of a batch changed, and packs them with a good checksum."""
    (place, data), = fetch(folder, f"SELECT place, data FROM batch WHERE place = ({where})")
    records = records_of(data)
    records = change(records) or records
    data = b"".join(struct.pack("<IHHq", len(d), len(i), 0, t) + i + d for t, i, d in records)
    sql(folder, ("UPDATE batch SET data = ?, crc = ? WHERE place = ?", data, crc32c(data), place))


def record_json(change):
    def changed(records):
        record = json.loads(records[0][2])
        change(record)
        records[0][2] = json.dumps(record, separators=(",", ":")).encode()
    return changed
