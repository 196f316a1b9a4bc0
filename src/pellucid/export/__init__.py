"""Export of trained networks (needs the extra ``train``)."""
