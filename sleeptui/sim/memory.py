"""The GPU memory of one engine: residual, weights and KV cache, over all its GPUs."""

from collections.abc import Sequence

from sleeptui.sim.gpu import SimGpu


class EngineMemory:
    """What one engine maps; shares are 0..1 of the weights and of the KV cache."""

    def __init__(
        self,
        holder: str,
        gpus: Sequence[SimGpu],
        *,
        residual_bytes: int,
        weight_bytes: int,
        kv_bytes: int,
    ) -> None:
        self.residual_bytes = residual_bytes
        """On each GPU; a leak makes it grow."""
        self.weight_bytes = weight_bytes
        self.kv_bytes = kv_bytes
        self.weights = 0.0
        self.kv_cache = 0.0
        self._holder = holder
        self._gpus = tuple(gpus)

    @property
    def held_bytes(self) -> int:
        """On all its GPUs now."""
        return sum(gpu.held(self._holder) for gpu in self._gpus)

    @property
    def mapped(self) -> bool:
        """Weights and KV cache are there: requests can run."""
        return self.weights >= 1.0 and self.kv_cache >= 1.0

    def map(self, *, weights: float, kv_cache: float) -> bool:
        """Bring weights and KV cache to these shares.

        Returns:
            False: out of memory; what fitted stays mapped.
        """
        ranks = len(self._gpus)
        pool = weights * self.weight_bytes + kv_cache * self.kv_bytes
        target = self.residual_bytes + round(pool / ranks)
        fits = True
        for gpu in self._gpus:
            fits = gpu.hold(self._holder, target) and fits
        if fits:
            self.weights, self.kv_cache = weights, kv_cache
        return fits

    def fits(self, share: float) -> bool:
        """Whether each GPU has room for this share of its whole memory.

        This is the check at start-up: free memory against ``gpu_memory_utilization``.
        """
        needed = share * (self.weight_bytes + self.kv_bytes) / len(self._gpus)
        return all(gpu.free_bytes + gpu.held(self._holder) >= needed for gpu in self._gpus)

    def release(self) -> None:
        """The process is gone."""
        self.weights = self.kv_cache = 0.0
        for gpu in self._gpus:
            gpu.release(self._holder)
