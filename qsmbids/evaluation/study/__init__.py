"""One study: maps found in folders, measured against their references, written as tables."""
