"""Measure latency: the same operations, at set rates, against several ways to the data."""
