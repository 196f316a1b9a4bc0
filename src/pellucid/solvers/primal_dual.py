"""Deconvolution with a penalty on roughness: total variation and Hessian-Schatten norms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, final, get_args

from pellucid.errors import SettingsError
from pellucid.imaging.operator import LinearOperator
from pellucid.solvers._prox_primal_dual import Roughness, run_primal_dual
from pellucid.solvers._prox_setup import Setup, StrengthRule, setup
from pellucid.solvers._prox_watch import Watch
from pellucid.solvers.data_terms import DataName
from pellucid.solvers.noise_model import NoiseModel
from pellucid.solvers.problem import Background
from pellucid.solvers.progress import Callback
from pellucid.solvers.proximal import SchattenOrder
from pellucid.solvers.regularisers import HessianSchatten, Regulariser, TotalVariation
from pellucid.solvers.restoration import Restoration, Setting
from pellucid.solvers.stopping import RelativeChange, StoppingRule

#: Whose roughness is penalised.
RoughnessOf: TypeAlias = Literal["intensity", "square root"]

_ITERATIONS = 300
_STOP = RelativeChange(1e-4)

#: Default strengths, fitted to simulated images (see the docstrings).
_TOTAL_VARIATION = {"intensity": StrengthRule(0.1, 0.5), "square root": StrengthRule(0.1, 0.5)}
_HESSIAN = {"intensity": StrengthRule(0.1, 0.5), "square root": StrengthRule(0.1, 0.5)}


def total_variation(
    image: Any,
    operator: LinearOperator,
    *,
    strength: float | None = None,
    of: RoughnessOf = "intensity",
    data: DataName = "poisson-gaussian",
    nonnegative: bool = True,
    voxel_size: Sequence[float] | None = None,
    iterations: int = _ITERATIONS,
    stop: StoppingRule | None = _STOP,
    background: Background = "estimated",
    noise: NoiseModel | None = None,
    callback: Callback | None = None,
) -> Restoration:
    """TODO."""
    checked = setup(image, operator, data=data, background=background, noise=noise)
    regulariser = TotalVariation(operator.input_shape, voxel_size)
    chosen = _Choice(of, strength, nonnegative, _TOTAL_VARIATION)
    watch = Watch(
        checked.problem, checked.noise, iterations=iterations, stop=stop, callback=callback
    )
    return _smoothed(checked, regulariser, chosen, watch, {"voxel_size": _named(voxel_size)})


def hessian_schatten(
    image: Any,
    operator: LinearOperator,
    *,
    strength: float | None = None,
    order: SchattenOrder = 1,
    of: RoughnessOf = "intensity",
    data: DataName = "poisson-gaussian",
    nonnegative: bool = True,
    voxel_size: Sequence[float] | None = None,
    iterations: int = _ITERATIONS,
    stop: StoppingRule | None = _STOP,
    background: Background = "estimated",
    noise: NoiseModel | None = None,
    callback: Callback | None = None,
) -> Restoration:
    """TODO."""
    checked = setup(image, operator, data=data, background=background, noise=noise)
    regulariser = HessianSchatten(operator.input_shape, order, voxel_size)
    chosen = _Choice(of, strength, nonnegative, _HESSIAN)
    watch = Watch(
        checked.problem, checked.noise, iterations=iterations, stop=stop, callback=callback
    )
    return _smoothed(
        checked, regulariser, chosen, watch, {"order": order, "voxel_size": _named(voxel_size)}
    )


@final
@dataclass(frozen=True, slots=True)
class _Choice:
    """What a user chose of the penalty."""

    of: RoughnessOf
    strength: float | None
    nonnegative: bool
    rules: dict[str, StrengthRule]

    def __post_init__(self) -> None:
        if self.of not in get_args(RoughnessOf):
            raise SettingsError(
                f"Roughness is that of the 'intensity' or of the 'square root', not {self.of!r}."
            )
        if self.of == "square root" and not self.nonnegative:
            raise SettingsError(
                "A scene with a square root is not negative; use of='intensity' with "
                "nonnegative=False."
            )


def _smoothed(
    checked: Setup,
    regulariser: Regulariser,
    chosen: _Choice,
    watch: Watch,
    settings: dict[str, Setting],
) -> Restoration:
    """Run the iteration that both penalties share."""
    root = chosen.of == "square root"
    strength = checked.strength(chosen.strength, chosen.rules[chosen.of])
    rough = Roughness(
        regulariser=regulariser,
        radius=strength / (math.sqrt(checked.level) if root else checked.level),
        root=root,
        nonnegative=chosen.nonnegative,
    )
    scene, why = run_primal_dual(checked, rough, watch)
    return Restoration(
        image=checked.problem.finished(scene),
        trace=tuple(watch.trace),
        stopped_because=why,
        settings={
            "strength": strength,
            "strength_from": "the image" if chosen.strength is None else "the user",
            "of": chosen.of,
            "nonnegative": chosen.nonnegative,
            **settings,
            "iterations": len(watch.trace),
            "stop": watch.rule,
            **checked.settings(),
        },
    )


def _named(voxel_size: Sequence[float] | None) -> str:
    return "isotropic" if voxel_size is None else " ".join(f"{size:g}" for size in voxel_size)
