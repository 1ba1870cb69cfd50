#!/usr/bin/env python3
"""Fit the polynomials of simd/activations.h and print them as C constants with their errors.

    e^r      = 1 + r * (1 + r * q(r))             |r| <= log(2) / 2
    log(1+e) = 2 s + s^3 * p(s^2),  s = e / (2+e)   0 <= e <= 1

Each is the minimax fit in the measure that counts, found by iteratively reweighted least squares
(Lawson's algorithm); the constants are then rounded to fp32 from the lowest degree up, refitting
the rest after each, so that the printed error is that of the constants as written.
"""
import math
import struct


def f32(v):
    return struct.unpack("f", struct.pack("f", v))[0]


def solve(a, b):
    n = len(b)
    m = [row[:] + [v] for row, v in zip(a, b)]
    for i in range(n):
        p = max(range(i, n), key=lambda r: abs(m[r][i]))
        m[i], m[p] = m[p], m[i]
        for r in range(i + 1, n):
            t = m[r][i] / m[i][i]
            for c in range(i, n + 1):
                m[r][c] -= t * m[i][c]
    x = [0.0] * n
    for i in reversed(range(n)):
        x[i] = (m[i][n] - sum(m[i][c] * x[c] for c in range(i + 1, n))) / m[i][i]
    return x


def fit(points, target, measure, degree):
    """Coefficients c[0..degree], fp32, of the minimax fit of target(t) under measure(t)."""
    fixed = []
    while len(fixed) <= degree:
        powers = range(len(fixed), degree + 1)
        weights = [1.0] * len(points)
        rest = [target(t) - sum(c * t**k for k, c in enumerate(fixed)) for t in points]
        scale = [measure(t) for t in points]
        for _ in range(60):
            gram = [[sum(w * s * s * t ** (i + j) for w, s, t in zip(weights, scale, points))
                     for j in powers] for i in powers]
            right = [sum(w * s * s * t**i * r for w, s, t, r in zip(weights, scale, points, rest))
                     for i in powers]
            c = solve(gram, right)
            error = [abs(s * (sum(k * t**i for k, i in zip(c, powers)) - r))
                     for s, t, r in zip(scale, points, rest)]
            worst = max(error)
            weights = [w * (e / worst + 1e-3) for w, e in zip(weights, error)]
        fixed.append(f32(c[0]))
    worst = max(abs(measure(t) * (sum(c * t**k for k, c in enumerate(fixed)) - target(t)))
                for t in points)
    return fixed, worst


def show(name, coefficients, worst):
    for k, c in enumerate(coefficients):
        print(f"{name}{k} {c:.9g}f")
    print(f"{name}: largest error of the polynomial {worst:.2g}\n")


half = math.log(2) / 2
rs = [half * math.cos(math.pi * (i + 0.5) / 200) for i in range(200)]
show("q", *fit(rs, lambda r: (math.expm1(r) - r) / r**2, lambda r: r * r, 4))

zs = [(1 / 9) * (0.5 + 0.5 * math.cos(math.pi * (i + 0.5) / 200)) for i in range(200)]
show("p", *fit(zs, lambda z: (2 * math.atanh(math.sqrt(z)) - 2 * math.sqrt(z)) / math.sqrt(z) ** 3
               if z > 1e-4 else 2 / 3 + 2 * z / 5 + 2 * z * z / 7,
               lambda z: math.sqrt(z) ** 3, 3))
