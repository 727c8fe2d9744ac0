"""The tables of the truth, and how an older catalog gets them."""

from __future__ import annotations

SCHEMA_VERSION = 3

_PRODUCTS = """
CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL);
INSERT INTO state VALUES (1, 0);
CREATE TABLE products (
    id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL,
    doc TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX products_by_seq ON products (seq);
CREATE TABLE tombstones (id TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE queries (id TEXT PRIMARY KEY, query TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE judgements (
    query_id TEXT NOT NULL REFERENCES queries (id) ON DELETE CASCADE,
    product_id TEXT NOT NULL,
    grade INTEGER NOT NULL CHECK (grade >= 0),
    PRIMARY KEY (query_id, product_id)
) WITHOUT ROWID;
CREATE VIEW variants AS
    SELECT p.id AS product_id, v.value ->> 'sku' AS sku, v.value ->> 'gtin' AS gtin,
           v.value ->> '$.price[0]' AS price_minor, v.value ->> '$.price[1]' AS currency,
           v.value ->> 'availability' AS availability, v.value ->> 'stock' AS stock
    FROM products p, json_each(p.doc, '$.variants') v;
CREATE VIEW media AS
    SELECT p.id AS product_id, m.key AS position, m.value ->> 'kind' AS kind,
           m.value ->> 'uri' AS uri, m.value ->> 'sha256' AS sha256
    FROM products p, json_each(p.doc, '$.media') m;
"""

# What shoppers did, said and asked; what people labelled; what cleaning changed. None of them names a product by
# foreign key: events and reviews of products that are not (or no longer) in the catalog are kept and counted.
_SHOPPERS = """
CREATE TABLE events (
    key TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    user TEXT NOT NULL,
    item TEXT NOT NULL,
    type TEXT NOT NULL,
    weight REAL,
    rating REAL,
    quantity REAL,
    query TEXT NOT NULL DEFAULT '',
    duration REAL,
    time REAL,
    session TEXT NOT NULL DEFAULT '',
    split TEXT NOT NULL DEFAULT ''
) WITHOUT ROWID;
CREATE INDEX events_by_user ON events (user, time);
CREATE TABLE reviews (
    id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    product_id TEXT NOT NULL,
    user TEXT NOT NULL,
    rating REAL,
    hash TEXT NOT NULL,
    doc TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX reviews_by_product ON reviews (product_id);
CREATE INDEX reviews_by_user ON reviews (user);
CREATE TABLE questions (
    id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    product_id TEXT NOT NULL,
    hash TEXT NOT NULL,
    doc TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX questions_by_product ON questions (product_id);
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    user TEXT NOT NULL,
    hash TEXT NOT NULL,
    doc TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX conversations_by_user ON conversations (user);
CREATE TABLE labels (
    product_id TEXT NOT NULL,
    field TEXT NOT NULL,
    annotator TEXT NOT NULL,
    seq INTEGER NOT NULL,
    value TEXT NOT NULL,
    source TEXT NOT NULL,
    confidence REAL,
    time REAL,
    PRIMARY KEY (field, product_id, annotator)
) WITHOUT ROWID;
CREATE TABLE cleanings (
    id INTEGER PRIMARY KEY,
    seq INTEGER NOT NULL,
    plan TEXT NOT NULL,
    applied TEXT NOT NULL,
    undone TEXT
);
CREATE TABLE cleaned (
    cleaning INTEGER NOT NULL REFERENCES cleanings (id),
    id TEXT NOT NULL,
    before TEXT,
    after TEXT,
    steps TEXT NOT NULL,
    PRIMARY KEY (cleaning, id)
) WITHOUT ROWID;
"""

# Lists that were shown, money, circumstances; and how many of each SKU lie at which place, by the latest reading.
_SHOWN = """
ALTER TABLE events ADD COLUMN ranking TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN position INTEGER;
ALTER TABLE events ADD COLUMN value REAL;
ALTER TABLE events ADD COLUMN context TEXT NOT NULL DEFAULT '';
CREATE TABLE stock (
    sku TEXT NOT NULL,
    place TEXT NOT NULL,
    quantity REAL NOT NULL CHECK (quantity >= 0),
    time REAL NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (sku, place)
) WITHOUT ROWID;
CREATE INDEX stock_by_seq ON stock (seq);
"""

_SCRIPTS = {1: _PRODUCTS, 2: _SHOPPERS, 3: _SHOWN}


def migration(version: int) -> str:
    """The SQL that brings a catalog of this version (0: an empty file) to :data:`SCHEMA_VERSION`, all or nothing."""
    steps = "".join(_SCRIPTS[step] for step in range(version + 1, SCHEMA_VERSION + 1))
    return f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;"
