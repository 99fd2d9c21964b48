"""A frozen 3 x 3 convolution and its gradient, which is a 3 x 3 convolution as well.

Zeros are added at the ends of rows and columns, and positions without a whole neighborhood have no result. With one zero at
each end a map keeps its size; a map that was padded otherwise needs none (padding.py).

Feature maps are (height, width, channels) and contiguous, the layout of the fast kernels. In float32 on a CPU, the wider
layers use Winograd's minimal filtering F(4 x 4, 3 x 3) (Lavin and Gray, arXiv 1509.09308): 36 multiplications instead of the
definition's 144, exact up to rounding (1e-5 relative in float32). With bfloat16 matrix units, plain convolutions are faster.
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
#: Index of the product at the point 1 in both dimensions. A^T and A add it to all 16 output pixels with factor 1.
_POINT_1 = 1 * 6 + 1

#: Minimum number of positions for which Winograd was measured to be faster on a CPU. Its kernels are larger to read.
_WINOGRAD_POSITIONS = 128
#: Elements of the transformed map per band, and columns per matrix product, chosen by timing
_BAND_ELEMENTS = 12_000_000
_PIECE_COLUMNS = 16_384


class Convolution:
    """A 3 x 3 convolution with stride 1, followed by a ReLU"""

    def __init__(self, kernel: Tensor, bias: Tensor, *, device: torch.device, dtype: torch.dtype) -> None:
        """kernel: (channels out, channels in, 3, 3); bias: (channels out,)"""
        kernel = kernel.to(device=device, dtype=dtype)
        self.bias = bias.to(device=device, dtype=dtype)
        self._forward = _Kernel(kernel)
        self._backward = _Kernel(kernel.flip(2, 3).transpose(0, 1))

    @staticmethod
    def memory(channels: int, filters: int, device: torch.device, dtype: torch.dtype) -> int:
        """Return the bytes that the kernels take, forward and backward."""
        values_per_filter = 9 + (36 if _uses_winograd(filters, channels, device, dtype) else 0)
        return 2 * values_per_filter * channels * filters * dtype.itemsize

    def __call__(self, features: Tensor, zeros: tuple[int, int] = (1, 1)) -> Tensor:
        """Apply the convolution and the ReLU.

        features: (H, W, channels in); zeros: rows y and columns x of zeros at each end
        -> (H + 2 y - 2, W + 2 x - 2, channels out)
        """
        return self._forward(features, self.bias, zeros)

    def gradient(self, gradient: Tensor, zeros: tuple[int, int] = (1, 1)) -> Tensor:
        """Return the gradient with respect to the input of the convolution, without the ReLU.

        It is a convolution with the transposed kernels, rotated by 180 degrees.

        gradient: (H, W, channels out); zeros: rows y and columns x of zeros at each end of that input
        -> (H + 2 - 2 y, W + 2 - 2 x, channels in)
        """
        return self._backward(gradient, None, (2 - zeros[0], 2 - zeros[1]))

    def forget_transforms(self) -> None:
        """Free the transformed kernels, which are computed again when they are needed."""
        for kernel in (self._forward, self._backward):
            kernel.transformed = None


class _Kernel:
    """A convolution kernel, with its Winograd transform if it has ever been needed"""

    def __init__(self, kernel: Tensor) -> None:
        self._kernel = kernel.contiguous(memory_format=torch.channels_last)
        self.transformed: Tensor | None = None
        self._may_transform = _uses_winograd(kernel.shape[0], kernel.shape[1], kernel.device, kernel.dtype)

    def __call__(self, features: Tensor, bias: Tensor | None, zeros: tuple[int, int]) -> Tensor:
        """Convolve (H, W, C) -> (H + 2 y - 2, W + 2 x - 2, K). With a bias, a ReLU follows."""
        if self._may_transform and features.shape[0] * features.shape[1] >= _WINOGRAD_POSITIONS:
            transformed = self.transformed  # another thread may forget it
            if transformed is None:
                transformed = self.transformed = transform_kernel(self._kernel)
            return winograd(features, transformed, bias, zeros)
        image = features.permute(2, 0, 1)[None]  # a view: a batch of one in channels-last format
        filtered = functional.conv2d(image, self._kernel, bias, padding=zeros)[0].permute(1, 2, 0)
        return filtered if bias is None else filtered.relu_()


def _uses_winograd(filters: int, channels: int, device: torch.device, dtype: torch.dtype) -> bool:
    wide = min(filters, channels) >= 128 and max(filters, channels) >= 256  # for narrower ones, transforms take longer
    return wide and device.type == "cpu" and dtype == torch.float32


def transform_kernel(kernel: Tensor) -> Tensor:
    """Return G g G^T, computed in float64.  (K, C, 3, 3) -> (36, C, K)"""
    g = torch.tensor(_G, dtype=torch.float64) / 24
    transformed = torch.einsum("ia,jb,kcab->ijck", g, g, kernel.double())
    return transformed.flatten(0, 1).to(kernel.dtype).contiguous()


def winograd(features: Tensor, kernel: Tensor, bias: Tensor | None = None, zeros: tuple[int, int] = (1, 1)) -> Tensor:
    """Convolve by F(4 x 4, 3 x 3). With a bias, a ReLU follows.

    features: (H, W, C); kernel: (36, C, K) from transform_kernel; bias: (K,)
    zeros: rows y and columns x of zeros at each end
    -> (H + 2 y - 2, W + 2 x - 2, K)

    A patch of 6 x 6 pixels yields 4 x 4 pixels of the result. Both transforms are matrices over the 36 pixels of a patch, so
    the work is three matrix products. They run in bands of rows, which limits the memory.
    """
    (y, x), (_, _, channels) = zeros, features.shape
    height, width = features.shape[0] + 2 * y - 2, features.shape[1] + 2 * x - 2
    filters = kernel.shape[2]
    rows, columns = -(-height // 4), -(-width // 4)
    padded = features.new_empty(4 * rows + 2, 4 * columns + 2, channels)
    bottom, right = y + features.shape[0], x + features.shape[1]
    padded[y:bottom, x:right] = features
    padded[:y], padded[bottom:], padded[:, :x], padded[:, right:] = 0, 0, 0, 0
    input_transform, output_transform = _transforms(features.dtype)
    result = features.new_empty(rows, 4, columns, 4, filters)
    row_stride, column_stride, _ = padded.stride()
    band = max(1, _BAND_ELEMENTS // (36 * columns * max(channels, filters)))
    for top in range(0, rows, band):
        count = min(band, rows - top)
        patches = padded.as_strided(
            (6, 6, count, columns, channels),
            (row_stride, column_stride, 4 * row_stride, 4 * column_stride, 1),
            padded.storage_offset() + 4 * top * row_stride,
        )
        gathered = _padded_empty(features, 36, count * columns * channels)
        gathered.view(6, 6, count, columns, channels).copy_(patches)
        transformed = _matmul_in_pieces(input_transform, gathered)  # (36, patches * C)
        product = torch.bmm(transformed.view(36, -1, channels), kernel)  # (36, patches, K)
        if bias is not None:
            product[_POINT_1] += bias  # one addition per patch instead of 16
        tiles = _matmul_in_pieces(output_transform, product.view(36, -1))  # (16, patches * K)
        ordered = tiles.view(4, 4, count, columns, filters).permute(2, 0, 3, 1, 4)
        if bias is None:
            result[top : top + count] = ordered
        else:
            torch.clamp_min(ordered, 0, out=result[top : top + count])
    return result.view(4 * rows, 4 * columns, filters)[:height, :width].contiguous()


def _matmul_in_pieces(matrix: Tensor, values: Tensor) -> Tensor:
    """Return matrix @ values for a small matrix and a very wide one, in pieces that fit the cache: a third faster."""
    result = _padded_empty(values, len(matrix), values.shape[1])
    for piece, out in zip(torch.split(values, _PIECE_COLUMNS, 1), torch.split(result, _PIECE_COLUMNS, 1), strict=True):
        torch.mm(matrix, piece, out=out)
    return result


def _padded_empty(like: Tensor, rows: int, columns: int) -> Tensor:
    """Allocate a wide matrix. Its rows are not a power of two apart, where they would evict each other from the cache."""
    return like.new_empty(rows, columns + 48)[:, :columns]


@lru_cache
def _transforms(dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return B^T and A^T in two dimensions, as matrices over the 36 pixels of a patch: (36, 36) and (16, 36)."""
    b, a = torch.tensor(_B, dtype=dtype), torch.tensor(_A, dtype=dtype)
    return torch.kron(b, b), torch.kron(a, a)
