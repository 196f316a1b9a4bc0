"""How good a restoration is, in figures and pictures."""

from pellucid.assess.metrics import fit_gain_offset as fit_gain_offset
from pellucid.assess.metrics import psnr as psnr
from pellucid.assess.metrics import ssim as ssim
from pellucid.assess.spectrum import radial_power_spectrum as radial_power_spectrum
