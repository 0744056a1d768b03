"""The Spark contender of `make bench`: a Structured Streaming job from a Kafka topic to a ClickHouse table.

In: the options below; `run` gives the class path and spark-defaults.conf. Out: rows in the table, dead letters with the original
key and bytes, and the query's progress in --checkpoint, from which it goes on after a kill. It runs until it is ended.

The sink. ClickHouse's documentation recommends its connector clickhouse-spark-runtime for Spark. It was not to be had where this was
written (com.clickhouse.spark, any version), so the job does in foreachBatch what the connector does in a task: Arrow batches, one
insert for many rows, over HTTP, by ClickHouse's own client for Python. The other documented way, ClickHouse's JDBC driver, can write
columns of type UUID only as text of an INSERT … VALUES.

It deliberately does not read the topic twice: rejected records ride along with the rows and come back from the sink, where the
textbook would keep the batch in memory and go over it once for each destination.
"""

import argparse
import json
import signal
import threading
import time
from pathlib import Path

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming import StreamingQuery

import sink
from events import BROKEN, EVENT, Field, accepted, columns, record_type


def options() -> argparse.Namespace:
    """Reads the command line."""
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("bootstrap", "topic", "clickhouse-url", "user", "password", "table", "dead-letter-topic", "checkpoint", "schema"):
        reader.add_argument(f"--{name}", required=True)
    return reader.parse_args()


def records(spark: SparkSession, given: argparse.Namespace) -> DataFrame:
    """Reads the topic."""
    source = spark.readStream.format("kafka")
    source = source.option("kafka.bootstrap.servers", given.bootstrap).option("subscribe", given.topic)
    for name, value in settings(spark, "spark.tributary.source."):
        source = source.option(name, value)
    return source.load()


def settings(spark: SparkSession, prefix: str) -> list[tuple[str, str]]:
    """Gives the settings of spark-defaults.conf that begin with a prefix, without it."""
    return [(name.removeprefix(prefix), value) for name, value in spark.sparkContext.getConf().getAll() if name.startswith(prefix)]


def checked(read: DataFrame, fields: list[Field]) -> DataFrame:
    """Decodes and checks records: flat columns, the position, and for rejected ones the original bytes."""
    decoded = F.from_json(F.col("value").cast("string"), record_type(fields), {"columnNameOfCorruptRecord": BROKEN})
    flagged = read.withColumn(EVENT, decoded).withColumn(sink.ACCEPTED, accepted(fields))
    position = [F.col(name).alias(f"_{name}") for name in ("topic", "partition", "offset")]
    original = [F.when(~F.col(sink.ACCEPTED), F.col(name)).alias(f"_{name}") for name in ("key", "value")]
    return flagged.select(*columns(fields), *position, *original, sink.ACCEPTED)


def start(spark: SparkSession, given: argparse.Namespace, ended: threading.Event) -> StreamingQuery:
    """Starts the query. Once `ended` is set, no further micro-batch is begun."""
    fields = [Field.of(field) for field in json.loads(Path(given.schema).read_text(encoding="utf-8"))]
    progress = Path(given.checkpoint, "query")
    (rows_an_insert,) = (int(value) for _, value in settings(spark, "spark.tributary.sink.rows"))
    table = sink.Table(given.clickhouse_url, given.user, given.password, given.table, rows_an_insert)

    def deliver(batch: DataFrame, _: int) -> None:
        if ended.is_set():
            raise InterruptedError("the job was told to end; this micro-batch is left to the next start")
        query = json.loads((progress / "metadata").read_text(encoding="utf-8"))["id"]
        letters = batch.mapInArrow(lambda batches: sink.write(batches, table, query), sink.DEAD_LETTER)
        letters.write.format("kafka").option("kafka.bootstrap.servers", given.bootstrap).option("topic", given.dead_letter_topic).save()

    stream = checked(records(spark, given), fields).writeStream.foreachBatch(deliver)
    return stream.option("checkpointLocation", str(progress)).start()


def main() -> None:
    """Runs the query until SIGTERM or SIGINT, or until it fails."""
    given = options()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    spark = SparkSession.builder.getOrCreate()
    query = start(spark, given, ended)
    while not ended.is_set() and not query.awaitTermination(1):
        pass
    # Stopped between its rows and its commit, a micro-batch would be written again: it is let finish.
    while query.isActive and query.status["isTriggerActive"]:
        time.sleep(0.1)
    query.stop()
    spark.stop()


if __name__ == "__main__":
    main()
