"""Small neural networks over embeddings: layers, losses, optimizers and their training.

Dense arithmetic is BLAS in one thread; a batch is cut into shards of rows, and the threads of a
`fastmf.parallel.Team` take shards. What a step computes depends on the batch and not on the number
of threads.
"""

from fastmf.nn.embedding_network import EmbeddingNetwork, Lookup
from fastmf.nn.layers import Dense, Layer
from fastmf.nn.learner import NetworkLearner, TrainingPlan
from fastmf.nn.network import Network
from fastmf.nn.parameters import Parameter
from fastmf.nn.sequential import Sequential, dense_stack
from fastmf.nn.tape import Tape

__all__ = [
    "Dense",
    "EmbeddingNetwork",
    "Layer",
    "Lookup",
    "Network",
    "NetworkLearner",
    "Parameter",
    "Sequential",
    "Tape",
    "TrainingPlan",
    "dense_stack",
]
