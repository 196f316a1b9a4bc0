"""Networks in the Beylkin-Coifman-Rokhlin form (need the extra ``train``)."""

from pellucid.nets.bcrnet import BCRNet as BCRNet
from pellucid.nets.bcrnet import BCRNetDesign as BCRNetDesign
from pellucid.nets.cost import multiply_adds as multiply_adds
from pellucid.nets.described import MRBCR as MRBCR
from pellucid.nets.described import SRBCR as SRBCR
from pellucid.nets.described import ForwardDesign as ForwardDesign
from pellucid.nets.described import MRBCRDesign as MRBCRDesign
from pellucid.nets.described import PseudodifferentialDesign as PseudodifferentialDesign
from pellucid.nets.described import SRBCRDesign as SRBCRDesign
from pellucid.nets.fused import FusedBCRNet as FusedBCRNet
from pellucid.nets.minmax import MinMaxBCRNet as MinMaxBCRNet
from pellucid.nets.reach import receptive_reach as receptive_reach
from pellucid.nets.registry import NETWORKS as NETWORKS
from pellucid.nets.registry import Network as Network
from pellucid.nets.registry import named_network as named_network
from pellucid.nets.released import MRBCRReleased as MRBCRReleased
from pellucid.nets.released import SRBCRReleased as SRBCRReleased
from pellucid.nets.released_weights import load_released as load_released
