"""Eigenvalues of many small symmetric matrices, and matrices with other eigenvalues.

Closed forms in the precision given, accurate for eigenvalues that coincide too: of a matrix with
three rows the eigenvalue that lies apart is found first, and what remains has two rows.
"""

from __future__ import annotations

import math
from typing import Any, final

import array_api_compat

from pellucid.errors import SettingsError

_ROOT2 = math.sqrt(2.0)
_ROWS = {1: 1, 3: 2, 6: 3}


@final
class SymmetricField:
    """A symmetric matrix of one to three rows a sample.

    Parameters
    ----------
    field : array of float, shape (components, ...)
        Diagonal, then ``sqrt(2)`` times the entries above it, row by row.

    Attributes
    ----------
    eigenvalues : list of array
        One array for every eigenvalue, in no order.

    Raises
    ------
    SettingsError
        If the number of components is not 1, 3 or 6.

    References
    ----------
    .. [1] D. Eberly, "A robust eigensolver for 3 x 3 symmetric matrices", Geometric Tools (2014).
    """

    def __init__(self, field: Any) -> None:
        rows = _ROWS.get(int(field.shape[0]))
        if rows is None:
            raise SettingsError(
                "Symmetric matrices of 1, 2 or 3 rows have 1, 3 or 6 components, not "
                f"{field.shape[0]}; use images of up to three axes."
            )
        self._xp = array_api_compat.array_namespace(field)
        self._rows = rows
        self._frame: tuple[Any, ...] = ()
        if rows == 1:
            self.eigenvalues = [field[0]]
        elif rows == 2:
            self._plane = _Plane(field[0], field[1], field[2] / _ROOT2)
            self.eigenvalues = list(self._plane.eigenvalues)
        else:
            self._start(field)

    def _start(self, field: Any) -> None:
        xp = self._xp
        largest = xp.max(xp.abs(field), axis=0)
        # Products of four entries must not vanish.
        unit = xp.where(largest > 0, largest, xp.ones_like(largest))
        xx, yy, zz = (field[i] / unit for i in range(3))
        xy, xz, yz = (field[i] / (_ROOT2 * unit) for i in range(3, 6))
        apart = self._apart((xx, yy, zz), (xy, xz, yz))
        rows = ((xx - apart, xy, xz), (xy, yy - apart, yz), (xz, yz, zz - apart))
        axis = self._null_vector(rows)
        first, second = self._completed(axis)
        matrix = ((xx, xy, xz), (xy, yy, yz), (xz, yz, zz))
        along, across = _times(matrix, first), _times(matrix, second)
        self._plane = _Plane(_dot(first, along), _dot(second, across), _dot(first, across))
        self._frame = (axis, first, second)
        # The Rayleigh quotient is more accurate than the root of the characteristic polynomial.
        quotient = _dot(axis, _times(matrix, axis))
        self.eigenvalues = [unit * v for v in (quotient, *self._plane.eigenvalues)]

    def with_eigenvalues(self, values: list[Any]) -> Any:
        """Return the field of matrices with the same eigenvectors and other eigenvalues."""
        xp = self._xp
        if self._rows == 1:
            return xp.stack(values)
        if self._rows == 2:
            a, b, c = self._plane.with_eigenvalues(values[0], values[1])
            return xp.stack([a, b, _ROOT2 * c])
        axis, first, second = self._frame
        a, b, c = self._plane.with_eigenvalues(values[1], values[2])
        pairs = ((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))
        components = []
        for i, j in pairs:
            entry = (
                values[0] * axis[i] * axis[j]
                + a * first[i] * first[j]
                + b * second[i] * second[j]
                + c * (first[i] * second[j] + second[i] * first[j])
            )
            components.append(entry if i == j else _ROOT2 * entry)
        return xp.stack(components)

    def _apart(self, diagonal: tuple[Any, ...], above: tuple[Any, ...]) -> Any:
        """Return the eigenvalue farthest from the others, by the cosine formula."""
        xp = self._xp
        mean = (diagonal[0] + diagonal[1] + diagonal[2]) / 3.0
        xx, yy, zz = (d - mean for d in diagonal)
        xy, xz, yz = above
        off = xy * xy + xz * xz + yz * yz
        size = xp.sqrt((xx * xx + yy * yy + zz * zz + 2.0 * off) / 6.0)
        scale = 1.0 / xp.where(size > 0, size, xp.ones_like(size))
        xx, yy, zz, xy, xz, yz = (v * scale for v in (xx, yy, zz, xy, xz, yz))
        determinant = xx * (yy * zz - yz * yz) - xy * (xy * zz - yz * xz) + xz * (xy * yz - yy * xz)
        half = xp.clip(0.5 * determinant, -1.0, 1.0)
        # Above zero the largest eigenvalue lies apart, below it the smallest.
        length = 2.0 * size * xp.cos(xp.acos(xp.abs(half)) / 3.0)
        return mean + xp.where(half < 0, -length, length)

    def _null_vector(self, rows: tuple[tuple[Any, ...], ...]) -> tuple[Any, ...]:
        """Return the unit vector orthogonal to rows that span a plane; any if they vanish."""
        xp = self._xp
        best = _cross(rows[0], rows[1])
        most = _dot(best, best)
        for candidate in (_cross(rows[0], rows[2]), _cross(rows[1], rows[2])):
            square = _dot(candidate, candidate)
            better = square > most
            best = tuple(xp.where(better, c, b) for c, b in zip(candidate, best, strict=True))
            most = xp.where(better, square, most)
        found = most > 0
        scale = 1.0 / xp.sqrt(xp.where(found, most, xp.ones_like(most)))
        zero, one = xp.zeros_like(most), xp.ones_like(most)
        return tuple(
            xp.where(found, b * scale, one if axis == 0 else zero) for axis, b in enumerate(best)
        )

    def _completed(self, axis: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return two unit vectors orthogonal to one and to each other."""
        xp = self._xp
        x, y, z = axis
        wide = xp.abs(x) > xp.abs(y)
        zero = xp.zeros_like(x)
        scale = 1.0 / xp.sqrt(xp.where(wide, x * x + z * z, y * y + z * z))
        first = (
            xp.where(wide, -z, zero) * scale,
            xp.where(wide, zero, z) * scale,
            xp.where(wide, x, -y) * scale,
        )
        return first, _cross(axis, first)


@final
class _Plane:
    """Symmetric matrices ``[[a, c], [c, b]]``."""

    def __init__(self, a: Any, b: Any, c: Any) -> None:
        xp = array_api_compat.array_namespace(a)
        mean, half = 0.5 * (a + b), 0.5 * (a - b)
        radius = xp.hypot(half, c)
        self.eigenvalues = (mean + radius, mean - radius)
        scale = 1.0 / xp.where(radius > 0, radius, xp.ones_like(radius))
        self._direction = (half * scale, c * scale)

    def with_eigenvalues(self, first: Any, second: Any) -> tuple[Any, Any, Any]:
        """Return ``a, b, c`` of the matrices with the same eigenvectors."""
        mean, radius = 0.5 * (first + second), 0.5 * (first - second)
        cosine, sine = self._direction
        return mean + radius * cosine, mean - radius * cosine, radius * sine


def _dot(a: tuple[Any, ...], b: tuple[Any, ...]) -> Any:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _cross(a: tuple[Any, ...], b: tuple[Any, ...]) -> tuple[Any, ...]:
    return (
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    )


def _times(matrix: tuple[tuple[Any, ...], ...], vector: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_dot(row, vector) for row in matrix)
