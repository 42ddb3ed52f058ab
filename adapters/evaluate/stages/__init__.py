"""Stages of a pipeline on documents in memory, one module per idea."""
