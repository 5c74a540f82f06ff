"""
What all rows have in common: a registry of their own.

An app may use SQLModel too. Our tables must not be in its metadata, where its own migrations
would find them; and their names begin with ``threadsworker_``, since with ``session=`` they
live in the app's database.
"""

from __future__ import annotations

from sqlalchemy.orm import registry
from sqlmodel import SQLModel


class Row(SQLModel, registry=registry()):
    """A row of one of our tables."""


#: Every table, for the migrations and for tests.
METADATA = Row.metadata
#: Where Alembic keeps our version: an app that uses Alembic has an ``alembic_version`` of its own.
VERSION_TABLE = "threadsworker_version"
