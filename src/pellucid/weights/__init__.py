"""Networks that come with pellucid: ONNX files, each with a card (JSON) of its training."""
