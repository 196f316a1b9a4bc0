"""s-rBCR and m-rBCR as their paper describes them, with all levels in use.

The networks published with the paper [1]_ set the decomposition level equal to the truncation
level, so that their loops over levels are empty: they hold no wavelet and no locally connected
layer. The networks here run the loops, over four levels by default. K = 12 and RDN = 7 are the
paper's; the numbers it does not give are chosen so that the networks have its sizes, 0.086 and
0.237 million parameters.

========================================  ==============================================
paper                                     here
========================================  ==============================================
Algorithm 1, ``K^T``                      :mod:`pellucid.nets.forward_operator`
Algorithm 2, ``B``                        :mod:`pellucid.nets.pseudodifferential`
Fig. 2, residual dense block              :mod:`pellucid.nets.dense_block`
Fig. 2, s-rBCR                            :mod:`pellucid.nets.srbcr`
Fig. 3, m-rBCR                            :mod:`pellucid.nets.mrbcr`
========================================  ==============================================

Where the paper leaves a choice, the docstring of the class states it, with the reason.

References
----------
.. [1] R. Li, M. Kudryashev, A. Yakimovich, "Solving the inverse problem of microscopy
   deconvolution with a residual Beylkin-Coifman-Rokhlin neural network", ECCV 2024.
"""

from pellucid.nets.forward_operator import ForwardDesign, ForwardOperator
from pellucid.nets.mrbcr import MRBCR, MRBCRDesign, pyramid
from pellucid.nets.pseudodifferential import Pseudodifferential, PseudodifferentialDesign
from pellucid.nets.srbcr import SRBCR, SRBCRDesign

__all__ = [
    "MRBCR",
    "SRBCR",
    "ForwardDesign",
    "ForwardOperator",
    "MRBCRDesign",
    "Pseudodifferential",
    "PseudodifferentialDesign",
    "SRBCRDesign",
    "pyramid",
]
