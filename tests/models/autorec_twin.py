"""A dense, masked twin of AutoRec's network in float64, from its formula."""

import numpy as np

from tests.reference.autoencoder import column_products as reference
from tests.reference.autoencoder.column_products import table
from tests.reference.autoencoder.panel_units import ACTIVATIONS


def parameters_of(network):
    """Return copies of all parameters of a network in float64, by name."""
    named = {one.name: one.value for one in network.trunk.parameters}
    named["input.weights"] = network.input.rows()
    if not network.is_tied:
        named["output.weights"] = network.output.rows()
    named["output.bias"] = network.output_bias
    return {name: value.astype(np.float64) for name, value in named.items()}


def codes(values, parameters, n_layers, activation, *, batch_norm=False):
    """Return the hidden units of the last layer for a dense table of ratings."""
    f = ACTIVATIONS[activation]
    x = values @ parameters["input.weights"]
    for layer in range(n_layers):
        name = f"hidden.{layer}" if layer else "input"
        if layer:
            x = x @ parameters[f"{name}.weights"]
        if batch_norm:
            x = (x - x.mean(axis=0)) / np.sqrt(x.var(axis=0) + 1e-5)
            x = x * parameters[f"{name}.scale"] + parameters[f"{name}.shift"]
        else:
            x = x + parameters[f"{name}.bias"]
        x = f(x)
    return x


def outputs(hidden, parameters, centres, form):
    """Return the output for every cell, less the centre of its row."""
    weights = parameters.get("output.weights", parameters["input.weights"])
    scores = hidden @ weights.T + parameters["output.bias"]
    return reference.outputs(scores, centres[:, np.newaxis].astype(np.float64), form)


def loss(batch, parameters, n_layers, activation, *, form, **options):
    """Return the mean over rows of the squared errors where there are ratings."""
    rated = batch.column_starts, batch.column_rows
    values, mask = table(*rated, batch.values, len(batch.rows))
    inputs, _ = table(*rated, batch.inputs, len(batch.rows))
    hidden = codes(inputs, parameters, n_layers, activation, **options)
    errors = np.where(mask, outputs(hidden, parameters, batch.centres, form) - values, 0)
    return np.sum(errors**2) / len(errors)


def gradients(batch, parameters, *network, **options):
    """Return the gradient of `loss` by every parameter, by central differences."""
    found = {}
    for name, value in parameters.items():
        found[name] = np.zeros_like(value)
        for at in np.ndindex(value.shape):
            kept, ends = value[at], []
            for step in (1e-6, -1e-6):
                value[at] = kept + step
                ends.append(loss(batch, parameters, *network, **options))
            value[at] = kept
            found[name][at] = (ends[0] - ends[1]) / 2e-6
    return found
