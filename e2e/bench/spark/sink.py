"""Sink: rows of one Spark task go to ClickHouse as Arrow streams; rejected records come back as dead letters.

In: record batches of one Kafka partition. Out: inserts of at least `rows_an_insert` rows, and what was rejected, by `yield`.
It runs in Spark's Python workers, so it imports nothing of Spark. A failed insert fails the task and so the query: what is
tried again, and when, is up to who runs the job.
Every insert carries a token made of the query's id and its first position. Spark repeats a micro-batch that it did not
commit with the same offsets, so a table with a deduplication window drops what it has.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.compute as pc

# Columns that the job adds to those of the table.
ACCEPTED, KEY, VALUE = "_accepted", "_key", "_value"
DEAD_LETTER = "key binary, value binary"


@dataclass(frozen=True)
class Table:
    """Where rows go. It is sent to the workers, so it holds plain values only."""

    url: str
    user: str
    password: str
    name: str
    rows_an_insert: int

    def open(self):
        """Opens ClickHouse's own client. Compression saves no network here, so it would only cost."""
        import clickhouse_connect

        address = urlsplit(self.url)
        return clickhouse_connect.get_client(
            interface=address.scheme,
            host=address.hostname,
            port=address.port or 8123,
            username=self.user,
            password=self.password,
            compress=False,
            autogenerate_session_id=False,
            settings={"async_insert": 0},
        )


def write(batches: Iterator[pa.RecordBatch], table: Table, query: str) -> Iterator[pa.RecordBatch]:
    """Inserts the accepted rows of one partition and gives back the rejected records."""
    client, held, rows = None, [], 0
    for batch in batches:
        good, bad = split(batch)
        if bad.num_rows:
            yield bad
        if good.num_rows:
            held.append(good)
            rows += good.num_rows
        if rows >= table.rows_an_insert:
            client = client or table.open()
            insert(client, table, query, held)
            held, rows = [], 0
    if rows:
        insert(client or table.open(), table, query, held)


def split(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """Parts accepted rows, in the table's columns, from rejected records, as key and value."""
    accepted = batch.column(ACCEPTED)
    rows = batch.drop_columns([ACCEPTED, KEY, VALUE])
    letters = pa.RecordBatch.from_arrays([batch.column(KEY), batch.column(VALUE)], ["key", "value"])
    if accepted.true_count == len(accepted):
        return rows, letters.slice(0, 0)
    return rows.filter(accepted), letters.filter(pc.invert(accepted))


def insert(client, table: Table, query: str, held: list[pa.RecordBatch]) -> None:
    """Inserts rows that stand together under one token."""
    first = held[0]
    position = f"{first.column('_partition')[0]}/{first.column('_offset')[0]}"
    client.insert_arrow(
        table.name,
        pa.Table.from_batches(held),
        settings={"insert_deduplication_token": f"{query}/{position}"},
    )
