"""The changes of an update on single values, one module per family of operators."""
