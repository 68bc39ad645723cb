"""``/server_info`` of a simulated server: the settings that tell something about sleep mode.

The key names are those of the 0.25.1 and 0.32.0 captures; the real answer has some 28 groups
with hundreds of settings, here stand those that a panel may read.
"""

from typing import Any

from sleeptui.sim.engine import Engine
from sleeptui.sim.spec import BLOCK_TOKENS

Json = dict[str, Any]


def server_info(engine: Engine, *, as_json: bool) -> Json:
    """The body; ``config_format=json`` exists since 0.11."""
    spec = engine.spec
    config: Json | str = _config(engine) if as_json else _text(engine)
    return {
        "vllm_config": config,
        "vllm_env": {"VLLM_SERVER_DEV_MODE": spec.dev_mode, "VLLM_TARGET_DEVICE": "cuda"},
        "system_env": {
            "torch_version": "2.11.0+cu130",
            "nvidia_driver_version": "580.159.04",
            "nvidia_gpu_models": "\n".join(f"GPU {index}: NVIDIA H200" for index in spec.gpus),
            "vllm_version": spec.version,
        },
    }


def _config(engine: Engine) -> Json:
    spec = engine.spec
    ranks = len(spec.gpus)
    return {
        "model_config": {
            "model": spec.root,
            "tokenizer": spec.root,
            "dtype": "torch.bfloat16",
            "seed": 0,
            "max_model_len": spec.max_model_len,
            "quantization": None,
            "enforce_eager": False,
            "served_model_name": spec.model_name,
            "enable_sleep_mode": spec.sleep_mode,
            "enable_cumem_allocator": spec.sleep_mode,
        },
        "device_config": {"device": "cuda"},
        "cache_config": {
            "block_size": BLOCK_TOKENS,
            "gpu_memory_utilization": spec.gpu_memory_utilization,
            "cache_dtype": "auto",
            "enable_prefix_caching": True,
            "num_gpu_blocks": engine.kv_tokens // BLOCK_TOKENS,
            "kv_cache_size_tokens": engine.kv_tokens,
        },
        "parallel_config": {
            "pipeline_parallel_size": 1,
            "tensor_parallel_size": ranks,
            "data_parallel_size": 1,
            "world_size": ranks,
        },
        "scheduler_config": {"max_num_seqs": spec.max_num_seqs},
        "load_config": {"load_format": "auto"},
    }


def _text(engine: Engine) -> str:
    spec = engine.spec
    return (
        f"model={spec.root!r}, tokenizer={spec.root!r}, dtype=torch.bfloat16, "
        f"max_seq_len={spec.max_model_len}, tensor_parallel_size={len(spec.gpus)}, "
        f"seed=0, served_model_name={spec.model_name}, enable_prefix_caching=True"
    )
