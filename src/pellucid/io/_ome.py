"""OME-XML: the part of it that pellucid keeps, read and written."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, final
from xml.etree import ElementTree as ET

from pellucid.io.image import Channel, Image, Objective, Voxel, finite_positive

_NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
_SCHEMA = f"{_NAMESPACE} {_NAMESPACE}/ome.xsd"

#: Lengths in micrometres and times in seconds, by the OME symbol of their unit.
_MICROMETRES = MappingProxyType(
    {
        "pm": 1e-6, "Å": 1e-4, "nm": 1e-3, "µm": 1.0, "\u03bcm": 1.0, "um": 1.0,
        "mm": 1e3, "cm": 1e4, "m": 1e6, "in": 25_400.0,
    }
)  # fmt: skip
_SECONDS = MappingProxyType(
    {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
)

#: Refractive index of the immersion media the OME data model names.
_IMMERSION = MappingProxyType(
    {"Air": 1.0, "Water": 1.333, "WaterDipping": 1.333, "Glycerol": 1.47, "Oil": 1.515}
)
_PIXEL_TYPES = MappingProxyType({"float32": "float", "float64": "double"})


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class OmeMetadata:
    """What a file's OME-XML says of its first image."""

    voxel: Voxel = field(default_factory=Voxel)
    channels: tuple[Channel, ...] = ()
    objective: Objective = field(default_factory=Objective)


def parse_ome(xml: str) -> OmeMetadata:
    """Read OME-XML; what it does not say or says in an unknown unit stays None.

    Raises
    ------
    xml.etree.ElementTree.ParseError
        If the text is not XML.
    """
    root = ET.fromstring(xml)  # noqa: S314  tifffile parses the same text before us
    image = root.find("{*}Image")
    pixels = image.find("{*}Pixels") if image is not None else None
    if image is None or pixels is None:
        return OmeMetadata()
    voxel = Voxel(
        pixel_size_um=_quantity(pixels, "PhysicalSizeX", _MICROMETRES, "µm"),
        pixel_size_y_um=_quantity(pixels, "PhysicalSizeY", _MICROMETRES, "µm"),
        z_step_um=_quantity(pixels, "PhysicalSizeZ", _MICROMETRES, "µm"),
        time_step_s=_quantity(pixels, "TimeIncrement", _SECONDS, "s"),
    )
    return OmeMetadata(
        voxel=voxel,
        channels=tuple(_channel(element) for element in pixels.findall("{*}Channel")),
        objective=_objective(root, image),
    )


def _channel(element: ET.Element) -> Channel:
    emission = _quantity(element, "EmissionWavelength", _MICROMETRES, "nm")
    excitation = _quantity(element, "ExcitationWavelength", _MICROMETRES, "nm")
    return Channel(
        name=element.get("Name"),
        emission_nm=None if emission is None else 1e3 * emission,
        excitation_nm=None if excitation is None else 1e3 * excitation,
    )


def _objective(root: ET.Element, image: ET.Element) -> Objective:
    settings = image.find("{*}ObjectiveSettings")
    objectives = root.findall("{*}Instrument/{*}Objective")
    if settings is not None:
        objectives = [o for o in objectives if o.get("ID") == settings.get("ID")]
    elif len(objectives) > 1:  # which of them took the image is not said
        objectives = []
    aperture = _number(objectives[0].get("LensNA")) if objectives else None
    index = _number(settings.get("RefractiveIndex")) if settings is not None else None
    if index is None and objectives:
        index = _IMMERSION.get(objectives[0].get("Immersion", ""))
    return Objective(numerical_aperture=aperture, refractive_index=index)


def _number(text: str | None) -> float | None:
    try:
        return finite_positive(float(text)) if text is not None else None
    except ValueError:
        return None


def _quantity(
    element: ET.Element, name: str, units: Mapping[str, float], default_unit: str
) -> float | None:
    value = _number(element.get(name))
    unit = units.get(element.get(f"{name}Unit", default_unit))
    # Rounded to 12 digits, so that 65 nm reads 0.065 um.
    return None if value is None or unit is None else float(f"{value * unit:.12g}")


def build_ome(image: Image, annotation: Mapping[str, Any] | None = None) -> bytes:
    """Describe an image whose planes follow one another in the order of its axes.

    Parameters
    ----------
    image : Image
    annotation : mapping, optional
        How the image was made; kept as JSON in a comment annotation.

    Returns
    -------
    bytes
        UTF-8 encoded OME-XML.
    """
    root = ET.Element(
        "OME",
        {
            "xmlns": _NAMESPACE,
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:schemaLocation": _SCHEMA,
            "Creator": "pellucid",
        },
    )
    objective = image.objective
    described = objective.numerical_aperture or objective.refractive_index
    if described:
        instrument = ET.SubElement(root, "Instrument", ID="Instrument:0")
        _element(instrument, "Objective", ID="Objective:0", LensNA=objective.numerical_aperture)
    element = ET.SubElement(root, "Image", ID="Image:0", Name="Image0")
    if described:
        ET.SubElement(element, "InstrumentRef", ID="Instrument:0")
        _element(
            element,
            "ObjectiveSettings",
            ID="Objective:0",
            RefractiveIndex=objective.refractive_index,
        )
    _pixels(element, image)
    if annotation:
        ET.SubElement(element, "AnnotationRef", ID="Annotation:0")
        annotations = ET.SubElement(root, "StructuredAnnotations")
        comment = ET.SubElement(
            annotations, "CommentAnnotation", ID="Annotation:0", Namespace="pellucid/restoration"
        )
        ET.SubElement(comment, "Value").text = json.dumps(annotation, ensure_ascii=False)
    xml: bytes = ET.tostring(root, encoding="UTF-8", xml_declaration=True)
    return xml


def _pixels(parent: ET.Element, image: Image) -> None:
    stacked = image.axes[:-2][::-1]
    order = "XY" + stacked + "".join(a for a in "ZCT" if a not in stacked)
    voxel, kind = image.voxel, str(image.data.dtype)
    pixels = _element(
        parent,
        "Pixels",
        ID="Pixels:0",
        DimensionOrder=order,
        Type=_PIXEL_TYPES.get(kind, kind),
        **{f"Size{axis}": image.size(axis) for axis in "XYZCT"},
        PhysicalSizeX=voxel.pixel_size_um,
        PhysicalSizeY=voxel.pixel_size_y_um,
        PhysicalSizeZ=voxel.z_step_um,
        TimeIncrement=voxel.time_step_s,
    )
    for index in range(image.size("C")):
        channel = image.channel(index)
        _element(
            pixels,
            "Channel",
            ID=f"Channel:0:{index}",
            SamplesPerPixel=1,
            Name=channel.name,
            EmissionWavelength=channel.emission_nm,
            ExcitationWavelength=channel.excitation_nm,
        )
    ET.SubElement(pixels, "TiffData")


def _element(parent: ET.Element, tag: str, **attributes: str | float | None) -> ET.Element:
    """Add an element with the attributes that have a value."""
    return ET.SubElement(
        parent,
        tag,
        {
            key: value if isinstance(value, str) else f"{value:.15g}"
            for key, value in attributes.items()
            if value is not None
        },
    )
