"""Networks in the Beylkin-Coifman-Rokhlin form (need the extra ``train``)."""

from pellucid.nets.bcrnet import BCRNet as BCRNet
from pellucid.nets.bcrnet import BCRNetDesign as BCRNetDesign
