"""Agreements as files: read, checked, compiled into policies, applied. Never reads a data row."""
