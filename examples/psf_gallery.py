"""Draw the point spread function of every modality, and what the paper calls widefield.

    python examples/psf_gallery.py [FOLDER]

Writes ``psf_gallery.png``, ``psf_aberrations.png`` and ``psf_paper_widefield.png`` into FOLDER
(docs/images by default).
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from pellucid.optics import (
    Confocal,
    Layers,
    LightSheet,
    Microscope,
    SpinningDisk,
    Sted,
    TwoPhoton,
    Widefield,
    paper_microscope,
    point_spread_function,
)

SCOPE = Microscope(
    numerical_aperture=1.2,
    emission_nm=525,
    excitation_nm=488,
    refractive_index=1.333,
    pixel_size_um=0.03,
    z_step_um=0.06,
    theory="vectorial",
)
MODALITIES = {
    "widefield": SCOPE,
    "light sheet, 1 um": replace(SCOPE, modality=LightSheet(thickness_um=1.0)),
    "spinning disk, 0.5 / 2.5 um": replace(
        SCOPE, modality=SpinningDisk(pinhole_um=0.5, spacing_um=2.5)
    ),
    "confocal, 1 Airy unit": replace(SCOPE, modality=Confocal(airy_units=1.0)),
    "two-photon, 920 nm": replace(SCOPE, modality=TwoPhoton(), excitation_nm=920),
    "STED, saturation 20": replace(SCOPE, modality=Sted(saturation=20.0)),
}
ABERRATIONS = {
    "none": SCOPE,
    "spherical, 0.1 waves rms": replace(SCOPE, zernike_waves=((12, 0.1),)),
    "coma, 0.1 waves rms": replace(SCOPE, zernike_waves=((8, 0.1),)),
    "astigmatism, 0.1 waves rms": replace(SCOPE, zernike_waves=((5, 0.1),)),
    "coverslip 190 um, n 1.525": replace(
        SCOPE, layers=Layers(specimen_index=1.333, coverslip_um=190.0, coverslip_index=1.525)
    ),
    "20 um deep in n 1.38": replace(SCOPE, layers=Layers(specimen_index=1.38, depth_um=20.0)),
}


def side_views(scopes: dict[str, Microscope], path: Path) -> None:
    """Draw the plane through the axis of each, on a logarithmic scale."""
    figure = Figure(figsize=(10.5, 6.4), layout="constrained", dpi=90)
    panels = figure.subplots(2, 3)
    shape = (81, 1, 101)
    for panel, (name, scope) in zip(panels.flat, scopes.items(), strict=True):
        view = point_spread_function(scope, shape).data[:, 0]
        shown = panel.imshow(
            np.log10(np.maximum(view / view.max(), 1e-4)),
            extent=(-1.515, 1.515, 2.43, -2.43),
            cmap="inferno",
            vmin=-4,
            vmax=0,
        )
        panel.set_title(name, fontsize=10)
        panel.set(xlabel="x (um)", ylabel="z (um)")
    figure.colorbar(shown, ax=panels, label="log10 of intensity over peak", shrink=0.7)
    figure.savefig(path)


def paper_widefield(path: Path) -> None:
    """Show that Eq. 2 with a pinhole of 1000 um is the excitation, not the emission."""
    wide = paper_microscope(
        "widefield", numerical_aperture=0.8, excitation_nm=460, emission_nm=600, pixel_size_um=0.02
    )
    confocal = replace(wide, modality=Confocal(pinhole_um=0.1))
    emission = replace(wide, modality=Widefield())
    excitation = replace(emission, emission_nm=460)
    lines = {
        "emission alone, h_em (600 nm): a camera image": (emission, "-"),
        "Eq. 2, pinhole 1000 um: the paper's widefield": (wide, "-"),
        "excitation alone, h_ex (460 nm)": (excitation, "--"),
        "Eq. 2, pinhole 0.1 um: the paper's confocal": (confocal, "-"),
    }
    figure = Figure(figsize=(7.0, 4.6), layout="constrained", dpi=90)
    panel = figure.subplots()
    for name, (scope, style) in lines.items():
        row = point_spread_function(scope, (1, 101)).data[0]
        panel.plot((np.arange(101) - 50) * 0.02, row / row.max(), style, label=name)
    panel.set(xlabel="x (um)", ylabel="intensity over peak", title="NA 0.8, n 1.33, in focus")
    figure.legend(fontsize=8, frameon=False, loc="outside lower center", ncols=2)
    figure.savefig(path)


def main() -> None:
    """Draw all figures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images")
    folder.mkdir(parents=True, exist_ok=True)
    side_views(MODALITIES, folder / "psf_gallery.png")
    side_views(ABERRATIONS, folder / "psf_aberrations.png")
    paper_widefield(folder / "psf_paper_widefield.png")


if __name__ == "__main__":
    main()
