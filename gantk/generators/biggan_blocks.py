"""The parts of BigGAN's blocks: batch norm and convolution, and self-attention.

Shape legend: N samples, I/O/C channels, H x W pixels, S stored statistics, K width of keys, V of values, P = H * W
pixels, Q of them after pooling.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gantk.generators.progressive import Delta, nearest, same_conv, up_conv

MOMENTUM = 0.1  # of the running statistics, in training


def random_weight(*shape: int) -> nn.Parameter:
    """Normal numbers that keep the variance of a signal of `shape[1:]` inputs."""
    return nn.Parameter(torch.randn(*shape) / math.sqrt(math.prod(shape[1:])))


def stored_row(truncation: float, num_stats: int) -> tuple[int, float]:
    """Which stored statistics belong to a truncation: row i, and the share of row i; the rest is row i + 1's.

    The steps are 1 / (S - 1) apart. Both the float division and the shares are those of Hugging Face's program, where
    the shares are exchanged (the nearer row has the smaller one): the published samples were made so.
    """
    if num_stats == 1:
        return 0, 0.0
    share, row = math.modf(truncation / (1.0 / (num_stats - 1)))
    return int(row), share


class NormConv(nn.Module):
    """Batch norm, ReLU, nearest upsampling where asked for, convolution.

    The norm's gain and bias are the layer's style: of `affine` where a code conditions it, else of its own two vectors.
    In evaluation only stored statistics count, so that samples never mix; in training mode the batch's take their place
    and are averaged into the stored ones.
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, condition: int, num_stats: int, epsilon: float):
        super().__init__()
        self.weight = random_weight(outputs, inputs, kernel, kernel)
        self.bias = nn.Parameter(torch.zeros(outputs))
        if condition:
            self.affine = Affine(condition, inputs)
        else:
            self.norm_gain = nn.Parameter(torch.ones(inputs))
            self.norm_bias = nn.Parameter(torch.zeros(inputs))
        self.register_buffer("mean", torch.zeros(num_stats, inputs))
        self.register_buffer("var", torch.ones(num_stats, inputs))
        self.mean: Tensor
        self.var: Tensor
        self.epsilon = epsilon

    def forward(
        self, x_NIHW: Tensor, style_NS: Tensor | None, stored: tuple[int, float], up: bool, delta: Delta | None
    ) -> Tensor:
        """`style_NS` is gain and bias, [N, 2 I]; `delta` adds strength * delta to the weight of each sample."""
        mean_I, var_I = self._statistics(x_NIHW, stored)
        deviation_I = torch.rsqrt(var_I + self.epsilon)
        gain, bias = (self.norm_gain, self.norm_bias) if style_NS is None else style_NS.chunk(2, -1)
        factor = gain * deviation_I
        shift = bias - mean_I * factor
        x = torch.relu_(torch.addcmul(shift[..., None, None], x_NIHW, factor[..., None, None]))
        # Summed kernels save products, but making them costs as much as the whole convolution of a few small maps.
        summed = up and x.numel() >= 2 * x.shape[1] ** 2
        if up and not summed:
            x = nearest(x)
        convolve = up_conv if summed else same_conv
        y = convolve(x, self.weight, self.bias)
        return y if delta is None else y + delta[1][:, None, None, None] * convolve(x, delta[0])

    def _statistics(self, x_NIHW: Tensor, stored: tuple[int, float]) -> tuple[Tensor, Tensor]:
        if self.training:
            return self._of_batch(x_NIHW)
        row, share = stored
        if share == 0.0:
            return self.mean[row], self.var[row]
        first, second = (self.mean[row], self.var[row]), (self.mean[row + 1], self.var[row + 1])
        mean, var = (a * share + b * (1.0 - share) for a, b in zip(first, second, strict=True))
        return mean, var

    def _of_batch(self, x_NIHW: Tensor) -> tuple[Tensor, Tensor]:
        var_I, mean_I = torch.var_mean(x_NIHW.to(self.mean.dtype), (0, 2, 3), correction=0)  # autocast or not
        with torch.no_grad():
            self.mean.lerp_(mean_I.detach().expand_as(self.mean), MOMENTUM)
            self.var.lerp_(var_I.detach().expand_as(self.var), MOMENTUM)
        return mean_I, var_I


class Affine(nn.Module):
    """A code to the gain (around 1) and bias of a batch norm, [N, 2 C]."""

    def __init__(self, inputs: int, channels: int):
        super().__init__()
        self.weight = random_weight(2 * channels, inputs)
        rest = torch.cat([torch.ones(channels), torch.zeros(channels)])
        self.register_buffer("rest", rest, persistent=False)
        self.rest: Tensor

    def forward(self, code_ND: Tensor) -> Tensor:
        return F.linear(code_ND, self.weight, self.rest)


class Attention(nn.Module):
    """x + gamma * o(g softmax(theta^T phi)^T), keys phi and values g max-pooled 2x2 (Zhang et al. 2019)."""

    def __init__(self, channels: int):
        super().__init__()
        self.theta = random_weight(channels // 8, channels, 1, 1)
        self.phi = random_weight(channels // 8, channels, 1, 1)
        self.g = random_weight(channels // 2, channels, 1, 1)
        self.o = random_weight(channels, channels // 2, 1, 1)
        self.gamma = nn.Parameter(torch.zeros([]))

    def forward(self, x_NCHW: Tensor) -> Tensor:
        width = self.theta.shape[0]
        joint = F.conv2d(x_NCHW, torch.cat([self.theta, self.phi, self.g]))  # reads the map once
        query_NKP = joint[:, :width].flatten(2)
        pooled = F.max_pool2d(joint[:, width:], 2).flatten(2)
        key_NKQ, value_NVQ = pooled[:, :width], pooled[:, width:]
        share_NPQ = torch.softmax(query_NKP.transpose(1, 2) @ key_NKQ, -1)
        mixed_NVP = value_NVQ @ share_NPQ.transpose(1, 2)
        return x_NCHW + F.conv2d(mixed_NVP.unflatten(2, x_NCHW.shape[2:]), self.o * self.gamma)
