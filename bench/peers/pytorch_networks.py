"""The networks of ``fastmf``'s deep models, written with PyTorch's modules.

Each is the sum of a few parts: rows of embeddings, their dot product, biases, a stack of dense
layers over the rows side by side. What a model is made of is in `PARTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

# PyTorch is typed as Any here: its own types take a minute to check.
Tensor = Any
ACTIVATIONS = {"relu": nn.ReLU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "selu": nn.SELU}


@dataclass(frozen=True)
class Parts:
    """What a network is the sum of, and its loss."""

    dot: bool = False
    bias: bool = False
    shifted: bool = False  # biases are added to the rows before their product
    stack: bool = False
    features: bool = False
    loss: str = "mse"


PARTS = {
    "dot": Parts(dot=True),
    "bias-dot": Parts(dot=True, bias=True),
    "scaled-dot": Parts(dot=True, bias=True, shifted=True),
    "bce-dot": Parts(dot=True, bias=True, loss="bce"),
    "mlp": Parts(stack=True),
    "residual": Parts(dot=True, bias=True, stack=True),
    "hybrid": Parts(stack=True, features=True),
    "classify": Parts(stack=True, loss="cross_entropy"),
    "interaction": Parts(stack=True, loss="bce"),
    "multitask": Parts(stack=True, loss="multitask"),
}


@dataclass(frozen=True)
class Shape:
    """Sizes and settings of a network.

    Attributes
    ----------
    model : str
        A key of `PARTS`.
    n_users, n_items, factors : int
    hidden : tuple of int
        Units of the hidden layers.
    activation, dropout, batch_norm
        Of the stack.
    input_dropout : float
        Of the embeddings.
    link : {"linear", "sigmoid", "relu"}
        From the output to the rating; a sigmoid spans `low` to `high`, what is rectified is at
        least `low`.
    low, high : float
    offset : float
        Added to the output.
    levels : tuple of float
        What `classify` chooses from.
    loss : str or None
        Another than that of `PARTS`: "mse", "mae", "rmse".
    like_weight, like_offset : float
        Of the second output of `multitask`.
    sparse : bool
        Whether embeddings have sparse gradients.
    """

    model: str
    n_users: int
    n_items: int
    factors: int
    hidden: tuple[int, ...] = ()
    activation: str = "relu"
    dropout: float = 0.0
    input_dropout: float = 0.0
    batch_norm: bool = False
    link: str = "linear"
    low: float = 0.0
    high: float = 1.0
    offset: float = 0.0
    levels: tuple[float, ...] = ()
    loss: str | None = None
    like_weight: float = 1.0
    like_offset: float = 0.0
    sparse: bool = False


class ItemFeatures(NamedTuple):
    """What `hybrid` knows of items besides.

    Attributes
    ----------
    numbers : ndarray of float32
        (n_items, n_numbers).
    texts : ndarray of float32
        (n_texts, n_items, n_levels): for each column of texts the share of each level.
    width : int
        Length of a level's embedding.
    """

    numbers: Any
    texts: Any
    width: int


class Network:
    """A network, its loss and its predictions.

    Parameters
    ----------
    shape : Shape
    features : ItemFeatures, optional
        Of `hybrid`.
    """

    def __init__(self, shape: Shape, features: ItemFeatures | None = None) -> None:
        self.shape, self.parts = shape, PARTS[shape.model]
        self.loss_name = shape.loss or self.parts.loss
        self._n_features, self._numbers, self._texts = 0, None, []
        if features is not None:
            self._numbers = torch.from_numpy(np.array(features.numbers, np.float32))
            self._texts = [torch.from_numpy(np.array(one, np.float32)) for one in features.texts]
            self._n_features = self._numbers.shape[1] + features.width * len(self._texts)
        self.modules = nn.ModuleDict(self._modules(features))

    def _modules(self, features: ItemFeatures | None) -> dict[str, Any]:
        shape, sparse = self.shape, {"sparse": self.shape.sparse}
        modules: dict[str, Any] = {
            "user_rows": nn.Embedding(shape.n_users, shape.factors, **sparse),
            "item_rows": nn.Embedding(shape.n_items, shape.factors, **sparse),
            "row_dropout": nn.Dropout(shape.input_dropout),
        }
        if self.parts.bias:
            modules["user_bias"] = nn.Embedding(shape.n_users, 1, **sparse)
            modules["item_bias"] = nn.Embedding(shape.n_items, 1, **sparse)
        if self.parts.shifted:
            modules["bias"] = nn.ParameterList([torch.zeros(1)])
        if self._texts and features is not None:
            n_levels = self._texts[0].shape[1]
            modules["levels"] = nn.Linear(n_levels, features.width, bias=False)
        if self.parts.stack:
            n_outputs = {"cross_entropy": len(shape.levels), "multitask": 2}
            n_inputs = 2 * shape.factors + self._n_features
            modules["stack"] = stack(shape, n_inputs, n_outputs.get(self.loss_name, 1))
        return modules

    def to_double(self) -> None:
        """Compute in float64 from now on."""
        self.modules.double()
        self._numbers = None if self._numbers is None else self._numbers.double()
        self._texts = [one.double() for one in self._texts]

    @property
    def tables(self) -> list[Any]:
        """Parameters of embeddings."""
        embeddings = [one for one in self.modules.values() if isinstance(one, nn.Embedding)]
        return [one.weight for one in embeddings]

    @property
    def dense(self) -> list[Any]:
        """All other parameters."""
        known = {id(table) for table in self.tables}
        return [one for one in self.modules.parameters() if id(one) not in known]

    def load(self, values: Mapping[str, Any]) -> None:
        """Take values from outside.

        Parameters
        ----------
        values : mapping of str to ndarray
            Of all parameters by PyTorch's names; weights of dense layers are
            (n_outputs, n_inputs).

        Raises
        ------
        ValueError
            A parameter is missing, or there is none of a name.
        """
        named = dict(self.modules.named_parameters())
        if named.keys() != values.keys():
            raise ValueError(f"not the same parameters: {sorted(named.keys() ^ values.keys())}")
        with torch.no_grad():
            for name, parameter in named.items():
                parameter.copy_(torch.from_numpy(np.array(values[name])))

    def output(self, users: Tensor, items: Tensor) -> Tensor:
        """Return (m,) outputs before the link, or (m, n_outputs) where there are several."""
        user_rows, item_rows = self.modules["user_rows"](users), self.modules["item_rows"](items)
        if self.parts.shifted:
            user_rows = user_rows + self.modules["user_bias"](users)
            item_rows = item_rows + self.modules["item_bias"](items)
        drop = self.modules["row_dropout"]
        user_rows, item_rows = drop(user_rows), drop(item_rows)
        output: Any = self.shape.offset
        if self.parts.dot:
            output = output + (user_rows * item_rows).sum(1)
        if self.parts.shifted:
            output = output + self.modules["bias"][0]
        elif self.parts.bias:
            bias = self.modules["user_bias"](users) + self.modules["item_bias"](items)
            output = output + bias.squeeze(1)
        if self.parts.stack:
            inputs = torch.cat([user_rows, item_rows, *self._of_items(items)], 1)
            outputs = self.modules["stack"](inputs)
            output = output + (outputs.squeeze(1) if outputs.shape[1] == 1 else outputs)
        return output

    def _of_items(self, items: Tensor) -> list[Any]:
        texts = [self.modules["levels"](shares[items]) for shares in self._texts]
        return texts if self._numbers is None else [self._numbers[items], *texts]

    def rating(self, output: Tensor) -> Tensor:
        """Return the ratings that outputs stand for, not clipped; likes as probabilities."""
        shape = self.shape
        if self.loss_name == "cross_entropy":
            return functional.softmax(output, 1) @ torch.tensor(shape.levels, dtype=output.dtype)
        if self.loss_name == "multitask":
            output = output[:, 0]
        if self.loss_name == "bce" or shape.link == "sigmoid":
            return shape.low + (shape.high - shape.low) * torch.sigmoid(output)
        return output.clamp(min=shape.low) if shape.link == "relu" else output

    def like(self, output: Tensor) -> Tensor:
        """Return the probabilities of likes of `multitask`."""
        return torch.sigmoid(output[:, 1] + self.shape.like_offset)

    def loss(self, output: Tensor, target: Tensor, liked: Tensor = None) -> Tensor:
        """Return the mean loss of a batch.

        Parameters
        ----------
        output : Tensor
        target : Tensor
            (m,) ratings; 0 to 1 for binary cross-entropy; (m,) int64 places among the levels for
            cross-entropy.
        liked : Tensor, optional
            (m,) zeros and ones of `multitask`.
        """
        name = self.loss_name
        if name == "bce":
            return functional.binary_cross_entropy_with_logits(output, target)
        if name == "cross_entropy":
            return functional.cross_entropy(output, target)
        rating = self.rating(output)
        if name == "mae":
            return functional.l1_loss(rating, target)
        loss = functional.mse_loss(rating, target)
        if name == "rmse":
            return torch.sqrt(loss)
        if name == "multitask":
            scores = output[:, 1] + self.shape.like_offset
            second = functional.binary_cross_entropy_with_logits(scores, liked)
            return loss + self.shape.like_weight * second
        return loss


def stack(shape: Shape, n_inputs: int, n_outputs: int) -> Any:
    """Return the dense layers: weights, batch norm, activation, dropout; then the output layer."""
    layers: list[Any] = []
    for units in shape.hidden:
        layers.append(nn.Linear(n_inputs, units, bias=not shape.batch_norm))
        if shape.batch_norm:
            layers.append(nn.BatchNorm1d(units))
        layers.append(ACTIVATIONS[shape.activation]())
        if shape.dropout:
            layers.append(nn.Dropout(shape.dropout))
        n_inputs = units
    return nn.Sequential(*layers, nn.Linear(n_inputs, n_outputs))
