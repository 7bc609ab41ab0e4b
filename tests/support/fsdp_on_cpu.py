"""A launcher's script: runs ``-m MODULE ARGUMENTS`` with accelerate made to shard weights over CPU processes.

Accelerate takes its FSDP settings only where there are GPUs. What torch shards it shards over gloo just the same, so here
the processes are passed off as those of GPUs where accelerate decides, and nowhere else.
"""

from __future__ import annotations

import runpy
import sys
from typing import Any

from accelerate import state
from accelerate.utils import DistributedType

_decide = state.AcceleratorState.__init__


def _sharded(self: Any, *given: Any, **named: Any) -> None:
    shared = state.PartialState(named.get("cpu", False))
    if shared.distributed_type == DistributedType.MULTI_CPU:
        state.PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU
    _decide(self, *given, **named)


if __name__ == "__main__":
    state.AcceleratorState.__init__ = _sharded
    assert sys.argv[1] == "-m"
    module, sys.argv = sys.argv[2], sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.stderr.write(f"ran under {state.PartialState._shared_state['distributed_type'].value}\n")
