"""Training of networks on simulated pairs (needs the extra ``train``)."""

from pellucid.train.config import TrainingConfig as TrainingConfig
from pellucid.train.loop import Trainer as Trainer
