"""Aggregation expressions evaluated on documents in memory, one module per family of operators."""

from adapters.evaluate.expressions.compiler import (
    EXPRESSIONS,
    LAZY,
    Evaluate,
    constant,
    evaluator,
)
from adapters.evaluate.expressions.variables import Variables, at_path

__all__ = ["EXPRESSIONS", "LAZY", "Evaluate", "Variables", "at_path", "constant", "evaluator"]
