# SPDX-License-Identifier: Apache-2.0
# Copyright (C) 2026 The kgent authors
"""Kinds of damage; each gets the folder of a copy of a store."""
import glob
import json
import os
import sqlite3
import struct
import time

from damage_tools import SOME, USAGE, batch_change, bucket, crc32c, fetch, record_json, records_of, sql


def flip_byte(folder):
    (place, data), = fetch(folder, f"SELECT place, data FROM batch WHERE place = ({SOME})")
    data = data[:40] + bytes([data[40] ^ 4]) + data[41:]
    sql(folder, ("UPDATE batch SET data = ? WHERE place = ?", data, place))


def cut_batch(folder):
    (place, data), = fetch(folder, f"SELECT place, data FROM batch WHERE place = ({SOME})")
    data = data[:-3]
    sql(folder, ("UPDATE batch SET data = ?, crc = ? WHERE place = ?", data, crc32c(data), place))


def id_twice(folder):
    (other,), = fetch(folder, f"SELECT data FROM batch WHERE place >> 48 = {USAGE}"
                              " ORDER BY place LIMIT 1")

    def change(records):
        records[0][1] = records_of(other)[0][1]
    batch_change(folder, change)


def receipt_twice(folder):
    def seq_of(data):
        record = json.loads(records_of(data)[0][2])
        return record["tenant"], record.get("seq")
    rows = [d for d, in fetch(folder, f"SELECT data FROM batch WHERE place >> 48 = {USAGE}"
                                      " ORDER BY place LIMIT 30")]
    tenant, seq = seq_of(rows[0])

    def change(record):
        record["tenant"], record["seq"] = tenant, seq
    batch_change(folder, record_json(change))


def marks_change(folder, table, change):
    """Has the marks of a row, each as a list, be changed; its checksum is right again."""
    key = "id" if table == "mark_fresh" else "place"
    (row, data), = fetch(folder, f"SELECT {key}, data FROM {table} ORDER BY {key} LIMIT 1")
    marks = []
    while data:
        expires, log, key_len, value_len = struct.unpack("<QIHB", data[:15])
        end = 16 + key_len + value_len
        marks.append([expires, log, data[16:16 + key_len], data[16 + key_len:end]])
        data = data[end:]
    change(marks)
    data = b"".join(struct.pack("<QIHBB", e, log, len(k), len(v), 0) + k + v
                    for e, log, k, v in marks)
    sql(folder, (f"UPDATE {table} SET data = ?, crc = ? WHERE {key} = ?", data, crc32c(data), row))


def filter_change(folder):
    (row, bits), = fetch(folder, "SELECT id, filter FROM mark_run LIMIT 1")
    bits = bytes(len(bits))
    sql(folder, ("UPDATE mark_run SET filter = ?, crc = ? WHERE id = ?", bits, crc32c(bits), row))


def event_twice(folder):
    def change(record):
        one = {"type": "x.y", "id": "e1", "source": "/s", "data": {}}
        record["events"] += [one, one]
    batch_change(folder, record_json(change))


def charge_broken(folder):
    def change(record):
        record["key"], record["charge"] = "k", {"tokens": 1.5}
    batch_change(folder, record_json(change))


def bad_time(folder):
    def change(record):
        record["events"][0].update(id="e", source="/s", time="2026-02-30T00:00:00Z")
    batch_change(folder, record_json(change))


def not_json(records):
    records[0][2] = records[0][2][:-1]


def no_tenant(record):
    del record["tenant"]


def more_tokens(record):
    record["events"][0]["data"]["tokens_used"] = 77777


def row_value(folder, meter, change):
    rows = fetch(folder, f"SELECT key, value FROM entry WHERE bucket = {bucket('usage.rollups')}"
                         " AND value IS NOT NULL")
    for key, value in rows:
        if bytes(key).startswith(b"day/" + meter.encode()):
            row = json.loads(value)
            change(row)
            text = json.dumps(row, separators=(",", ":")).encode()
            sql(folder, (f"UPDATE entry SET value = ? WHERE bucket = {bucket('usage.rollups')}"
                         " AND key = ?", text, bytes(key)))
            return
    raise AssertionError(f"no row of {meter}")


def one_more(row):
    row["count"] += 1


def sum_more(row):
    row["sum"] = str(float(row["sum"]) + 0.5)


def max_more(row):
    row["max"] = "1e9"


def latest_other(row):
    row["sequence"] += 1


def account_change(folder, change):
    key, value = fetch(folder, f"SELECT key, value FROM entry WHERE bucket = {bucket('usage.accounts')}"
                               " AND CAST (key AS TEXT) LIKE '%/requests' LIMIT 1")[0]
    account = json.loads(value)
    change(account)
    sql(folder, (f"UPDATE entry SET value = ? WHERE bucket = {bucket('usage.accounts')} AND key = ?",
                 json.dumps(account).encode(), key))


def answer_change(folder, change):
    (key, value), = fetch(folder, f"SELECT key, value FROM entry WHERE bucket = {bucket('idempotency')}"
                                  " AND value IS NOT NULL LIMIT 1")
    sql(folder, (f"UPDATE entry SET value = ? WHERE bucket = {bucket('idempotency')} AND key = ?",
                 change(value), key))


def receipt_forged(value):
    at = value.index(b'id="') + 4
    end = value.index(b'"', at)
    return value[:at] + b"x" * (end - at) + value[end:]


def file_write(folder, pattern, at, data):
    path, = glob.glob(os.path.join(folder, pattern))
    with open(path, "r+b") as f:
        f.seek(at if at >= 0 else os.path.getsize(path) + at)
        f.write(data)


def ring_file(folder):
    path, = glob.glob(os.path.join(folder, "rings/*.ring"))
    return path


def ring_head(folder):
    with open(ring_file(folder), "rb") as f:
        head = f.read(112)
    _, _, epoch, count, size, salt, _ = struct.unpack_from("<IIIIQII", head, 8)
    return epoch, count, size, salt, head[40:].split(b"\0")[0].decode()


def ring_waits(folder, breaks=False, twice=False, state=None):
    """A record that waits in ring 0; broken; or one that the log has, made void."""
    epoch, _, size, salt, _ = ring_head(folder)
    with open(ring_file(folder), "r+b") as f:
        f.seek(4096)
        control = f.read(136)
        head, = struct.unpack_from("<Q", control, 0)
        f.seek(4096 + 4096)
        ring = bytearray(f.read(size))
        if state is not None:
            at = 0
            while struct.unpack_from("<II", ring, at + 32)[1] or not struct.unpack_from("<I", ring, at + 12)[0]:
                at += 8
            f.seek(4096 + 4096 + at)
            f.write(struct.pack("<I", state))
            return
        data = json.dumps({"tenant": "t", "time": 1, "events": [{"type": "a", "data": {}}]}).encode()
        length = (40 + len(data) + 7) & ~7
        body = struct.pack("<IIQqII", length, fetch(folder, f"SELECT {USAGE}")[0][0], 1 << 40,
                           time.time_ns(), len(data), 0) + data
        crc = crc32c(body, salt)
        if breaks:
            body = body[:-1] + b"?"
        f.seek(4096 + 4096 + head % size)
        f.write(struct.pack("<II", 0x4556494C, crc) + body)
        f.seek(4096)
        f.write(struct.pack("<Q", head + length))


def taken_lost(folder):
    """The newest batch of the rings goes, and the log forgets it ever was."""
    place, first = fetch(folder, f"SELECT place, first FROM batch WHERE place >> 48 = {USAGE}"
                                 " ORDER BY place DESC LIMIT 1")[0]
    sql(folder, ("DELETE FROM batch WHERE place = ?", place),
        (f"UPDATE log SET newest = ? WHERE id = {USAGE}", first - 1),
        ("UPDATE cursor SET position = min (position, ?)", first - 1))


def page_broken(folder):
    """Zeros in the middle of the file, once all is out of the WAL."""
    db = sqlite3.connect(os.path.join(folder, "kgent.db"))
    db.execute("PRAGMA wal_checkpoint (TRUNCATE)").fetchall()
    root, = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'batch'").fetchone()
    db.close()
    file_write(folder, "kgent.db", (root - 1) * 4096, bytes(64))


def index_broken(folder):
    """A row that an index doesn't have."""
    db = sqlite3.connect(os.path.join(folder, "kgent.db"))
    db.execute("PRAGMA writable_schema = 1")
    text, = db.execute("SELECT sql FROM sqlite_schema WHERE name = 'entry_revision'").fetchone()
    db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'entry_revision'",
               (text + " WHERE revision > 5",))
    db.commit()
    db.close()
    db = sqlite3.connect(os.path.join(folder, "kgent.db"))
    db.execute("UPDATE entry SET revision = 4 WHERE revision = (SELECT max (revision) FROM entry)")
    db.execute("PRAGMA writable_schema = 1")
    db.execute("UPDATE sqlite_schema SET sql = ? WHERE name = 'entry_revision'", (text,))
    db.commit()
    db.close()


def region_numbers(folder):
    """Every tenant's receipts begin again, although the region has promised to know."""
    path, = glob.glob(os.path.join(folder, "regions/metering.receipts.map"))
    newest, = fetch(folder, f"SELECT newest FROM log WHERE id = {USAGE}")[0]
    with open(path, "r+b") as f:
        f.seek(4096 + 24)
        f.write(struct.pack("<Q", newest))
        f.seek(8192)
        table = bytearray(f.read())
        for at in range(8, len(table), 16):
            table[at:at + 8] = bytes(8)
        f.seek(8192)
        f.write(table)


def first_page(folder):
    file_write(folder, "kgent.db", 0, b"not a database any more")


def ring_gone(folder):
    os.remove(ring_file(folder))


def no_folder(folder, name):
    os.rename(os.path.join(folder, name), os.path.join(folder, name + ".away"))
    with open(os.path.join(folder, name), "w", encoding="utf-8"):
        pass


def ring_short(folder):
    os.truncate(ring_file(folder), os.path.getsize(ring_file(folder)) - 4096)


def ring_heads(folder):
    file_write(folder, "rings/*.ring", 20, b"\xff\xff")
    file_write(folder, "rings/*.ring", -4096 + 20, b"\xff\xff")


ENTRY = "(SELECT revision FROM entry WHERE value IS NOT NULL ORDER BY revision LIMIT 1)"

# (name, how, check, part of the place, part of what)
KINDS = [
    ("a flipped bit in a batch", flip_byte, "batch", "log usage, batch", "checksum"),
    ("a batch that ends early", cut_batch, "batch", "log usage, batch", "are not"),
    ("a batch of another format",
     lambda d: sql(d, (f"UPDATE batch SET format = 7 WHERE place = ({SOME})",)),
     "batch", "log usage, batch", "format is 7"),
    ("a batch whose count is wrong",
     lambda d: sql(d, (f"UPDATE batch SET count = count + 1 WHERE place = ({SOME})",)),
     "batch", "log usage, batch", "not its place"),
    ("a batch that begins too early",
     lambda d: sql(d, (f"UPDATE batch SET first = first - 1, count = count + 1 WHERE place = ({SOME})",)),
     "batch", "log usage, batch", "the batch before it ends"),
    ("a batch with another time",
     lambda d: sql(d, (f"UPDATE batch SET time_ns = time_ns + 1 WHERE place = ({SOME})",)),
     "batch", "log usage, batch", "its last record's"),
    ("a batch of no log",
     lambda d: sql(d, (f"UPDATE batch SET place = place + (77 << 48) WHERE place = ({SOME})",)),
     "batch", "table batch, place", "doesn't exist"),
    ("a batch that was removed", lambda d: sql(d, (f"DELETE FROM batch WHERE place = ({SOME})",)),
     "gap", "log usage, records", "missing"),
    ("the last batches removed",
     lambda d: sql(d, (f"DELETE FROM batch WHERE place > ({SOME}) AND place >> 48 = {USAGE}",)),
     "gap", "log usage, records", "missing at the end"),
    ("a log whose newest is too low",
     lambda d: sql(d, ("UPDATE log SET newest = newest - 1 WHERE name = 'usage'",)),
     "newest", "log usage", "written over"),
    ("a record that is no JSON", lambda d: batch_change(d, not_json), "record", "log usage, record", "no JSON"),
    ("a record without a tenant", lambda d: batch_change(d, record_json(no_tenant)),
     "record", "log usage, record", "no tenant"),
    ("a charge that is no integer", charge_broken, "record", "log usage, record", "no integer"),
    ("an event with a day that isn't", bad_time, "record", "log usage, record", "time of an event"),
    ("a record that is there twice", id_twice, "id", "log usage, record", "charged twice"),
    ("an event that is there twice", event_twice, "id", "log usage, record", "counted twice"),
    ("a receipt's number twice", receipt_twice, "receipt", "log usage, record", "is that of record"),
    ("a record that was changed, with a good checksum", lambda d: batch_change(d, record_json(more_tokens)),
     "rollup", "tokens", "the log"),
    ("a row of a rollup that is cut off", lambda d: sql(d, (
        f"UPDATE entry SET value = CAST ('{{\"subject\":\"x' AS BLOB) WHERE bucket = {bucket('usage.rollups')}"
        " AND CAST (key AS TEXT) LIKE 'day/requests%'",)), "rollup", "day/requests", "no JSON"),
    ("a count of a rollup", lambda d: row_value(d, "requests", one_more), "rollup", "day/requests", "the log"),
    ("a sum of a rollup", lambda d: row_value(d, "tokens", sum_more), "rollup", "day/tokens", "the log"),
    ("a mean of a rollup", lambda d: row_value(d, "mean", sum_more), "rollup", "day/mean", "the log"),
    ("a maximum of a rollup", lambda d: row_value(d, "most", max_more), "rollup", "day/most", "the log"),
    ("the latest of a rollup", lambda d: row_value(d, "last", latest_other), "rollup", "day/last", "the log"),
    ("a unique value of a rollup", lambda d: row_value(d, "paths", one_more), "rollup", "day/paths", "the log"),
    ("a row's subject", lambda d: row_value(d, "paths", lambda row: row.update(subject="other")),
     "rollup", "day/paths", "subject"),
    ("a row's group", lambda d: row_value(d, "paths", lambda row: row.update(group=["other"])),
     "rollup", "day/paths", "group"),
    ("a row that is missing",
     lambda d: sql(d, (f"DELETE FROM entry WHERE bucket = {bucket('usage.rollups')}"
                       " AND CAST (key AS TEXT) LIKE 'hour/tokens%'",)),
     "rollup", "hour", "missing"),
    ("the rollup's state goes back",
     lambda d: sql(d, (f"UPDATE entry SET value = CAST (replace (CAST (value AS TEXT), '\"day\":[',"
                       f" '\"day\":[9') AS BLOB) WHERE bucket = {bucket('usage.meters')}",)),
     "rollup", "usage.meters", "the newest is"),
    ("the rollup's cursor is ahead of it",
     lambda d: sql(d, (f"UPDATE entry SET value = CAST ('{{}}' AS BLOB) WHERE bucket = {bucket('usage.meters')}",)),
     "rollup", "cursor rollup", "no meter is farther"),
    ("a cursor ahead of its log",
     lambda d: sql(d, (f"UPDATE cursor SET position = position + 1000000 WHERE name = 'rollup'",)),
     "cursor", "cursor rollup of log usage", "passed over"),
    ("a cursor of no log", lambda d: sql(d, ("UPDATE cursor SET log = 99 WHERE name = 'rollup'",)),
     "cursor", "cursor rollup", "doesn't exist"),
    ("an id of no log", lambda d: sql(d, ("INSERT INTO dedup VALUES (99, CAST ('x' AS BLOB), 0)",)),
     "dedup", "table dedup, log 99", "doesn't exist"),
    ("an entry of no bucket",
     lambda d: sql(d, (f"UPDATE entry SET bucket = 99 WHERE revision = {ENTRY}",)),
     "entry", "bucket (none)", "doesn't exist"),
    ("revisions that go back", lambda d: sql(d, ("UPDATE meta SET value = 3 WHERE name = 'revision'",)),
     "revision", "table meta", "once more"),
    ("a revision that is there twice",
     lambda d: sql(d, (f"UPDATE entry SET revision = (SELECT max (revision) FROM entry) WHERE revision = {ENTRY}",)),
     "revision", "table entry, revision", "entries have it"),
    ("processes that are counted anew", lambda d: sql(d, ("UPDATE meta SET value = 0 WHERE name = 'epoch'",)),
     "meta", "table meta, epoch", "twice"),
    ("a kept answer that ends early", lambda d: answer_change(d, lambda v: v[:-2]),
     "answer", "bucket idempotency", "as many bytes"),
    ("a kept answer with a status of its own", lambda d: answer_change(d, lambda v: v[:2] + b"\xf4\1" + v[4:]),
     "answer", "bucket idempotency", "status"),
    ("a kept answer whose record is not there", lambda d: answer_change(d, receipt_forged),
     "answer", "bucket idempotency", "not charged"),
    ("a kept answer that stays", lambda d: sql(d, (
        f"UPDATE entry SET expires_ns = 0 WHERE bucket = {bucket('idempotency')} AND value IS NOT NULL",)),
     "answer", "bucket idempotency", "24 hours"),
    ("a parked event that is none", lambda d: sql(d, (
        "INSERT OR IGNORE INTO bucket (name) VALUES ('metering.parked')",), (
        f"INSERT INTO entry SELECT {bucket('metering.parked')}, CAST ('x' AS BLOB), CAST ('?' AS BLOB),"
        " 1, 1, 0", )), "parked", "bucket metering.parked, key x", "no JSON"),
    ("a parked event that is gone", lambda d: sql(d, (
        f"DELETE FROM entry WHERE bucket = {bucket('metering.parked')}",)),
     "sink", "sink openmeter", "1 are unaccounted"),
    ("a parked event of no sink", lambda d: sql(d, (
        "UPDATE entry SET key = CAST ('x' || CAST (key AS TEXT) AS BLOB)"
        f" WHERE bucket = {bucket('metering.parked')}",)), "parked", "key xopenmeter/", "no sink"),
    ("a tally that confirms too much", lambda d: sql(d, (
        "UPDATE entry SET value = CAST (replace (CAST (value AS TEXT), '\"dropped\":0', '\"dropped\":3')"
        f" AS BLOB) WHERE bucket = {bucket('metering.sinks')}",)),
     "sink", "sink openmeter", "-3 are unaccounted"),
    ("a tally that is none", lambda d: sql(d, (
        f"UPDATE entry SET value = CAST ('[]' AS BLOB) WHERE bucket = {bucket('metering.sinks')}",)),
     "sink", "bucket metering.sinks, key openmeter", "no tally"),
    ("a tally that goes back", lambda d: sql(d, (
        "UPDATE entry SET value = CAST (replace (CAST (value AS TEXT), '\"after\":', '\"after\":1, \"x\":')"
        f" AS BLOB) WHERE bucket = {bucket('metering.sinks')}",)),
     "sink", "cursor of sink openmeter", "passed over"),
    ("an event that is not remembered", lambda d: marks_change(d, "mark_part", lambda m: m.pop()),
     "mark", "log usage, record", "count twice"),
    ("a fresh event that is not remembered", lambda d: marks_change(d, "mark_fresh", lambda m: m.pop()),
     "mark", "log usage, record", "count twice"),
    ("a mark of another event", lambda d: marks_change(d, "mark_part", lambda m: m[0].__setitem__(3, b"12345678")),
     "mark", "log usage, record", "not what its mark says"),
    ("a mark without an event", lambda d: marks_change(d, "mark_fresh", lambda m: m.append(
        [0, m[0][1], bytes(range(16)), b"12345678"])), "mark", "table mark_fresh, row", "never counted"),
    ("a mark of the first format without an event", lambda d: sql(d, (
        "CREATE TABLE mark (log INTEGER, id BLOB, value BLOB, expires_ns INTEGER)",), (
        f"INSERT INTO mark VALUES ({USAGE}, x'000102030405060708090a0b0c0d0e0f', x'0102030405060708', 0),"
        f" ({USAGE}, x'100102030405060708090a0b0c0d0e0f', x'0102030405060708', 0)",)),
     "mark", "table mark, id 0001", "never counted"),
    ("a mark that is none", lambda d: marks_change(d, "mark_fresh", lambda m: m[0].__setitem__(3, b"")),
     "mark", "table mark_fresh", "no mark"),
    ("a row of marks that was changed", lambda d: sql(d, (
        "UPDATE mark_fresh SET data = data || x'00'",)), "mark", "table mark_fresh", "checksum"),
    ("a row of marks that are none", lambda d: sql(d, (
        "UPDATE mark_fresh SET data = ?, crc = ?", b"12345", crc32c(b"12345"))),
     "mark", "table mark_fresh", "no marks"),
    ("a part of a run that was changed", lambda d: sql(d, (
        "UPDATE mark_part SET data = data || x'00'",)), "mark", "table mark_part", "checksum"),
    ("a part of a run that is gone", lambda d: sql(d, (
        "DELETE FROM mark_part",)), "mark", "table mark_run", "its parts have 0"),
    ("a part at the wrong place", lambda d: sql(d, (
        "UPDATE mark_run SET parts = 4",), ("UPDATE mark_part SET place = place + 3",)),
     "mark", "table mark_part", "nobody finds it"),
    ("a part of no run", lambda d: sql(d, (
        "DELETE FROM mark_run",)), "mark", "table mark_part", "no run has it"),
    ("a filter that was changed", lambda d: sql(d, (
        "UPDATE mark_run SET filter = zeroblob (64)",)), "mark", "table mark_run", "checksum of its filter"),
    ("a filter that denies its marks", filter_change, "mark", "table mark_part", "denies the mark"),
    ("a run that is over too early", lambda d: sql(d, (
        "UPDATE mark_run SET expires_ns = 1",)), "mark", "table mark_part", "later than its run"),
    ("a run with parts in no power of two", lambda d: sql(d, (
        "UPDATE mark_run SET parts = 3",)), "mark", "table mark_run", "power of 2"),
    ("a row of marks of a time to come", lambda d: sql(d, (
        "UPDATE meta SET value = 0 WHERE name = 'marks'",)), "mark", "tables of marks", "newer"),
    ("a run of which nobody knows how far it is", lambda d: sql(d, (
        "INSERT INTO meta VALUES ('marks_run', '1 2 x')",)), "mark", "table meta, marks_run", "how far"),
    ("a run of a time to come that is being written", lambda d: sql(d, (
        "INSERT INTO meta VALUES ('marks_run', '99 2 0 0')",)), "mark", "tables of marks", "newer"),
    ("no key of the marks' hashes", lambda d: sql(d, (
        "UPDATE meta SET value = x'00' WHERE name = 'marks_key'",)), "mark", "marks_key", "16 bytes"),
    ("an account that used less", lambda d: account_change(d, lambda a: a["points"][0].__setitem__(1, "1.5")),
     "account", "usage.accounts, account", "begins at no record"),
    ("an account that doesn't add up", lambda d: account_change(d, lambda a: a.update(consumed="7")),
     "account", "usage.accounts, account", "less the credit"),
    ("a grant with more than was granted",
     lambda d: account_change(d, lambda a: a["grants"][0].update(balance="100001")),
     "account", "usage.accounts, account", "more left"),
    ("an account that is none", lambda d: account_change(d, lambda a: a.clear()),
     "account", "usage.accounts, account", "no account"),
    ("an account that is cut off", lambda d: sql(d, (
        "UPDATE entry SET value = CAST ('{\"base\":\"1' AS BLOB) WHERE bucket ="
        f" {bucket('usage.accounts')} AND CAST (key AS TEXT) LIKE '%/%'",)),
     "account", "usage.accounts", "no account"),
    ("accounts that are ahead", lambda d: sql(d, (
        "UPDATE entry SET value = CAST ('{\"position\":999999}' AS BLOB) WHERE CAST (key AS TEXT) = 'state'"
        f" AND bucket = {bucket('usage.accounts')}",)), "account", "usage.accounts, key state", "the newest is"),
    ("an audit record that was changed", lambda d: batch_change(
        d, lambda r: r[0].__setitem__(2, r[0][2].replace(b'"action":"', b'"action":"x')),
        "SELECT place FROM batch WHERE place >> 48 = (SELECT id FROM log WHERE name = 'auth.audit') LIMIT 1"),
     "audit", "log auth.audit, record", "changed"),
    ("one head of a ring file", lambda d: file_write(d, "rings/*.ring", 20, b"\xff\xff"),
     "ring", "rings/", "the other one is used"),
    ("both heads of a ring file", ring_heads, "ring", "rings/", "both its heads"),
    ("a ring file that is too short", ring_short, "ring", "rings/", "cannot be read"),
    ("a ring file that is gone", ring_gone, "ring", "rings/", "missing"),
    ("a broken record in a ring", lambda d: ring_waits(d, breaks=True), "ring", "ring 0", "no whole record"),
    ("a ring that is behind the log",
     lambda d: sql(d, ("UPDATE ring SET sequence = 1 WHERE sequence > 1",)), "ring", "table ring", "taken twice"),
    ("a record that was void, and is in the log", lambda d: ring_waits(d, state=0xA4637D38),
     "ring", "ring 0", "is void"),
    ("a batch that is forgotten, ends and all", taken_lost, "ring", "rings/", "doesn't have it"),
    ("a region's head", lambda d: file_write(d, "regions/metering.receipts.map", 0, b"X"),
     "region", "regions/metering.receipts.map", "head is damaged"),
    ("a region that is cut", lambda d: os.truncate(
        os.path.join(d, "regions/metering.receipts.map"), 8192), "region", "regions/", "bytes"),
    ("a folder of regions that cannot be read", lambda d: no_folder(d, "regions"),
     "region", "regions", "Not a directory"),
    ("numbers of receipts that begin again", region_numbers, "receipt", "regions/metering.receipts.map, tenant",
     "given twice"),
    ("a page of zeros", page_broken, "database", "kgent.db", ""),
    ("an index without a row", index_broken, "database", "kgent.db", ""),
    ("a first page that is none", first_page, "database", "kgent.db", "first bytes"),
    ("a database of another program",
     lambda d: sql(d, ("CREATE TABLE IF NOT EXISTS x (y)",), ("INSERT INTO x VALUES (1)",),
                   ("PRAGMA application_id = 5",)),
     "database", "kgent.db", "application_id"),
]
