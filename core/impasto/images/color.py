"""Color of the result: luminance transfer and color matching.

With `colors="content"`, the network sees both images in gray, with the style's lightness matched to the content's mean and
standard deviation, and the result takes its hues from the content (luminance-only transfer, Gatys et al., arXiv 1606.05897).
Lightness is that of Oklab (B. Ottosson, 2020), a perceptually uniform color space.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..numerics import matrix_sqrt

_TO_LMS = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
_TO_LAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]

#: Pixels converted to double precision at a time, to bound the memory of temporaries
_BAND_PIXELS = 1 << 20


class ColorStatistics(NamedTuple):
    """Mean and covariance of the colors of an image"""

    mean: Tensor  # (3,)
    covariance: Tensor  # (3, 3)

    @property
    def deviation(self) -> float:
        """Root of the mean variance of the channels"""
        return math.sqrt(float(self.covariance.trace()) / 3)

    def with_noise(self, deviation: float) -> ColorStatistics:
        """Return the statistics with independent noise of this standard deviation added."""
        noise = deviation**2 * torch.eye(3, dtype=self.covariance.dtype, device=self.covariance.device)
        return self._replace(covariance=self.covariance + noise)


def to_oklab(rgb: Tensor) -> Tensor:
    """Convert sRGB in [0, 1] to Oklab: lightness in [0, 1], green to red, blue to yellow.  (..., 3) -> (..., 3)"""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    lms = linear @ _matrix(_TO_LMS, rgb).T
    return (lms.sign() * lms.abs() ** (1 / 3)) @ _matrix(_TO_LAB, rgb).T


def from_oklab(lab: Tensor) -> Tensor:
    """Convert Oklab to sRGB; colors outside the sRGB gamut have values outside [0, 1].  (..., 3) -> (..., 3)"""
    lms = (lab @ _matrix(_TO_LAB, lab).inverse().T) ** 3
    return encode_srgb(lms @ _matrix(_TO_LMS, lab).inverse().T)


def to_gray(pixels: Tensor) -> Tensor:
    """Convert an image to gray of the same lightness.  (H, W, 3) -> (H, W, 3)"""
    return _gray_from_lightness(to_oklab(pixels)[..., :1])


def lightness_statistics(pixels: Tensor, weights: Tensor) -> tuple[float, float]:
    """Return mean and standard deviation of the lightness, weighted per pixel.  (H, W, 3), (H, W) in [0, 1]"""
    lightness = to_oklab(pixels)[..., 0].double()
    weights = weights.double() / weights.double().sum()
    mean = (weights * lightness).sum()
    return float(mean), float((weights * (lightness - mean).square()).sum().sqrt())


def match_luminance(style: Tensor, weights: Tensor, target: tuple[float, float]) -> Tensor:
    """Convert the style to gray with the target's mean and standard deviation of lightness.

    (H, W, 3), (H, W) in [0, 1] -> (H, W, 3)
    """
    mean, deviation = lightness_statistics(style, weights)
    lightness = to_oklab(style)[..., :1]
    return _gray_from_lightness((lightness - mean) * (target[1] / max(deviation, 1e-3)) + target[0])


def color_statistics(pixels: Tensor, weights: Tensor) -> ColorStatistics:
    """Return mean and covariance of the colors in double precision, weighted per pixel.  (H, W, 3), (H, W) in [0, 1]"""
    shares = weights.flatten().double()
    shares = (shares / shares.sum())[:, None]
    rows = torch.split(pixels.flatten(0, 1), _BAND_PIXELS)
    bands = list(zip(rows, torch.split(shares, _BAND_PIXELS), strict=True))
    mean = torch.stack([(share * rgb.double()).sum(0) for rgb, share in bands]).sum(0)
    parts = [(share * (rgb.double() - mean)).T @ (rgb.double() - mean) for rgb, share in bands]
    # The covariance of a gray or single-color image is singular: regularize it.
    return ColorStatistics(mean, torch.stack(parts).sum(0) + 1e-5 * torch.eye(3, dtype=torch.float64, device=mean.device))


def mix_color_statistics(statistics: Sequence[ColorStatistics], weights: Sequence[float]) -> ColorStatistics:
    """Return the statistics of a mixture of images, in proportion to the weights."""
    shares = [weight / sum(weights) for weight in weights]
    mean = torch.stack([share * each.mean for each, share in zip(statistics, shares, strict=True)]).sum(0)
    moments = [each.covariance + torch.outer(each.mean, each.mean) for each in statistics]
    second = torch.stack([share * moment for moment, share in zip(moments, shares, strict=True)]).sum(0)
    return ColorStatistics(mean, second - torch.outer(mean, mean))


def match_colors(image: Tensor, weights: Tensor, target: ColorStatistics, method: str = "monge") -> Tensor:
    """Give an image the mean and covariance of the target's colors, weighted per pixel.  (H, W, 3), (H, W) -> (H, W, 3)

    method: as in `map_colors`
    """
    return map_colors(image, color_statistics(image, weights), target, method)


def map_colors(image: Tensor, current: ColorStatistics, target: ColorStatistics, method: str = "monge") -> Tensor:
    """Map colors with the mean and covariance `current` to those of the target: A (x - mu) + mu*.  (H, W, 3) -> (H, W, 3)

    A C A^T = C* determines A up to a rotation (Gatys et al., arXiv 1606.05897). method: `monge` is the A that changes colors
    least, C^-1/2 (C^1/2 C* C^1/2)^1/2 C^-1/2; `pca` is C*^1/2 C^-1/2; `cholesky` is L* L^-1.
    """
    if method == "cholesky":
        transform = torch.linalg.cholesky(target.covariance) @ torch.linalg.cholesky(current.covariance).inverse()
    else:
        root = matrix_sqrt(current.covariance)
        inverse_root = root.inverse()
        if method == "pca":
            transform = matrix_sqrt(target.covariance) @ inverse_root
        else:
            transform = inverse_root @ matrix_sqrt(root @ target.covariance @ root) @ inverse_root
    matched: Tensor = (image.double() - current.mean) @ transform.T + target.mean
    return matched.clamp(0, 1).to(image.dtype)


def transfer_luminance(painting: Tensor, content: Tensor) -> Tensor:
    """Combine the lightness of the painting with the hues of the content.  (H, W, 3), (H, W, 3) -> (H, W, 3)

    Colors outside the sRGB gamut keep their hue; their chroma is reduced until they fit.
    """
    lab = to_oklab(content)
    lab[..., 0] = to_oklab(painting)[..., 0]
    low, high = torch.zeros_like(lab[..., :1]), torch.ones_like(lab[..., :1])
    for _ in range(8):  # bisection for the largest fraction of the chroma that fits
        fraction = (low + high) / 2
        fits = _in_gamut(from_oklab(torch.cat([lab[..., :1], lab[..., 1:] * fraction], dim=-1)))
        low, high = torch.where(fits, fraction, low), torch.where(fits, high, fraction)
    full_chroma = from_oklab(lab)
    reduced_chroma = from_oklab(torch.cat([lab[..., :1], lab[..., 1:] * low], dim=-1))
    return torch.where(_in_gamut(full_chroma), full_chroma, reduced_chroma).clamp(0, 1)


def _in_gamut(rgb: Tensor) -> Tensor:
    return ((rgb >= -1e-3) & (rgb <= 1 + 1e-3)).all(-1, keepdim=True)


def _gray_from_lightness(lightness: Tensor) -> Tensor:
    """(..., 1) -> (..., 3)"""
    encoded = encode_srgb(lightness.clamp(0, 1) ** 3)
    return encoded.expand(*lightness.shape[:-1], 3).contiguous()


def encode_srgb(linear: Tensor) -> Tensor:
    """Apply the sRGB transfer function to linear values."""
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


def _matrix(rows: list[list[float]], like: Tensor) -> Tensor:
    return torch.tensor(rows, dtype=like.dtype, device=like.device)
