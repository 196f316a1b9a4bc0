"""How good the shipped weights are: simulated sets, real pairs, noise, and the best there can be.

    python -m benchmarks.evaluation                       # everything, about 25 minutes
    python -m benchmarks.evaluation --images 20           # a quick look
    python -m benchmarks.evaluation --only real --weights mine=runs/mine/mine.onnx
    python -m benchmarks.evaluation --only physical --checkpoint now=runs/mine

It writes ``benchmarks/results/evaluation.json`` and ``.md``, a few pictures, and
``docs/evaluation.md``. What was computed is kept in ``runs/evaluation`` and never computed twice;
pictures of real images go to ``benchmarks/results/local``, which is not committed.
"""
