"""The command: every piece of the evaluation asked for, then the files."""

from __future__ import annotations

import os

# One thread an operator: images are spread over processes instead.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import sys
import time
from collections.abc import Sequence

from benchmarks.evaluation._options import parse
from benchmarks.evaluation._run import evaluate

from pellucid.errors import PellucidError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the evaluation and say what was written."""
    start = time.monotonic()
    try:
        written = evaluate(parse(arguments))
    except PellucidError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 2
    print(f"{(time.monotonic() - start) / 60:.1f} minutes; written:")
    for path in written:
        print(f"  {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
