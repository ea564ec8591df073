"""The tables of a database of labels, and the triggers by which the database itself refuses what may not be."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)

__all__ = ["ITEMS", "LEDGER", "METADATA", "POOL", "guard"]

METADATA = MetaData()
SEQ = BigInteger().with_variant(Integer, "sqlite")
POOL = Table(
    "label_pool",
    METADATA,
    Column("id", Integer, CheckConstraint("id = 1"), primary_key=True),
    Column("format", Integer, nullable=False),
    Column("dataset", String(64), nullable=False),
    Column("names", Text, nullable=False),
    Column("size", Integer, nullable=False),
    Column("side", Integer, nullable=False),
    Column("knows", Boolean, nullable=False),
    Column("items", String(64), nullable=False),
)
"""One row: what the database was made of. ``items`` is a hash over all rows of `ITEMS`."""
ITEMS = Table(
    "label_items",
    METADATA,
    Column("index", Integer, primary_key=True, autoincrement=False),
    Column("image", String(64), nullable=False),
    Column("label", Integer),
    Column("file", Text),
    Column("pixels", LargeBinary),
    Column("picture", LargeBinary),
)
"""A row an image: its SHA-256 and, where the database knows it, its label; where it does not, the pixels and, if that
is something else, the picture that people are shown, a PNG file."""
LEDGER = Table(
    "label_ledger",
    METADATA,
    Column("seq", SEQ, primary_key=True, autoincrement=False),
    Column("time", String(40), nullable=False),
    Column("who", Text, nullable=False),
    Column("event", String(20), nullable=False),
    Column("index", Integer),
    Column("image", String(64)),
    Column("strategy", Text),
    Column("score", Double),
    Column("answer", Integer),
    Column("undoes", SEQ),
    Column("cost", Integer, CheckConstraint("cost IN (0, 1)"), nullable=False),
    Column("paid", Integer, CheckConstraint("paid <= budget"), nullable=False),
    Column("budget", Integer, nullable=False),
    Column("previous", String(64), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
)
"""Rows in the order of `mnist_etc.labels.rows.LedgerRow`."""

SQLITE_REFUSED = """CREATE TRIGGER {table}_{verb} BEFORE {verb} ON {table}
BEGIN SELECT RAISE(ABORT, 'rows of {table} stay as they are'); END"""
SQLITE_FOLLOWS = """CREATE TRIGGER label_ledger_follows BEFORE INSERT ON label_ledger
WHEN NOT EXISTS (SELECT 1 FROM label_ledger
    WHERE seq = (SELECT max(seq) FROM label_ledger) AND seq = NEW.seq - 1 AND hash = NEW.previous
    AND paid = NEW.paid - NEW.cost AND (budget = NEW.budget OR NEW.event = 'budget'))
BEGIN SELECT RAISE(ABORT, 'a row of label_ledger follows the last one'); END"""
POSTGRES_REFUSE = """CREATE FUNCTION label_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'rows of % stay as they are', TG_TABLE_NAME; END $$"""
POSTGRES_REFUSED = """CREATE TRIGGER {table}_refused BEFORE {verbs} ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION label_refuse()"""
POSTGRES_FOLLOW = """CREATE FUNCTION label_follow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM label_ledger
        WHERE seq = (SELECT max(seq) FROM label_ledger) AND seq = NEW.seq - 1 AND hash = NEW.previous
        AND paid = NEW.paid - NEW.cost AND (budget = NEW.budget OR NEW.event = 'budget'))
    THEN RAISE EXCEPTION 'a row of label_ledger follows the last one'; END IF;
    RETURN NEW;
END $$"""
POSTGRES_FOLLOWS = """CREATE TRIGGER label_ledger_follows BEFORE INSERT ON label_ledger
FOR EACH ROW EXECUTE FUNCTION label_follow()"""


def guard(connection: Connection) -> None:
    """Make the triggers, once the tables hold their first rows: from then on rows are only added, to the ledger alone.

    Other databases than SQLite and PostgreSQL have none; what is altered there is found by the replay.
    """
    tables = (POOL.name, ITEMS.name, LEDGER.name)
    statements: list[str] = []
    match connection.dialect.name:
        case "sqlite":
            statements = [
                SQLITE_REFUSED.format(table=table, verb=verb) for table in tables for verb in ("UPDATE", "DELETE")
            ]
            statements += [SQLITE_REFUSED.format(table=table, verb="INSERT") for table in tables[:2]]
            statements += [SQLITE_FOLLOWS]
        case "postgresql":
            closed, open_ = "INSERT OR UPDATE OR DELETE OR TRUNCATE", "UPDATE OR DELETE OR TRUNCATE"
            statements = [POSTGRES_REFUSE, POSTGRES_FOLLOW, POSTGRES_FOLLOWS]
            statements += [POSTGRES_REFUSED.format(table=table, verbs=closed) for table in tables[:2]]
            statements += [POSTGRES_REFUSED.format(table=tables[2], verbs=open_)]
    for statement in statements:
        connection.execute(text(statement))
