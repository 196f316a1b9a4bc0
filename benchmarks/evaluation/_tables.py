"""The figures as Markdown tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from benchmarks.evaluation._pairs import ASSUMED
from benchmarks.evaluation._real import RL_ORACLE
from benchmarks.evaluation._scores import INPUT, LMMSE, RL, RL_MORE, TV
from benchmarks.evaluation._sets import CLASSES, LEVELS, PICTURE_CLASS
from benchmarks.evaluation._summary import ALL

#: Rows no network makes, in the order of the tables.
CLASSICAL = (INPUT, LMMSE, RL, RL_MORE, TV)
#: Marks of the table of real pairs.
WORSE, FAR_BELOW = "↓", "‡"
_NONE = "-"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def set_tables(figures: Mapping[str, Any]) -> str:
    """Return the tables of a simulated set: overall, by class, by photons."""
    rows, groups = figures["rows"], figures["groups"]
    names = [name for name in _order(rows) if ALL in rows[name]]
    overall = table(
        ["", "PSNR, dB", "SSIM", "against the better of RL and TV, dB", "PSNR without a fit, dB"],
        [
            [
                name,
                _span(rows[name][ALL]["psnr_db"]),
                _span(rows[name][ALL]["ssim"], digits=3),
                _span(rows[name][ALL].get("gain_db"), sign=True),
                f"{rows[name][ALL]['raw_psnr_db'][0]:.2f}",
            ]
            for name in names
        ],
    )
    classes = [c for c in (*dict.fromkeys(CLASSES.values()), PICTURE_CLASS) if c in groups]
    levels = [
        level
        for low, high in pairwise(LEVELS)
        if (level := f"{low:g} to {high:g} photons") in groups
    ]
    parts = [
        f"Means over {groups[ALL]} images, with 95 % intervals (set {figures['fingerprint']}).",
        overall,
        "PSNR by class of specimen, dB; of the networks, in brackets, against the better of RL "
        "and TV:",
        _by_group(rows, names, classes, groups),
    ]
    if levels:
        parts += ["The same by photons at the peak:", _by_group(rows, names, levels, groups)]
    return "\n\n".join(parts)


def real_table(figures: Mapping[str, Any]) -> str:
    """Return the table of real pairs: PSNR and SSIM of every image, and means."""
    pairs = figures["pairs"]
    if not pairs:
        return "No real pairs."
    names = list(dict.fromkeys(row for pair in pairs.values() for row in pair["rows"]))
    lines = []
    for group in dict.fromkeys(pair["group"] for pair in pairs.values()):
        members = {name: pair for name, pair in pairs.items() if pair["group"] == group}
        for name, pair in members.items():
            lines.append([f"{name} ({group})", *(_real_cell(pair["rows"].get(n)) for n in names)])
        if len(members) > 1:
            lines.append(_mean_line(f"**mean, {group}**", members, names))
    lines.append(_mean_line("**mean of all**", pairs, names))
    resolved = [
        [
            name,
            *(_resolution(pair["rows"].get(row), 1e3 * pair["pixel_size_um"]) for row in names),
        ]
        for name, pair in pairs.items()
    ]
    return "\n\n".join(
        [
            f"PSNR in dB and SSIM after a gain-and-offset fit; {WORSE} worse than the input, "
            f"{FAR_BELOW} more than 1 dB below Richardson-Lucy at its best aperture and iteration.",
            table(["image", *names], lines),
            "Fourier ring correlation with the truth: finest period with a correlation of 1/7, nm "
            "(pixels as stated or assumed; 2 pixels is all there can be):",
            table(["image", *names], resolved),
            ASSUMED
            + " Shifts found and undone, pixels: "
            + "; ".join(
                f"{name} {', '.join(f'{s:+.2f}' for s in pair['shift_pixels'])}"
                for name, pair in pairs.items()
            )
            + ". Richardson-Lucy at its best: "
            + "; ".join(_how(name, pair) for name, pair in pairs.items())
            + ".",
        ]
    )


def noise_table(figures: Mapping[str, Any]) -> str:
    """Return the table of what is left of noise alone."""
    return table(
        ["", "standard deviation of the output, share of the input's"],
        [[name, _span(share, digits=3)] for name, share in figures["networks"].items()],
    )


def ladder_table(figures: Mapping[str, Any]) -> str:
    """Return the ladder of the physical set: from the image to the best there is."""
    rows, costs = figures["rows"], figures["costs"]
    reached: list[tuple[float, list[str]]] = []
    raw, fitted = rows[INPUT][ALL]["raw_psnr_db"], rows[INPUT][ALL]["psnr_db"]
    lines = [
        ["input as recorded", f"{raw[0]:.2f}", "", "nothing", "", ""],
        [
            "input, gain and offset fitted",
            f"{fitted[0]:.2f}",
            "0.00",
            "the truth's mean and range",
            "2",
            "",
        ],
    ]
    for name in _order(rows):
        if name == INPUT or ALL not in rows[name]:
            continue
        mean = rows[name][ALL]["psnr_db"][0]
        cost = costs.get(name, {})
        knows = _KNOWS.get(name) or ("optics, noise measured" if cost.get("told") else "nothing")
        counts = [_thousands(cost.get("parameters")), _millions(cost.get("products"))]
        line = [name, f"{mean:.2f}", f"{mean - fitted[0]:+.2f}", knows, *counts]
        reached.append((mean, line))
    lines += [line for _, line in sorted(reached, key=lambda pair: pair[0])]
    return table(
        ["", "PSNR, dB", "above the input", "knows", "parameters", "multiply-adds, M"], lines
    )


def leave_out_table(figures: Mapping[str, Any]) -> str:
    """Return how networks do on the class of specimen they were never shown."""
    return table(
        [
            "class",
            "images",
            "input",
            "without it",
            "with it",
            "difference, dB",
            "without it, against the better of RL and TV, dB",
        ],
        [
            [
                name,
                str(one["images"]),
                f"{one['input_psnr_db']:.2f}",
                f"{one['without_psnr_db']:.2f}",
                f"{one['with_psnr_db']:.2f}",
                _span(one["difference_db"], sign=True),
                _span(one["gain_db"], sign=True),
            ]
            for name, one in figures["classes"].items()
        ],
    )


#: What the rows of the ladder that no network makes know.
_KNOWS = {
    LMMSE: "optics, noise, mean spectrum",
    RL: "optics, truth (to stop)",
    RL_MORE: "optics, truth (to stop)",
    TV: "optics, truth (for the strength)",
}


def _order(rows: Mapping[str, Any]) -> list[str]:
    classical = [name for name in CLASSICAL if name in rows]
    return [*classical, *(name for name in rows if name not in CLASSICAL)]


def _by_group(
    rows: Mapping[str, Any],
    names: Sequence[str],
    wanted: Sequence[str],
    groups: Mapping[str, int],
) -> str:
    header = ["", *(f"{group} ({groups[group]})" for group in wanted)]
    return table(header, [[name, *(_cell(rows, name, g) for g in wanted)] for name in names])


def _cell(rows: Mapping[str, Any], name: str, group: str) -> str:
    found = rows[name].get(group)
    if found is None:
        return _NONE
    text = f"{found['psnr_db'][0]:.2f}"
    if name not in CLASSICAL and "gain_db" in found:
        text += f" ({found['gain_db'][0]:+.2f})"
    return text


def _span(values: Sequence[float] | None, *, digits: int = 2, sign: bool = False) -> str:
    if values is None:
        return _NONE
    mean, low, high = (f"{v:+.{digits}f}" if sign else f"{v:.{digits}f}" for v in values)
    return f"{mean} ({low} to {high})"


def _real_cell(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return _NONE
    marks = WORSE * row["worse_than_input"] + FAR_BELOW * row["far_below_richardson_lucy"]
    return f"{row['psnr_db']:.2f} / {row['ssim']:.3f}" + (f" {marks}" if marks else "")


def _mean_line(label: str, pairs: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    line = [label]
    for name in names:
        rows = [pair["rows"].get(name) for pair in pairs.values()]
        if None in rows:
            line.append(_NONE)
            continue
        psnr, ssim = (sum(r[key] for r in rows) / len(rows) for key in ("psnr_db", "ssim"))
        line.append(f"{psnr:.2f} / {ssim:.3f}")
    return line


def _resolution(row: Mapping[str, Any] | None, pixel_nm: float) -> str:
    if row is None:
        return _NONE
    resolved = row["resolved_per_pixel"]
    return "none" if resolved <= 0 else f"{pixel_nm / resolved:.0f}"


def _how(name: str, pair: Mapping[str, Any]) -> str:
    return f"{name} {pair['rows'][RL_ORACLE]['how']}"


def _thousands(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _millions(number: int | None) -> str:
    return "" if number is None else f"{number / 1e6:.0f}"
