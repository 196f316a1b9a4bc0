"""Images with their metadata, read from and written to files."""

from pellucid.io.image import Channel as Channel
from pellucid.io.image import Image as Image
from pellucid.io.image import Objective as Objective
from pellucid.io.image import Voxel as Voxel
from pellucid.io.known_optics import KnownOptics as KnownOptics
from pellucid.io.known_optics import microscope_of as microscope_of
from pellucid.io.read import read_image as read_image
from pellucid.io.write import write_image as write_image
