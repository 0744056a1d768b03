"""Events: the schema file becomes Spark's types, and what every event must fulfil becomes one condition.

In: the fields of --schema. Out: the type for from_json, the flat columns in the fields' order, and the condition under which an
event is accepted. Pure: no session, no file, no Kafka.
Not here: a value of another JSON type that stands where a String is wanted. Spark's JSON reader takes 404 for "404" and has
no option against it.
"""

import re
from dataclasses import dataclass
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F
from pyspark.sql import types as T

# from_json puts the text of a record here when it, or any value in it, is not of the schema's type.
BROKEN = "_broken"
# The column that holds the decoded record.
EVENT = "event"

UUID_FORM = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"

# The schema's types of ClickHouse that have no parameters. Spark has no unsigned numbers: the next wider type holds them, and
# BOUNDS is checked.
PLAIN_TYPES = {
    "String": T.StringType(),
    "UUID": T.StringType(),
    "Bool": T.BooleanType(),
    "Float64": T.DoubleType(),
    "Int32": T.IntegerType(),
    "UInt8": T.ShortType(),
    "UInt16": T.IntegerType(),
    "UInt32": T.LongType(),
}
BOUNDS = {"UInt8": (0, 2**8 - 1), "UInt16": (0, 2**16 - 1), "UInt32": (0, 2**32 - 1)}


@dataclass(frozen=True)
class Field:
    """One field of the schema file."""

    path: str
    type: str
    required: bool = False
    minimum: float | None = None
    maximum: float | None = None
    enum: tuple | None = None
    max_length: int | None = None

    @staticmethod
    def of(given: dict) -> "Field":
        """Reads a field as the schema file writes it."""
        listed = given.get("enum")
        return Field(
            path=given["path"],
            type=given["type"],
            required=bool(given.get("required")),
            minimum=given.get("minimum"),
            maximum=given.get("maximum"),
            enum=tuple(listed) if listed else None,
            max_length=given.get("maxLength"),
        )

    @property
    def column(self) -> str:
        """The flat name that the field has in the table."""
        return self.path.replace(".", "_")

    @property
    def value(self) -> Column:
        """The field in the decoded record."""
        return reduce(lambda outer, name: outer.getField(name), self.path.split("."), F.col(EVENT))


def spark_type(name: str, field: str) -> T.DataType:
    """Gives the type of Spark that holds every value of a type of ClickHouse."""
    if name in PLAIN_TYPES:
        return PLAIN_TYPES[name]
    if match := re.fullmatch(r"Decimal\((\d+), *(\d+)\)", name):
        return T.DecimalType(int(match[1]), int(match[2]))
    if re.fullmatch(r"DateTime64\(\d\)", name):
        return T.TimestampType()
    if match := re.fullmatch(r"Array\((.+)\)", name):
        return T.ArrayType(spark_type(match[1], field))
    raise ValueError(f"field {field}: type {name} is not known here; add it to PLAIN_TYPES in events.py")


def record_type(fields: list[Field]) -> T.StructType:
    """Gives the nested type of a whole record, for from_json."""
    tree: dict = {}
    for field in fields:
        *outer, last = field.path.split(".")
        reduce(lambda node, name: node.setdefault(name, {}), outer, tree)[last] = spark_type(field.type, field.path)
    return _struct(tree).add(BROKEN, T.StringType())


def _struct(tree: dict) -> T.StructType:
    return T.StructType([T.StructField(name, _struct(node) if isinstance(node, dict) else node) for name, node in tree.items()])


def columns(fields: list[Field]) -> list[Column]:
    """Gives the flat columns of the table."""
    return [field.value.alias(field.column) for field in fields]


def accepted(fields: list[Field]) -> Column:
    """Gives the condition of an accepted event: it is never null, so that no event falls between the two outcomes."""
    whole = F.col(EVENT).isNotNull() & F.col(EVENT).getField(BROKEN).isNull()
    return F.coalesce(reduce(lambda left, right: left & right, map(_fulfils, fields), whole), F.lit(False))


def _fulfils(field: Field) -> Column:
    value = field.value
    lowest, highest = BOUNDS.get(field.type, (None, None))
    checks = [value >= F.lit(bound) for bound in (lowest, field.minimum) if bound is not None]
    checks += [value <= F.lit(bound) for bound in (highest, field.maximum) if bound is not None]
    if field.enum:
        checks.append(value.isin(*field.enum))
    if field.max_length is not None:
        checks.append((F.size(value) if field.type.startswith("Array") else F.length(value)) <= field.max_length)
    if field.type == "UUID":
        checks.append(value.rlike(UUID_FORM))
    if field.type.startswith("Array"):
        checks.append(F.forall(value, lambda element: element.isNotNull()))
    if field.required:
        checks.insert(0, value.isNotNull())
    held = reduce(lambda left, right: left & right, checks, F.lit(True))
    return held if field.required else value.isNull() | held
