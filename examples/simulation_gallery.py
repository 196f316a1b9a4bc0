"""Draw every specimen under every regime, and compare simulated with real widefield spectra.

    python examples/simulation_gallery.py [FOLDER] [REAL]

Writes ``simulation_regimes.png``, ``simulation_specimens.png`` and ``simulation_spectra.png``
into FOLDER (docs/images by default). REAL is a folder of raw BioSR widefield images of
microtubules (``mt_cell*_wf_level01.tif``, 62.6 nm pixels); without it, the spectra of the
simulations alone are drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.assess.contact_sheet import contact_sheet
from pellucid.assess.spectrum import radial_power_spectrum
from pellucid.io import read_image
from pellucid.preview import write_preview
from pellucid.simulate import (
    SPECIMENS,
    Instrument,
    PairStream,
    PhysicalRegime,
    ProceduralSource,
    Regime,
    ThickRegime,
)

SIDE = 300
#: The microscope behind BioSR, as far as it is published, and the exposure of its lowest level.
BIOSR = Instrument(
    pixel_size_um=(0.0626, 0.0626),
    numerical_aperture=(1.41, 1.49),
    emission_nm=(515.0, 535.0),
    peak_photons=(40.0, 100.0),
    background_fraction=(0.1, 0.3),
    read_noise_electrons=(1.5, 2.5),
    attenuation=(0.5, 0.5),
)
REGIMES: dict[str, Regime] = {
    "simulated, in focus (physical)": PhysicalRegime(instrument=BIOSR),
    "simulated, 1 to 2 um deep (thick)": ThickRegime(
        instrument=BIOSR, planes=6, depth_um=(1.0, 2.0), focus=(0.1, 0.7)
    ),
}
BANDS = ((0.01, 0.04), (0.04, 0.1), (0.1, 0.2), (0.2, 0.3), (0.3, 0.5))


def specimens(path: Path) -> None:
    """Draw eight fields of every kind of specimen as the camera would see it without blur."""
    rows = []
    for kind in SPECIMENS:
        source = ProceduralSource(
            needs=PhysicalRegime().needs, seed=11, pixels=160, kinds=(kind,), others=0.0
        )
        rows.append([source.draw(number).scene.truth for number in range(8)])
    sheet = contact_sheet(rows, rows=list(SPECIMENS), columns=list("12345678"), inches=1.1)
    path.write_bytes(sheet)


def mean_spectrum(images: list[NDArray[np.floating]]) -> tuple[NDArray, NDArray]:
    """Return the geometric mean of the images' spectra, each scaled to its power below Nyquist."""
    logs = []
    for image in images:
        frequency, power = radial_power_spectrum(image)
        logs.append(np.log(power / power[(frequency > 0.02) & (frequency < 0.3)].sum()))
    return frequency, np.exp(np.mean(logs, axis=0))


def spectra(path: Path, real: Path | None) -> None:
    """Draw mean power spectra of simulated and real widefield microtubules."""
    lines = {}
    for name, regime in REGIMES.items():
        source = ProceduralSource(
            needs=regime.needs, seed=5, pixels=SIDE, kinds=("filaments",), others=0.0
        )
        stream = PairStream(source, regime=regime, seed=5, size=SIDE)
        count = 12 if real else 2
        lines[name] = mean_spectrum([stream.acquisition(i).recorded for i in range(count)])
    if real is not None:
        crops = [
            read_image(file).data[y : y + SIDE, x : x + SIDE]
            for file in sorted(real.glob("mt_cell*_wf_level01.tif"))
            for y in (0, 200)
            for x in (0, 200)
        ]
        lines["real (BioSR, lowest signal, 11 cells)"] = mean_spectrum(crops)
    figure = Figure(figsize=(7.0, 4.2), layout="constrained", dpi=90)
    axis = figure.subplots()
    for name, (frequency, power) in lines.items():
        axis.semilogy(frequency[2:], power[2:], label=name)
    axis.set(
        xlabel="spatial frequency (cycles per pixel)",
        ylabel="power over power from 0.02 to 0.3",
        title="widefield microtubules, 62.6 nm pixels",
    )
    axis.legend(frameon=False)
    figure.savefig(path)
    if real is not None:
        frequency, truth = lines["real (BioSR, lowest signal, 11 cells)"]
        for name in REGIMES:
            gaps = []
            for low, high in BANDS:
                band = (frequency >= low) & (frequency < high)
                ratio = truth[band].mean() / lines[name][1][band].mean()
                gaps.append(f"{low:g}-{high:g}: {10 * np.log10(ratio):+.1f}")
            print(f"real against {name}, dB: {', '.join(gaps)}")


def main() -> None:
    """Draw all figures."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/images")
    real = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    folder.mkdir(parents=True, exist_ok=True)
    regimes = ("paper", "released", "physical", "thick")
    sheet = folder / "simulation_regimes.png"
    write_preview(sheet, regimes=regimes, kinds=tuple(SPECIMENS), overwrite=True)
    specimens(folder / "simulation_specimens.png")
    spectra(folder / "simulation_spectra.png", real)


if __name__ == "__main__":
    main()
