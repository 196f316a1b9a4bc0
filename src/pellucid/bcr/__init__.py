"""The theory of Beylkin, Coifman and Rokhlin: wavelets, nonstandard form, banded operators."""

from pellucid.bcr.banded import BandedForm as BandedForm
from pellucid.bcr.dense import Level as Level
from pellucid.bcr.dense import NonstandardForm as NonstandardForm
from pellucid.bcr.norms import OperatorError as OperatorError
from pellucid.bcr.operators import airy_blur_matrix as airy_blur_matrix
from pellucid.bcr.operators import convolution_matrix as convolution_matrix
from pellucid.bcr.operators import gaussian_blur_matrix as gaussian_blur_matrix
from pellucid.bcr.operators import regularised_inverse as regularised_inverse
from pellucid.bcr.operators import singular_integral_matrix as singular_integral_matrix
from pellucid.bcr.symbol import SymbolForm as SymbolForm
from pellucid.bcr.symbol import kernel_symbol as kernel_symbol
from pellucid.bcr.transform import Coefficients as Coefficients
from pellucid.bcr.transform import decompose as decompose
from pellucid.bcr.transform import reconstruct as reconstruct
from pellucid.bcr.wavelets import WAVELETS as WAVELETS
from pellucid.bcr.wavelets import Wavelet as Wavelet
from pellucid.bcr.wiener import NonstandardWiener as NonstandardWiener
from pellucid.bcr.wiener import nonstandard_wiener as nonstandard_wiener
