"""Classical deconvolution with a known point spread function."""

from pellucid.solvers.automatic import automatic_richardson_lucy as automatic_richardson_lucy
from pellucid.solvers.back_projector import WienerButterworth as WienerButterworth
from pellucid.solvers.blind import blind_richardson_lucy as blind_richardson_lucy
from pellucid.solvers.fista import fista as fista
from pellucid.solvers.linear import regularised_inverse as regularised_inverse
from pellucid.solvers.linear import tikhonov as tikhonov
from pellucid.solvers.noise_model import NoiseModel as NoiseModel
from pellucid.solvers.photon_split import (
    photon_split_richardson_lucy as photon_split_richardson_lucy,
)
from pellucid.solvers.primal_dual import hessian_schatten as hessian_schatten
from pellucid.solvers.primal_dual import total_variation as total_variation
from pellucid.solvers.progress import Progress as Progress
from pellucid.solvers.restoration import Restoration as Restoration
from pellucid.solvers.richardson_lucy import richardson_lucy as richardson_lucy
from pellucid.solvers.signal_spectrum import SignalSpectrum as SignalSpectrum
from pellucid.solvers.stopping import Discrepancy as Discrepancy
from pellucid.solvers.stopping import RelativeChange as RelativeChange
from pellucid.solvers.stopping import StoppingRule as StoppingRule
from pellucid.solvers.unmatched import unmatched_richardson_lucy as unmatched_richardson_lucy
from pellucid.solvers.wiener import wiener as wiener
