"""Training of networks on simulated pairs (needs the extra ``train``)."""

from pellucid.train.config import TrainingConfig as TrainingConfig
from pellucid.train.data import PairBatches as PairBatches
from pellucid.train.loop import Trainer as Trainer
from pellucid.train.losses import l1 as l1
from pellucid.train.losses import log_mse as log_mse
from pellucid.train.losses import mse as mse
from pellucid.train.losses import mse_fourier as mse_fourier
from pellucid.train.losses import released_loss as released_loss
from pellucid.train.losses_noisy import DataDomain as DataDomain
from pellucid.train.losses_noisy import data_domain_loss as data_domain_loss
from pellucid.train.noisy_only import Noise2NoisePairs as Noise2NoisePairs
from pellucid.train.noisy_only import RecorruptedPairs as RecorruptedPairs
from pellucid.train.real_pairs import RealPairs as RealPairs
from pellucid.train.recorrupt import recorrupted as recorrupted
