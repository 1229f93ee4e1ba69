"""The linkage zone: identifiers in, persistent person ids and project pseudonyms out."""
