"""Tables of any origin: sniffed, decoded, read row by row, their columns recognised, bad rows kept aside."""

from goodsense.tables.aliases import PRODUCT_ALIASES, ColumnMap, fold, match_columns
from goodsense.tables.cells import neutralise, restore, write_lines, write_table
from goodsense.tables.opening import TableLimits, create_bytes, open_bytes, open_text
from goodsense.tables.rejects import Reject, Rejects, shorten
from goodsense.tables.rows import Header, Row, read_header, read_rows
from goodsense.tables.sniff import Sniffed, read_head, sniff

__all__ = [
    "PRODUCT_ALIASES",
    "ColumnMap",
    "Header",
    "Reject",
    "Rejects",
    "Row",
    "Sniffed",
    "TableLimits",
    "create_bytes",
    "fold",
    "match_columns",
    "neutralise",
    "open_bytes",
    "open_text",
    "read_head",
    "read_header",
    "read_rows",
    "restore",
    "shorten",
    "sniff",
    "write_lines",
    "write_table",
]
