"""What the microscope does to light: its description, pupil and point spread function."""

from pellucid.optics.microscope import Microscope as Microscope
from pellucid.optics.otf import widefield_otf as widefield_otf
from pellucid.optics.psf import widefield_psf as widefield_psf
