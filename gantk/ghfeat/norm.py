"""Batch normalisation whose statistics span all processes of a training, on any device.

Shape legend: N samples, C channels, H x W pixels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.store.parallel import world_size

EPSILON = 1e-5
MOMENTUM = 0.1  # of the new statistics; TensorFlow writes it as a decay of 0.9


class Norm(nn.Module):
    """Batch normalisation of [N, C] or [N, C, H, W]; under torchrun the statistics are those of the whole batch.

    torch's SyncBatchNorm exists for GPUs only. The running variance is the biased one, as the original's: it differs
    from torch's by n / (n - 1), which matters for the heads, where n is the batch.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return F.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, False, 0.0, EPSILON)
        return self._alone(x) if world_size() == 1 else self._together(x)

    def _alone(self, x: Tensor) -> Tensor:
        count = x.numel() // x.shape[1]
        mean_C, variance_C = self.running_mean.clone(), self.running_var.clone()  # autograd keeps what it is given
        y = F.batch_norm(x, mean_C, variance_C, self.weight, self.bias, True, MOMENTUM, EPSILON)
        with torch.no_grad():
            kept = self.running_var * (1 - MOMENTUM)
            self.running_mean.copy_(mean_C)
            self.running_var.copy_(kept + (variance_C - kept) * ((count - 1) / count))
        return y

    def _together(self, x: Tensor) -> Tensor:
        from torch.distributed.nn.functional import all_reduce

        wide = x.float()
        axes = [axis for axis in range(x.ndim) if axis != 1]
        shape = [1, -1] + [1] * (x.ndim - 2)
        count = x.numel() // x.shape[1] * world_size()
        mean_C = all_reduce(wide.sum(axes)) / count
        centred = wide - mean_C.view(shape)
        variance_C = all_reduce(centred.square().sum(axes)) / count
        with torch.no_grad():
            self.running_mean.lerp_(mean_C.detach(), MOMENTUM)
            self.running_var.lerp_(variance_C.detach(), MOMENTUM)
        factor_C = torch.rsqrt(variance_C + EPSILON) * self.weight
        return (centred * factor_C.view(shape) + self.bias.view(shape)).to(x.dtype)


def absorb(weight: Tensor, bias: Tensor | None, norm: Norm) -> tuple[Tensor, Tensor]:
    """Weight and bias of a convolution or dense layer that ends like the layer and its normalisation in eval mode."""
    factor = norm.weight / torch.sqrt(norm.running_var + EPSILON)
    shift = norm.bias - norm.running_mean * factor
    if bias is not None:
        shift = shift + bias * factor
    return weight * factor.view(-1, *[1] * (weight.ndim - 1)), shift
