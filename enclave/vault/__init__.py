"""Deliveries, extracts and keys at rest. Never answers a query."""
