"""Blur by a point spread function that is the same everywhere."""

from __future__ import annotations

from typing import Any, final

from pellucid.imaging._arrays import as_shape
from pellucid.imaging._boundary import Boundary
from pellucid.imaging._convolution import Convolution, as_kernel
from pellucid.imaging._fft import multiply_by_conjugate
from pellucid.imaging.operator import LinearOperator


@final
class Blur(LinearOperator):
    """Convolve a scene with a point spread function and keep what the camera sees of it.

    All by FFT in float32, with an exact adjoint.

    Parameters
    ----------
    psf : array, same number of axes as the image
        Not negative; centred on the sample ``n // 2`` of every axis; scaled here to sum to
        one. Negative values up to a millionth of the maximum count as rounding and become
        zero.
    image_shape : tuple of int
        Shape of the image; one, two or three axes, or more.
    boundary : {"extended", "periodic", "reflect"}
        What the scene is beyond the frame:

        * ``extended``: unknown, and part of the scene, which is larger than the image by the
          reach of the point spread function on every side. Restorations then show no ringing
          from the frame [1]_. `apply` is a valid convolution without wrap-around.
        * ``periodic``: the scene again. A point spread function larger than the image is
          wrapped round as well.
        * ``reflect``: the scene mirrored at the edges of its outermost pixels, as often as
          the point spread function reaches (``numpy.pad`` calls it "symmetric"). A uniform
          scene stays uniform; the total of others is kept if the point spread function is
          its own mirror image along every axis.
    like : array, optional
        Scenes and images are arrays of its library (numpy, torch) on its device; numpy if not
        given, whatever `psf` is.

    Attributes
    ----------
    camera : tuple of slice
        The part of a scene that the camera sees; all of it unless the scene is extended.
    grid_shape : tuple of int
        Samples that are Fourier transformed.
    boundary : str

    Raises
    ------
    OpticsError
        If the point spread function has other axes than the image, is not finite, negative
        or sums to zero.
    ImageError
        If `image_shape` is no shape.
    SettingsError
        If there is no such boundary.

    References
    ----------
    .. [1] M. Bertero and P. Boccacci, "A simple method for the reduction of boundary effects
       in the Richardson-Lucy approach to image deconvolution", A&A 437, 369-374 (2005).
    """

    def __init__(
        self,
        psf: Any,
        image_shape: tuple[int, ...],
        *,
        boundary: Boundary = "extended",
        like: Any = None,
    ) -> None:
        self.output_shape = as_shape(image_shape, "an image")
        kernel = as_kernel(psf, len(self.output_shape))
        self._convolution = Convolution(kernel.shape, self.output_shape, boundary, like)
        self._transfer = self._convolution.transfer(kernel)
        self.boundary = boundary
        self.input_shape = self._convolution.scene_shape
        self.camera = self._convolution.camera
        self.grid_shape = self._convolution.grid_shape
        self.like = self._convolution.like

    def apply(self, x: Any) -> Any:
        """Return the image of a scene, float32 of shape `output_shape`."""
        convolution = self._convolution
        spectrum = convolution.scene_spectrum(convolution.scene(x))
        spectrum *= self._transfer
        return convolution.image_of(spectrum)

    def adjoint(self, y: Any) -> Any:
        """Spread an image back over the scene, float32 of shape `input_shape`."""
        convolution = self._convolution
        spectrum = convolution.image_spectrum(convolution.image(y))
        return convolution.scene_of(multiply_by_conjugate(spectrum, self._transfer))
