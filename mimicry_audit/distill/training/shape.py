"""What a student is made of before it is trained: how many of its layers are kept, and how much dropout it is trained with.

Promise: dropout that is asked for is proven on this very model (two passes over the same tokens differ), else refused; it acts
while training and leaves no trace in the checkpoint's configuration. A student with fewer layers keeps the weights of those
that stay, spread evenly over its depth (V. Sanh et al., *DistilBERT*, 2019, section 3: initialise from every other layer).
"""

from __future__ import annotations

import copy
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from mimicry_audit.distill.training.models import load
from mimicry_audit.ground.errors import ConfigError

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

DROPOUTS = (
    "attention_dropout", "attn_dropout", "attn_pdrop", "attention_probs_dropout_prob", "resid_pdrop", "residual_dropout",
    "resid_dropout", "embd_pdrop", "embedding_dropout", "hidden_dropout", "hidden_dropout_prob", "activation_dropout",
    "ffn_dropout", "dropout",
)  # fmt: skip
"""Names that configurations give to the dropout of a model's body (not of a classifier's head)."""

_PER_LAYER = re.compile(r"layer_types$|_layers$")


def dropouts(config: PreTrainedConfig) -> tuple[str, ...]:
    """Which of `DROPOUTS` a configuration has."""
    body = config.get_text_config()
    return tuple(n for n in DROPOUTS if isinstance(getattr(body, n, None), int | float))


def configured(location: str, commit: str | None) -> PreTrainedConfig:
    """A model's configuration."""
    from transformers import AutoConfig

    config: PreTrainedConfig = AutoConfig.from_pretrained(location, revision=commit or "main")
    return config


def demand_dropout(config: PreTrainedConfig, name: str) -> None:
    """Refuse dropout for a model without any.

    Raises:
        ConfigError: its configuration has none.
    """
    if not dropouts(config):
        raise ConfigError(
            f"{name} ({config.model_type}) has no dropout that could be set", "leave --dropout out, or add --adapter"
        )


def demand_layers(config: PreTrainedConfig, layers: int, name: str) -> None:
    """Refuse to keep more layers than there are.

    Raises:
        ConfigError: the student has fewer.
    """
    has = config.get_text_config().num_hidden_layers
    if layers > has:
        raise ConfigError(f"--layers is {layers}, and {name} has {has}", f"give a number from 1 to {has}")


def student(location: str, commit: str | None, dropout: float | None, layers: int) -> PreTrainedModel:
    """A student ready to be trained in float32.

    Args:
        location: of the weights.
        commit: their revision.
        dropout: probability for every dropout of its body; None to leave them as its configuration has them.
        layers: how many of its layers to keep; 0 for all.

    Raises:
        ConfigError: it has no dropout, or its layers cannot be distinguished.
    """
    config = configured(location, commit)
    if dropout is not None:
        for name in dropouts(config):
            setattr(config.get_text_config(), name, dropout)
    model = load(location, commit, config=config)
    if layers:
        model = shrunk(model, layers)
    if dropout and not reached(model):
        raise ConfigError(
            f"dropout does not reach the layers of {config.model_type}", "leave --dropout out, or add --adapter"
        )
    return model


def restore(model: PreTrainedModel, location: str, commit: str | None) -> None:
    """Give a trained model the dropout in its configuration that it had before."""
    before = configured(location, commit)
    for name in dropouts(before):
        setattr(model.config.get_text_config(), name, getattr(before.get_text_config(), name))


def reached(model: PreTrainedModel) -> bool:
    """Whether two training passes over the same tokens differ: then some dropout is at work."""
    device = next(model.parameters()).device
    ids = torch.arange(1, 17, device=device)[None] % model.config.get_text_config().vocab_size
    was = model.training
    model.train()
    try:
        with torch.no_grad(), torch.random.fork_rng():
            one, two = (model(input_ids=ids, use_cache=False).logits for _ in range(2))
    finally:
        model.train(was)
    return not torch.equal(one, two)


def kept(total: int, layers: int) -> list[int]:
    """Which of `total` layers stay: `layers` of them, the first and the last among them, evenly spread."""
    if layers == 1:
        return [0]
    return [round(place * (total - 1) / (layers - 1)) for place in range(layers)]


def shrunk(model: PreTrainedModel, layers: int) -> PreTrainedModel:
    """The model with `layers` of its layers, and everything else as it was.

    Raises:
        ConfigError: it has fewer layers, or they cannot be recognised by the names of its weights.
    """
    from transformers import AutoModelForCausalLM

    total = int(model.config.get_text_config().num_hidden_layers)
    demand_layers(model.config, layers, model.config.model_type)
    layer_numbers = kept(total, layers)
    config = copy.deepcopy(model.config)
    body = config.get_text_config()
    for name, value in vars(body).items():
        if _PER_LAYER.search(name) and isinstance(value, list) and len(value) == total:
            setattr(body, name, [value[n] for n in layer_numbers])
    body.num_hidden_layers = layers
    state = _renumber_layers(model.state_dict(), layer_numbers, total)
    small: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        config, dtype=torch.float32
    )
    try:
        small.load_state_dict(state)
    except RuntimeError:
        raise ConfigError(f"the layers of {config.model_type} cannot be taken apart", "leave --layers out") from None
    small.generation_config = model.generation_config
    small.train(model.training)
    return small


def _renumber_layers(state: Mapping[str, Tensor], layer_numbers: list[int], total: int) -> dict[str, Tensor]:
    """The weights of the layers that stay, under their new numbers, and all weights outside of layers."""
    numbers_by_prefix: dict[str, set[int]] = defaultdict(set)
    parts = {name: re.match(r"(.*?\.)(\d+)(\..+)", name) for name in state}
    for match in parts.values():
        if match:
            numbers_by_prefix[match[1]].add(int(match[2]))
    layered = {prefix for prefix, numbers in numbers_by_prefix.items() if numbers == set(range(total))}
    new = {old: place for place, old in enumerate(layer_numbers)}
    renumbered = {}
    for name, tensor in state.items():
        match = parts[name]
        if match is None or match[1] not in layered:
            renumbered[name] = tensor
        elif int(match[2]) in new:
            renumbered[f"{match[1]}{new[int(match[2])]}{match[3]}"] = tensor
    return renumbered
