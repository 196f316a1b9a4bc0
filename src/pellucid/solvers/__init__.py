"""Classical deconvolution with a known point spread function."""

from pellucid.solvers.restoration import Restoration as Restoration
from pellucid.solvers.richardson_lucy import richardson_lucy as richardson_lucy
from pellucid.solvers.wiener import wiener as wiener
