"""Loading the two models of a distillation, and reading their predictions at chosen positions only.

Promise: the student is trained from float32 weights (under bf16 autocast on a GPU), the teacher is frozen and in evaluation
mode. `Reader` never makes logits for a position that carries no loss, and where it can prove for this very model that its
output layer alone turns hidden states into its logits, it leaves that layer to the loss, which then works in chunks: models
that scale or cap their logits fail the proof and are read the long way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

from mimicry_audit.distill.training.examples import Side, end_token
from mimicry_audit.engines.fingerprint import Weights, find_model
from mimicry_audit.engines.hardware import version_of
from mimicry_audit.engines.invented import refuse_invented_weights
from mimicry_audit.engines.names import parse_model
from mimicry_audit.engines.template import ChatTemplate
from mimicry_audit.ground.errors import ConfigError, PrerequisiteError, first_line
from mimicry_audit.records.asked import ModelSpec

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

_LOCAL = ("hf", "vllm")
ROUNDING = 1e-3
"""Of the largest logit: a difference below this comes from the order of additions."""


@dataclass(frozen=True, slots=True)
class Source:
    """A model whose weights can be loaded here.

    Attributes:
        spec: as named.
        weights: as found.
        side: its tokens.
    """

    spec: ModelSpec
    weights: Weights
    side: Side


def weights_spec(name: str, what: str, chat_template: str | None = None) -> ModelSpec:
    """The spec of a model whose weights are needed; names without an engine mean transformers.

    Raises:
        ConfigError: the name is wrong, or names a model without weights.
    """
    options = {} if chat_template is None else {"chat_template": chat_template}
    spec = parse_model(name, default_engine="hf", options=options)
    if spec.engine not in _LOCAL:
        raise ConfigError(f"{what} needs weights, and {name} has none", "give a folder, a Hub id or lab/NAME")
    if spec.adapter is not None:
        raise ConfigError(f"{what} cannot be a base with an adapter", "merge the adapter first")
    return spec


def source(spec: ModelSpec) -> Source:
    """Where a model is and how it spells; loads its tokenizer and configuration only."""
    from transformers import AutoConfig

    weights = find_model(spec)
    template = ChatTemplate(weights, spec.options.get("chat_template"))
    try:
        config = AutoConfig.from_pretrained(weights.location, revision=weights.commit or "main").get_text_config()
    except (OSError, ValueError, KeyError) as error:
        raise PrerequisiteError(
            f"transformers {version_of('transformers')} cannot read the configuration of {weights.name} "
            f"({first_line(error)})",
            "check the folder, or try a newer transformers",
        ) from None
    stops = weights.json("generation_config.json").get("eos_token_id")
    ends = stops if isinstance(stops, list) else [stops]
    stop_tokens = {int(token) for token in (*ends, template.tokenizer.eos_token_id) if token is not None}
    context = getattr(config, "max_position_embeddings", None)
    return Source(spec, weights, Side(template, end_token(template, sorted(stop_tokens)), context))


def load(
    location: str, commit: str | None, *, half: bool = False, config: PreTrainedConfig | None = None
) -> PreTrainedModel:
    """A causal language model in float32, or in bfloat16; under another configuration than its own where one is given.

    Raises:
        PrerequisiteError: transformers cannot load it, or the checkpoint lacks weights.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    more = {} if config is None else {"config": config}
    had_progress_bar = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            location,
            revision=commit or "main",
            dtype=torch.bfloat16 if half else torch.float32,
            output_loading_info=True,
            **more,
        )
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        raise PrerequisiteError(
            f"transformers {version_of('transformers')} cannot load {Path(location).name} ({first_line(error)})",
            "check the folder, or try a newer transformers",
        ) from None
    finally:
        if had_progress_bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    model: PreTrainedModel = loaded[0]
    if config is None:  # under another configuration, weights may rightly be left out
        refuse_invented_weights(Path(location).name, loaded[1])
    return model


@dataclass(frozen=True, slots=True)
class Read:
    """Predictions at N positions, before or after the output layer.

    Attributes:
        features: ``(N, H)`` hidden states, or ``(N, V)`` logits.
        project: turns rows of `features` into rows of logits.
    """

    features: Tensor
    project: Callable[[Tensor], Tensor]


class Reader:
    """Reads a model's predictions at chosen positions.

    Args:
        model: a causal language model; wrapped for several processes or not.
        whole: never take the output layer apart (several processes: a wrapped model must be called as a whole).
    """

    def __init__(self, model: nn.Module, *, whole: bool = False) -> None:
        self.model = model
        self._layer = None if whole else _proven_layer(model)
        self._trims = "logits_to_keep" in inspect.signature(innermost_model(model).forward).parameters

    @property
    def takes_apart(self) -> bool:
        """Whether the output layer is left to the loss."""
        return self._layer is not None

    def read(self, ids: Tensor, mask: Tensor | None, positions: Tensor, position_ids: Tensor | None = None) -> Read:
        """Predictions of the next token at the chosen positions.

        Args:
            ids: ``(B, T)`` token ids, padded on the right.
            mask: ``(B, T)`` 1 for tokens, 0 for padding; None with `position_ids`.
            positions: ``(B, T)`` True where the prediction is wanted.
            position_ids: ``(B, T)`` place of each token in its row, where several rows stand in one line.
        """
        inputs = {"input_ids": ids, "attention_mask": mask, "use_cache": False}
        if position_ids is not None:
            inputs["position_ids"] = position_ids
        if self._layer is not None:
            body, layer = self._layer
            return Read(body(**inputs).last_hidden_state[positions], layer)
        first = int(positions.any(dim=0).int().argmax()) if self._trims else 0
        more = {"logits_to_keep": ids.shape[1] - first} if first else {}
        logits = self.model(**inputs, **more).logits
        return Read(logits[positions[:, first:]], _as_it_is)


def keeps_rows_apart(model: PreTrainedModel) -> bool:
    """Whether rows in one line, told apart by positions that start anew, give this very model's logits of each row alone."""
    device = next(model.parameters()).device
    words = int(model.config.get_text_config().vocab_size)
    first, second, third = (
        torch.arange(start, start + length, device=device) % words for start, length in ((1, 7), (3, 4), (2, 5))
    )
    was = model.training
    model.train(False)
    try:
        with torch.no_grad():
            alone = [model(input_ids=row[None], use_cache=False).logits[0].float() for row in (first, second, third)]
            ids = torch.stack([torch.cat([first, second]), torch.cat([third, third.new_zeros(6)])])
            places = [torch.arange(length, device=device) for length in (7, 4, 5, 6)]
            positions = torch.stack([torch.cat(places[:2]), torch.cat(places[2:])])
            together = model(input_ids=ids, position_ids=positions, use_cache=False).logits.float()
    except (TypeError, AttributeError, RuntimeError, ValueError):
        return False
    finally:
        model.train(was)
    parts = (together[0, :7], together[0, 7:], together[1, :5])
    # What another row leaks is as large as the logits themselves; what another shape of batch rounds is far below.
    pairs = zip(alone, parts, strict=True)
    return all(float((one - part).abs().max()) <= ROUNDING * float(one.abs().max()) for one, part in pairs)


def _as_it_is(rows: Tensor) -> Tensor:
    return rows


def innermost_model(model: nn.Module) -> PreTrainedModel:
    """The model inside what several processes or an adapter wrap around it; the adapter's weights work in it all the same."""
    inner = getattr(model, "module", model)
    return cast("PreTrainedModel", getattr(inner, "get_base_model", lambda: inner)())


def _proven_layer(model: nn.Module) -> tuple[nn.Module, nn.Module] | None:
    """The body and the output layer, if the one after the other gives the model's own logits to the last bit or nearly."""
    inner = innermost_model(model)
    layer = getattr(inner, "get_output_embeddings", lambda: None)()
    body = getattr(inner, getattr(inner, "base_model_prefix", "") or "-", None)
    if layer is None or body is None or body is inner:
        return None
    device = next(inner.parameters()).device
    ids = torch.arange(1, 9, device=device)[None] % layer.weight.shape[0]
    mask, was = torch.ones_like(ids), inner.training
    inner.train(False)
    try:
        with torch.no_grad():
            expected = inner(input_ids=ids, attention_mask=mask, use_cache=False).logits.float()
            hidden = body(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
            layer_logits = layer(hidden).float()
    except (TypeError, AttributeError, RuntimeError):
        return None
    finally:
        inner.train(was)
    same = expected.shape == layer_logits.shape and torch.allclose(expected, layer_logits, rtol=1e-4, atol=1e-4)
    return (body, layer) if same else None
