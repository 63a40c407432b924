"""Fits the polynomials and quotients of native/cpu/elementary.h and prints their coefficients.

Run: python3 scripts/reference/fit_elementary.py        (needs numpy and mpmath; half a minute)

Each fit makes the largest weighted error small: least squares on Chebyshev nodes, repeated with each node's
weight multiplied by its error (Lawson's method); a quotient is made linear by the last denominator.
"""

import mpmath as mp
import numpy as np

mp.mp.dps = 30


def fit(function, weight, low, high, degree, denominator=0, nodes=2000, rounds=300):
    """Coefficients p, q (lowest power first, q[0] = 1) of P(t) / Q(t) ~ function(t) on [low, high]."""
    angle = (np.arange(nodes) + 0.5) * np.pi / nodes
    t = (low + high) / 2 + (high - low) / 2 * np.cos(angle)
    f = np.array([float(function(mp.mpf(x))) for x in t])
    w = np.array([float(weight(mp.mpf(x))) for x in t])
    scale = max(abs(low), abs(high))
    p_powers = (t[:, None] / scale) ** np.arange(degree + 1)
    q_powers = (t[:, None] / scale) ** np.arange(1, denominator + 1)
    columns = np.hstack([p_powers, -f[:, None] * q_powers])
    share, q_values, best = np.ones(nodes) / nodes, np.ones(nodes), (np.inf, None, None)
    for _ in range(rounds):
        row = np.sqrt(share) * w / np.abs(q_values)
        solution = np.linalg.lstsq(columns * row[:, None], f * row, rcond=None)[0]
        p, q = solution[: degree + 1], solution[degree + 1 :]
        q_values = 1 + q_powers @ q
        error = np.abs(p_powers @ p / q_values - f) * w
        if error.max() < best[0]:
            best = (error.max(), p / scale ** np.arange(degree + 1), q / scale ** np.arange(1, denominator + 1))
        share *= np.maximum(error / error.max(), 1e-6)
        share /= share.sum()
    return best


def show(name, result):
    error, p, q = result
    print(f"{name}: largest weighted error {error:.2g}")
    print("  P", ", ".join(f"{c:.9g}" for c in p))
    if len(q):
        print("  Q 1,", ", ".join(f"{c:.9g}" for c in q))


def odd(function):  # function(x) / x as a function of t = x^2, and the weight that makes its error relative
    quotient = lambda t: function(mp.sqrt(t)) / mp.sqrt(t)
    return quotient, lambda t: 1 / quotient(t)


tanh, relative_tanh = odd(mp.tanh)
show("tanh x / x, t = x^2", fit(tanh, relative_tanh, 1e-10, 9.02**2, 4, 4))

show(
    "(Phi(x) - 1/2) / x, t = x^2",
    fit(lambda t: mp.erf(mp.sqrt(t / 2)) / 2 / mp.sqrt(t), mp.sqrt, 1e-9, 5.2**2, 4, 5),
)
density = lambda x: mp.exp(-x * x / 2) / mp.sqrt(2 * mp.pi)
mills = lambda x: mp.erfc(x / mp.sqrt(2)) / 2 / density(x)
# the error of Phi(-x) = density(x) mills(x), against the square root of Phi: small in full and in relation
show("Phi(-x) / phi(x)", fit(mills, lambda x: mp.sqrt(density(x) / mills(x)), 0, 13, 3, 3))
show("2^f / sqrt(2 pi)", fit(lambda f: 2**f / mp.sqrt(2 * mp.pi), lambda f: mp.mpf(2) ** -f, -0.5001, 0.5001, 5))

half = float(mp.log(2) / 2) * 1.0001
show(
    "(e^r - 1 - r) / r^2",
    fit(lambda r: (mp.expm1(r) - r) / r**2, lambda r: r**2 / mp.exp(r), -half, half, 4),
)
low, high = float(mp.sqrt(0.5) - 1), float(mp.sqrt(2) - 1)
show(
    "(log(1 + f) - f + f^2 / 2) / f^3",
    fit(lambda f: (mp.log1p(f) - f + f * f / 2) / f**3, lambda f: abs(f**3 / mp.log1p(f)), low, high, 7),
)
