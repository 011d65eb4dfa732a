"""Postal codes of the United States and Canada: place, market and base tax rate.

`lookup(code)` answers from the table that ships (`resources/zip`) and from the seat's own overlay,
which wins. Each answer says where market and tax come from: an estimate and a base rate are not
the client's own figures. `book.ZipBook` does the same for a folder of one's choice.
"""

from __future__ import annotations

from halodesk.connectors.zip.book import ZipBook, lookup
from halodesk.connectors.zip.place import ZipPlace

__all__ = ["ZipBook", "ZipPlace", "lookup"]
