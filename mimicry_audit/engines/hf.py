"""Models in this process, through transformers: on CPU, CUDA or Apple's MPS.

Promise: answers come from fixed batches. All requests, missing or not, are sorted by prompt length and cut into chunks,
so that a resumed run computes the same chunks as an uninterrupted one and gets the same text. The model's own
generation defaults (temperature, penalties) never apply; its end-of-sequence tokens do.
"""

from __future__ import annotations

import gc
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from mimicry_audit.engines import hf_likelihood
from mimicry_audit.engines.base import Availability, EngineBase
from mimicry_audit.engines.fingerprint import Weights, find_adapter, find_model
from mimicry_audit.engines.hardware import torch_device, version_of
from mimicry_audit.engines.hf_sampling import RowSampler
from mimicry_audit.engines.invented import refuse_invented_weights
from mimicry_audit.engines.likelihood import TextRequest, TokenScores, tokenizer_map_sha
from mimicry_audit.engines.options import Option, with_defaults
from mimicry_audit.engines.reading import completion_status, opened_by, refuse_overlong, split_reasoning
from mimicry_audit.engines.template import ChatTemplate
from mimicry_audit.ground.errors import EngineError, PrerequisiteError, first_line
from mimicry_audit.records.asked import TEMPLATE_REFUSES, Completion, Identity, Message, Request, Sampling

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

OPTIONS = (
    Option(name="device", kind="text", default="auto", help="auto, cpu, cuda, cuda:N or mps"),
    Option(
        name="dtype",
        kind="text",
        default="auto",
        choices=("auto", "float32", "bfloat16", "float16"),
        help="numeric type of the weights; auto is float32 on CPU and bfloat16 on a GPU",
    ),
    Option(name="batch_size", kind="whole", default=16, above=0, help="prompts answered at once"),
    Option(
        name="num_threads", kind="whole", above=0, help="CPU threads; 1 is fastest for tiny models on a busy machine"
    ),
    Option(name="chat_template", kind="text", help="a Jinja file, or plain for a base model"),
    Option(name="gguf_file", kind="text", help="the GGUF file to use in a folder or a Hub repository"),
    Option(name="attn_implementation", kind="text", help="attention kernel, as transformers names it"),
    Option(name="trust_remote_code", kind="switch", default=False, help="run the model's own Python code"),
)


@dataclass(frozen=True, slots=True)
class _Prompt:
    request: Request
    tokens: tuple[int, ...]
    opened: str | None = None
    """The mark of reasoning that the template has opened already."""


class HfEngine(EngineBase):
    """One model loaded by transformers."""

    title: ClassVar[str] = "transformers, in this process"
    seeded: ClassVar[bool] = True
    options: ClassVar[tuple[Option, ...]] = OPTIONS

    _template: ChatTemplate | None = None
    _weights: Weights | None = None
    _model: Any = None
    _threads_before: int | None = None

    @classmethod
    def availability(cls) -> Availability:
        """Whether torch and transformers are installed."""
        version = version_of("transformers")
        if version is None or version_of("torch") is None:
            return Availability(
                False,
                version,
                "torch or transformers is not installed",
                "pip install torch transformers accelerate (the extra “hf”)",
            )
        return Availability(True, version)

    def identify(self) -> Identity:
        """The model's fingerprint, template and numeric type."""
        weights, template = self._find_weights()
        extra: dict[str, Any] = {"device": self._choose_device().partition(":")[0]}
        adapter = find_adapter(self.spec)
        if adapter is not None:
            extra |= {"adapter": adapter.name, "adapter_revision": adapter.pin}
        extra |= weights.origin
        return Identity(
            model=weights.name,
            revision=weights.pin,
            template_sha=template.sha,
            dtype=self._choose_dtype(),
            engine_version=f"transformers {version_of('transformers')} torch {version_of('torch')}",
            extra=extra,
        )

    def open(self) -> None:
        """Load the model."""
        if self._model is not None:
            return
        import torch

        weights, template = self._find_weights()
        device = self._check_device()
        if (threads := self._get_option("num_threads")) is not None:
            self._threads_before = torch.get_num_threads()
            torch.set_num_threads(threads)
        try:
            model = _load_model(weights, self.spec.options, getattr(torch, self._choose_dtype()))
            if (adapter := find_adapter(self.spec)) is not None:
                model = _with_adapter(model, adapter)
            module: nn.Module = model  # transformers hides the signature of `to`
            self._model = module.to(device).eval()
            self._model.generation_config = _generation_config(self._model, template.tokenizer)
        except torch.OutOfMemoryError:
            self.close()
            raise EngineError(
                f"{weights.name} does not fit on {device}", "use dtype=bfloat16 or another device"
            ) from None
        except BaseException:
            self.close()
            raise

    def render(self, messages: Sequence[Message]) -> str | None:
        """The prompt after the chat template."""
        return self._find_weights()[1].render(messages)

    def generate(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[tuple[Request, Completion]]:
        """Answer in fixed chunks; a chunk without a missing request is skipped."""
        if not any(request.missing for request in requests):
            return
        self.open()
        prompts = []
        for request in requests:
            outcome = self._prepare_prompt(request, sampling)
            if isinstance(outcome, _Prompt):
                prompts.append(outcome)
            elif request.missing:
                yield request, outcome
        prompts.sort(key=lambda prompt: (len(prompt.tokens), prompt.request.probe_id, prompt.request.sample))
        size = self._get_option("batch_size")
        for start in range(0, len(prompts), size):
            chunk = prompts[start : start + size]
            if any(prompt.request.missing for prompt in chunk):
                for prompt, completion in zip(chunk, self._answer_batch(chunk, sampling), strict=True):
                    if prompt.request.missing:
                        yield prompt.request, completion

    def tokenizer_sha(self) -> str:
        """Hash of the tokenizer's map."""
        return tokenizer_map_sha(self._find_weights()[1].tokenizer)

    def score_texts(self, requests: Sequence[TextRequest]) -> Iterator[tuple[TextRequest, TokenScores]]:
        """Score the missing texts, one forward pass a batch."""
        if any(request.missing for request in requests):
            self.open()
            yield from hf_likelihood.score_texts(
                self._model, self._find_weights()[1], requests, self._get_option("batch_size")
            )

    def close(self) -> None:
        """Drop the model and give its memory back."""
        if self._threads_before is not None:
            import torch

            torch.set_num_threads(self._threads_before)
            self._threads_before = None
        if self._model is None:
            return
        import torch

        self._model = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _get_option(self, name: str) -> Any:
        return with_defaults(OPTIONS, self.spec.options)[name]

    def _choose_device(self) -> str:
        device = str(self._get_option("device"))
        return torch_device() if device == "auto" else device

    def _choose_dtype(self) -> str:
        dtype = str(self._get_option("dtype"))
        if dtype != "auto":
            return dtype
        return "float32" if self._choose_device() == "cpu" else "bfloat16"

    def _find_weights(self) -> tuple[Weights, ChatTemplate]:
        if self._weights is None or self._template is None:
            self._weights = find_model(self.spec)
            values = with_defaults(OPTIONS, self.spec.options)
            self._template = ChatTemplate(
                self._weights, values["chat_template"], trust_remote_code=values["trust_remote_code"]
            )
        return self._weights, self._template

    def _check_device(self) -> torch.device:
        import torch

        device = self._choose_device()
        try:
            chosen_device = torch.device(device)
        except RuntimeError:
            raise PrerequisiteError(f"unknown device {device}", "use device=cpu, cuda, cuda:N or mps") from None
        missing = (chosen_device.type == "cuda" and not torch.cuda.is_available()) or (
            chosen_device.type == "mps" and not torch.backends.mps.is_available()
        )
        if missing or (chosen_device.type == "cuda" and (chosen_device.index or 0) >= torch.cuda.device_count()):
            raise PrerequisiteError(
                f"PyTorch {torch.__version__} finds no {device} device",
                "check the driver and the PyTorch build, or use device=cpu",
            )
        return chosen_device

    def _prepare_prompt(self, request: Request, sampling: Sampling) -> _Prompt | Completion:
        template = self._find_weights()[1]
        text = template.render(request.messages)
        if text is None:
            return Completion(status="error", error=TEMPLATE_REFUSES)
        try:
            tokens = tuple(template.tokenizer(text, add_special_tokens=False)["input_ids"])
        except (TypeError, UnicodeError) as error:
            return Completion(status="error", error=f"the tokenizer cannot read this prompt ({error})")
        context = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        if (failure := refuse_overlong(len(tokens), sampling.max_tokens, context)) is not None:
            return failure
        return _Prompt(request, tokens, opened_by(text))

    def _answer_batch(self, chunk: Sequence[_Prompt], sampling: Sampling) -> list[Completion]:
        """One left-padded batch."""
        import torch
        from transformers import LogitsProcessorList

        started = time.monotonic()
        config, device = self._model.generation_config, self._model.device
        width = max(len(prompt.tokens) for prompt in chunk)
        ids = torch.full((len(chunk), width), config.pad_token_id, dtype=torch.long)
        mask = torch.zeros_like(ids)
        for row, prompt in enumerate(chunk):
            ids[row, width - len(prompt.tokens) :] = torch.tensor(prompt.tokens)
            mask[row, width - len(prompt.tokens) :] = 1
        sampler = RowSampler(sampling, [prompt.request.seed for prompt in chunk], device)
        try:
            with torch.inference_mode():
                sequences = self._model.generate(
                    input_ids=ids.to(device),
                    attention_mask=mask.to(device),
                    max_new_tokens=sampling.max_tokens,
                    logits_processor=LogitsProcessorList([sampler]),
                )
        except torch.OutOfMemoryError:
            raise EngineError(
                f"{device} ran out of memory on a batch of {len(chunk)} prompts", "lower it with batch_size=N"
            ) from None
        latency = time.monotonic() - started
        rows = sequences[:, width:].tolist()
        return [
            self._build_completion(prompt, row, tokens, sampler, latency)
            for row, (prompt, tokens) in enumerate(zip(chunk, rows, strict=True))
        ]

    def _build_completion(
        self, prompt: _Prompt, row: int, tokens: list[int], sampler: RowSampler, latency: float
    ) -> Completion:
        tokenizer = self._find_weights()[1].tokenizer
        ends = set(self._model.generation_config.eos_token_id)
        stop = next((place for place, token in enumerate(tokens) if token in ends), None)
        length = len(tokens) if stop is None else stop + 1
        # A character cut off by the token limit is not text; vLLM leaves its bytes out as well.
        text = str(tokenizer.decode(tokens[:length], skip_special_tokens=True)).rstrip("\N{REPLACEMENT CHARACTER}")
        answer, reasoning = split_reasoning(text, prompt.opened)
        finish = "length" if stop is None else "stop"
        return Completion(
            status=completion_status(answer, finish),
            text=answer,
            reasoning=reasoning,
            finish_reason=finish,
            prompt_tokens=len(prompt.tokens),
            completion_tokens=length,
            latency_s=latency,
            served_model=self.spec.name,
            logprobs=sampler.logprobs(row, length, lambda token: str(tokenizer.decode([token]))),
        )


def _load_model(weights: Weights, options: Mapping[str, object], dtype: torch.dtype) -> PreTrainedModel:
    from safetensors import SafetensorError
    from torch import OutOfMemoryError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    values = with_defaults(OPTIONS, options)
    bar_enabled, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]  # what matters is raised, and reported in one line
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            weights.location,
            revision=weights.commit or "main",
            dtype=dtype,
            attn_implementation=values["attn_implementation"],
            trust_remote_code=values["trust_remote_code"],
            output_loading_info=True,
        )
    except OutOfMemoryError:
        raise
    except SafetensorError as error:
        raise PrerequisiteError(
            f"the weights of {weights.name} are damaged ({error})", "download or save the model again"
        ) from None
    except (OSError, ValueError, KeyError, ImportError, RuntimeError) as error:
        line = first_line(error)
        if "ignore_mismatched_sizes" in line:  # an option of transformers that would make weights up
            line = "its weights do not have the shapes that its config.json gives"
        raise PrerequisiteError(
            f"transformers {version_of('transformers')} cannot load {weights.name} ({line})",
            "check the folder, or try a newer transformers or another engine",
        ) from None
    finally:
        logging.set_verbosity(verbosity)
        if bar_enabled:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
    model: PreTrainedModel = loaded[0]
    refuse_invented_weights(weights.name, loaded[1])
    return model


def _with_adapter(model: PreTrainedModel, adapter: Weights) -> PreTrainedModel:
    try:
        from peft import PeftModel
    except ImportError:
        raise PrerequisiteError("LoRA adapters on the hf engine need the peft package", "pip install peft") from None
    try:
        adapted: Any = PeftModel.from_pretrained(model, adapter.location, revision=adapter.commit or "main")
    except (
        RuntimeError,
        ValueError,
        KeyError,
    ) as error:  # torch's word for tensors of another shape, peft's for modules
        raise PrerequisiteError(
            f"the adapter {adapter.name} does not fit {model.name_or_path}: {_misfit(error)}",
            "check which model its adapter_config.json names; where its training added tokens, merge it into that model "
            "with peft, and name the merged folder",
        ) from None
    # Merged into one of two tied matrices, an adapter would change the other one, too.
    tied = _touches_tied_weights(model, adapter)
    merged: PreTrainedModel = adapted.get_base_model() if tied else adapted.merge_and_unload()
    return merged


def _misfit(error: Exception) -> str:
    """What an adapter has in another shape than the model, in a few words."""
    shape = r".*?torch\.Size\(\[([\d, ]+)\]\)"
    misfit = re.search(rf"size mismatch for ([\w.]+){shape}{shape}", str(error), re.S)
    if misfit is None:
        return first_line(error)
    name, own, wanted = misfit.groups()
    return f"{name.removeprefix('base_model.model.')} is {own.replace(', ', '×')} there and {wanted.replace(', ', '×')} here"


def _touches_tied_weights(model: PreTrainedModel, adapter: Weights) -> bool:
    """Whether an adapter changes the embeddings or the output layer of a model in which these are one matrix."""
    if not getattr(model.config.get_text_config(), "tie_word_embeddings", False):
        return False
    settings = adapter.json("adapter_config.json")
    targets = settings.get("target_modules") or ()
    names = [targets] if isinstance(targets, str) else [*targets, *(settings.get("modules_to_save") or ())]
    return any(re.search(r"embed|wte|lm_head|all-linear", str(name)) for name in names)


def _generation_config(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> GenerationConfig:
    """Our own defaults in place of the model's; only its special tokens are kept."""
    from transformers import GenerationConfig

    own = model.generation_config
    ends: list[int] = []
    for end_tokens in (own.eos_token_id, model.config.get_text_config().eos_token_id, tokenizer.eos_token_id):
        ends += end_tokens if isinstance(end_tokens, list) else [] if end_tokens is None else [end_tokens]
    pads = [token for token in (own.pad_token_id, tokenizer.pad_token_id, *ends, 0) if token is not None]
    return GenerationConfig(  # type: ignore[no-untyped-call]
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        eos_token_id=sorted(set(ends)) or [-1],
        pad_token_id=pads[0],
        bos_token_id=own.bos_token_id,
        use_cache=True,
    )
