"""What stands out in a study, and what region values depend on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from qsmbids.array_types import Double

_OUTLYING = 3.5  # robust standard scores
_FEWEST = 8  # values, below which nothing can stand out
_LEVELS = 8  # of a category; more make a model of nothing


def outliers(values: Sequence[float]) -> NDArray[np.bool_]:
    """Tell which values stand out, by their robust standard score.

    Parameters
    ----------
    values : (n,) sequence of float
        NaN counts for nothing.

    Returns
    -------
    (n,) bool array
        Where |x - median| / (1.4826 MAD) is above 3.5; nowhere if there are fewer than eight
        values or if more than half of them are equal.

    References
    ----------
    Iglewicz and Hoaglin, How to Detect and Handle Outliers, ASQC (1993), eq. 3.10.
    """
    x = np.asarray(values, dtype=np.float64)
    known = np.isfinite(x)
    if known.sum() < _FEWEST:
        return np.zeros(x.size, dtype=bool)
    distance = np.abs(x - np.median(x[known]))
    spread = 1.4826 * float(np.median(distance[known]))
    if spread == 0:
        return np.zeros(x.size, dtype=bool)
    return known & (np.nan_to_num(distance) > _OUTLYING * spread)


@dataclass(frozen=True)
class Effect:
    """What a value changes by: for one unit of a number, or from the first level to another.

    ``low`` and ``high`` are the ends of the 95 % confidence interval.
    """

    level: str
    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class Term:
    """One variable of a model: its effects, and the p of the F-test of leaving it out."""

    name: str
    effects: tuple[Effect, ...]
    p: float


@dataclass(frozen=True)
class Model:
    """A linear model of one region's values.

    Attributes
    ----------
    n : int
        Participants of whom all is known.
    mean, sd : float
        Of their values.
    terms : tuple of Term
        Each is adjusted for the others.
    """

    n: int
    mean: float
    sd: float
    terms: tuple[Term, ...]


def fit_model(
    values: Sequence[float], variables: Mapping[str, Sequence[float | str | None]]
) -> Model:
    """Fit values linearly to variables by least squares.

    Parameters
    ----------
    values : (n,) sequence of float
        One a participant.
    variables : mapping of str to (n,) sequence
        Numbers, or names of categories; None where it is not known. A participant of whom
        anything is not known is left out; so is a variable that does not vary, that has more
        than eight categories or that the others determine.

    Returns
    -------
    Model

    References
    ----------
    Draper and Smith, Applied Regression Analysis, Wiley (1998), chapter 6 (extra sum of squares).
    """
    y = np.asarray(values, dtype=np.float64)
    known = np.isfinite(y)
    for column in variables.values():
        known &= np.array([one is not None for one in column], dtype=bool)
    y = y[known]
    designs: dict[str, tuple[list[str], Double]] = {}
    for name, column in variables.items():
        design = _design([one for one, kept in zip(column, known, strict=True) if kept])
        if design is not None and _adds(design[1], [d for _, d in designs.values()], y.size):
            designs[name] = design
    mean = float(y.mean()) if y.size else np.nan
    sd = float(y.std(ddof=1)) if y.size > 1 else np.nan
    return Model(y.size, mean, sd, _terms(y, designs))


def _design(column: Sequence[float | str | None]) -> tuple[list[str], Double] | None:
    """Return the names and the columns of a variable; None if it says nothing."""
    if all(isinstance(one, float) for one in column):
        numbers = np.array(column, dtype=np.float64)
        return ([""], numbers[:, None]) if len(set(column)) > 1 else None
    levels = sorted({str(one) for one in column})
    if not 1 < len(levels) <= _LEVELS:
        return None
    named = [f"{level} \N{MINUS SIGN} {levels[0]}" for level in levels[1:]]
    return named, np.array([[str(one) == level for level in levels[1:]] for one in column], float)


def _adds(design: Double, others: Sequence[Double], n: int) -> bool:
    """Tell whether columns are free of those before them, and leave a degree of freedom."""
    before = np.column_stack([np.ones(n), *others])
    after = np.column_stack([before, design])
    return (
        n > after.shape[1]
        and int(np.linalg.matrix_rank(after - after.mean(0))) == after.shape[1] - 1
    )


def _terms(y: Double, designs: Mapping[str, tuple[list[str], Double]]) -> tuple[Term, ...]:
    from scipy import stats

    if not designs:
        return ()
    columns = [design - design.mean(0) for _, design in designs.values()]
    full = np.column_stack([np.ones(y.size), *columns])
    free = y.size - full.shape[1]
    beta = np.linalg.lstsq(full, y, rcond=None)[0]
    rest = float(np.sum((y - full @ beta) ** 2))
    errors = np.sqrt(np.diag(np.linalg.inv(full.T @ full)) * rest / free)
    reach = float(stats.t.ppf(0.975, free)) * errors
    terms, at = [], 1
    for number, (name, (levels, design)) in enumerate(designs.items()):
        k = design.shape[1]
        less = np.column_stack([np.ones(y.size), *columns[:number], *columns[number + 1 :]])
        without = float(np.sum((y - less @ np.linalg.lstsq(less, y, rcond=None)[0]) ** 2))
        p = float(stats.f.sf((without - rest) / k / (rest / free), k, free)) if rest > 0 else 0.0
        effects = tuple(
            Effect(level, float(beta[i]), float(beta[i] - reach[i]), float(beta[i] + reach[i]))
            for i, level in enumerate(levels, start=at)
        )
        terms.append(Term(name, effects, p))
        at += k
    return tuple(terms)
