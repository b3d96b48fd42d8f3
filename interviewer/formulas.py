"""Owns the arithmetic of a guide's estimates: evaluating a formula over named numbers and writing its working out."""

import ast
import math
import re
from collections.abc import Mapping
from typing import Any

import simpleeval  # pyright: ignore[reportMissingTypeStubs]

MAX_LENGTH = 300

_NAME = re.compile(r"[A-Za-z_]\w*")
_CONVERSION = re.compile(r"(seconds|minutes|hours|days|bits|bytes|kb|mb|gb)_(per|in_an?)_\w+", re.IGNORECASE)
_CONVERSIONS = frozenset(
    {7, 8, 24, 30, 60, 365, 1000, 1024, 3600, 86400, 10**6, 1024**2, 10**9, 1024**3, 10**12, 1024**4}
)
_FACTOR = re.compile(r"_(factor|share|ratio|fraction|multiple)$", re.IGNORECASE)
_ALLOWED = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.USub, ast.Name, ast.Load, ast.Constant,
    ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow,
)  # fmt: skip


class FormulaError(ValueError):
    """The formula gives no usable number; says why and what to write instead."""


def evaluate(formula: str, inputs: Mapping[str, float]) -> float:
    """The value of a formula of + - * / ** ( ), numbers and input names; above zero, or FormulaError."""
    tree = _parse(formula)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if unknown := sorted(names - set(inputs)):
        raise FormulaError(f"`{unknown[0]}` is none of the inputs: add it to `inputs`")
    if idle := sorted(set(inputs) - names):
        raise FormulaError(f"the input `{idle[0]}` is not used: use it in the formula or take it away")
    # Floats throughout: a huge power then overflows at once, where integers would go on computing digits.
    floats = {name: float(value) for name, value in inputs.items()}
    evaluator: Any = simpleeval.SimpleEval(functions={}, names=floats)
    try:
        value: object = evaluator.eval(formula, previously_parsed=tree.body)
    except ZeroDivisionError:
        raise FormulaError("the formula divides by zero: check the inputs") from None
    except (ArithmeticError, ValueError, simpleeval.InvalidExpression) as error:
        raise FormulaError(f"the formula can't be computed ({error}): check the inputs") from None
    if not isinstance(value, float | int) or not math.isfinite(value) or value <= 0:
        raise FormulaError("the formula must give a number above zero: check the inputs and signs")
    return float(value)


def working(formula: str, inputs: Mapping[str, float], value: float, unit: str) -> str:
    """The formula with the numbers in, for a person: "100,000,000 jobs per day / 86,400 = 1,157 jobs/s"."""

    def said(match: re.Match[str]) -> str:
        name = match.group()
        number, words = _exact(inputs[name]), name.strip("_").replace("_", " ")
        if _CONVERSION.fullmatch(name) and inputs[name] in _CONVERSIONS:
            return number
        return f"{words} {number}" if _FACTOR.search(name) else f"{number} {words}"

    filled = _NAME.sub(said, " ".join(formula.split()))
    return f"{filled.replace('**', '^').replace('*', '×')} = {_rounded(value)} {unit}"


def _parse(formula: str) -> ast.Expression:
    if len(formula) > MAX_LENGTH:
        raise FormulaError(f"the formula is over {MAX_LENGTH} characters: name its parts as inputs")
    try:
        tree = ast.parse(" ".join(formula.split()), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise FormulaError("this is no formula: write arithmetic such as `jobs_per_day / 86400`") from None
    for node in ast.walk(tree):
        plain = not isinstance(node, ast.Constant) or type(node.value) in (int, float)
        if not isinstance(node, _ALLOWED) or not plain:
            raise FormulaError("a formula has only + - * / ** ( ), numbers and input names: take the rest away")
        if isinstance(node, ast.Constant):
            node.value = float(node.value)  # pyright: ignore[reportArgumentType]
    return tree


def _exact(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,}"


def _rounded(value: float) -> str:
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:,.3g}" if value >= 0.001 else f"{value:.2g}"
