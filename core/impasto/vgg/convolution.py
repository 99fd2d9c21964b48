"""A frozen 3 x 3 convolution and its gradient, which is a 3 x 3 convolution too.

Maps are (height, width, channels), contiguous: the layout that the fast kernels want. In float32 on a CPU the wider layers
go through Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray, arXiv 1509.09308), which needs 36 multiplications
where the definition needs 144; it is exact but for rounding (1e-5 relative in float32). Where bfloat16 matrix units do the
work, plain convolutions are faster still.
"""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as functional
from torch import Tensor

# F(4 x 4, 3 x 3) with the points 0, 1, -1, 2, -2, infinity: y = A^T ((G g) * (B^T d)) in one dimension.
_B = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
_G = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]]  # over 24
_A = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
#: Both transforms back, A^T and A, take the product at the point 1 into every pixel alike: place 1 in each dimension.
_CENTER_POINT = 1 * 6 + 1

#: The smallest map for which Winograd was measured to win on a CPU; below, reading its larger kernels takes too long.
_WINOGRAD_POSITIONS = 128
#: Elements of the transformed map that are worked on at a time, and columns of it in one product: found by timing.
_BAND_ELEMENTS = 12_000_000
_PIECE_COLUMNS = 16_384


class Convolution:
    """A 3 x 3 convolution with stride 1 that keeps the size of the map (zeros beyond the border), and the ReLU after it."""

    def __init__(self, kernel: Tensor, bias: Tensor, *, device: torch.device, dtype: torch.dtype) -> None:
        """kernel: (channels out, channels in, 3, 3); bias: (channels out,)"""
        kernel = kernel.to(device=device, dtype=dtype)
        self.bias = bias.to(device=device, dtype=dtype)
        self._forward = _Kernel(kernel)
        self._backward = _Kernel(kernel.flip(2, 3).transpose(0, 1))

    @staticmethod
    def memory(channels: int, filters: int, device: torch.device, dtype: torch.dtype) -> int:
        """Bytes of the kernels, those for both ways included"""
        each = 9 + (36 if _uses_winograd(filters, channels, device, dtype) else 0)
        return 2 * each * channels * filters * dtype.itemsize

    def __call__(self, features: Tensor) -> Tensor:
        """(H, W, channels in) -> (H, W, channels out), nothing in it negative"""
        return self._forward(features, self.bias)

    def gradient(self, gradient: Tensor) -> Tensor:
        """(H, W, channels out) -> (H, W, channels in), of the convolution alone: kernels transposed and turned by 180 deg."""
        return self._backward(gradient, None)


class _Kernel:
    def __init__(self, kernel: Tensor) -> None:
        self._kernel = kernel.contiguous(memory_format=torch.channels_last)
        self._transformed: Tensor | None = None
        self._may_transform = _uses_winograd(kernel.shape[0], kernel.shape[1], kernel.device, kernel.dtype)

    def __call__(self, features: Tensor, bias: Tensor | None) -> Tensor:
        if self._may_transform and features.shape[0] * features.shape[1] >= _WINOGRAD_POSITIONS:
            if self._transformed is None:
                self._transformed = transform_kernel(self._kernel)
            return winograd(features, self._transformed, bias)
        image = features.permute(2, 0, 1)[None]  # the same memory, seen as a batch of one in channels-last format
        filtered = functional.conv2d(image, self._kernel, bias, padding=1)[0].permute(1, 2, 0)
        return filtered if bias is None else filtered.relu_()


def _uses_winograd(filters: int, channels: int, device: torch.device, dtype: torch.dtype) -> bool:
    wide = min(filters, channels) >= 64 and max(filters, channels) >= 128
    return wide and device.type == "cpu" and dtype == torch.float32


def transform_kernel(kernel: Tensor) -> Tensor:
    """(K, C, 3, 3) -> (36, C, K): G g G^T, computed in float64."""
    g = torch.tensor(_G, dtype=torch.float64) / 24
    transformed = torch.einsum("ia,jb,kcab->ijck", g, g, kernel.double())
    return transformed.flatten(0, 1).to(kernel.dtype).contiguous()


def winograd(features: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """Convolve by F(4 x 4, 3 x 3); with a bias, a ReLU follows.

    features: (H, W, C); kernel: (36, C, K) from transform_kernel; bias: (K,) -> (H, W, K)

    A patch of 6 x 6 pixels gives 4 x 4 pixels of the result. Both transforms are matrices over the 36 places of a patch, so
    all the work is in three matrix products, done in bands of rows so that the memory they take is bounded.
    """
    height, width, channels = features.shape
    filters = kernel.shape[2]
    rows, columns = -(-height // 4), -(-width // 4)
    padded = features.new_empty(4 * rows + 2, 4 * columns + 2, channels)
    padded[1 : height + 1, 1 : width + 1] = features
    padded[0], padded[height + 1 :], padded[:, 0], padded[:, width + 1 :] = 0, 0, 0, 0
    into, outof = _transforms(features.dtype)
    result = features.new_empty(rows, 4, columns, 4, filters)
    down, right, _ = padded.stride()
    band = max(1, _BAND_ELEMENTS // (36 * columns * max(channels, filters)))
    for top in range(0, rows, band):
        count = min(band, rows - top)
        patches = padded.as_strided(
            (6, 6, count, columns, channels), (down, right, 4 * down, 4 * right, 1), padded.storage_offset() + 4 * top * down
        )
        gathered = _padded_empty(features, 36, count * columns * channels)
        gathered.view(6, 6, count, columns, channels).copy_(patches)
        spread = _matmul_in_pieces(into, gathered)  # (36, patches * C)
        product = torch.bmm(spread.view(36, -1, channels), kernel)  # (36, patches, K)
        if bias is not None:
            product[_CENTER_POINT] += bias  # for one pixel in 36, not for all 16 of the result
        tiles = _matmul_in_pieces(outof, product.view(36, -1))  # (16, patches * K)
        ordered = tiles.view(4, 4, count, columns, filters).permute(2, 0, 3, 1, 4)
        if bias is None:
            result[top : top + count] = ordered
        else:
            torch.clamp_min(ordered, 0, out=result[top : top + count])
    return result.view(4 * rows, 4 * columns, filters)[:height, :width].contiguous()


def _matmul_in_pieces(matrix: Tensor, values: Tensor) -> Tensor:
    """matrix @ values for a small matrix and a very wide one, in pieces that stay in the cache: a third faster"""
    result = _padded_empty(values, len(matrix), values.shape[1])
    for part, place in zip(torch.split(values, _PIECE_COLUMNS, 1), torch.split(result, _PIECE_COLUMNS, 1), strict=True):
        torch.mm(matrix, part, out=place)
    return result


def _padded_empty(like: Tensor, rows: int, columns: int) -> Tensor:
    """Room for a wide matrix whose rows do not lie a power of two apart, where they would push each other out of the cache"""
    return like.new_empty(rows, columns + 48)[:, :columns]


@lru_cache
def _transforms(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """B^T and A^T in two dimensions, as matrices over the 36 places of a patch: (36, 36) and (16, 36)"""
    b, a = torch.tensor(_B, dtype=dtype), torch.tensor(_A, dtype=dtype)
    return torch.kron(b, b), torch.kron(a, a)
