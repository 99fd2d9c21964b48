"""Whose colors the result has.

With `content`, only light and dark are painted: the network is shown both pictures in grays of the same lightness, the
style's shifted and stretched to the content's mean and deviation, and the result's lightness takes the content's hues
(Gatys et al., arXiv 1606.05897, luminance-only transfer). Lightness is that of Oklab (B. Ottosson, 2020), where equal
steps look equal.
"""

from __future__ import annotations

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


class ColorStatistics(NamedTuple):
    """What colors a picture has"""

    mean: Tensor  # (3,)
    covariance: Tensor  # (3, 3)


def to_oklab(rgb: Tensor) -> Tensor:
    """sRGB in [0, 1] -> Oklab: lightness from 0 to 1, green to red, blue to yellow.  (..., 3) -> (..., 3)"""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    lms = linear @ _matrix(_TO_LMS, rgb).T
    return (lms.sign() * lms.abs() ** (1 / 3)) @ _matrix(_TO_LAB, rgb).T


def from_oklab(lab: Tensor) -> Tensor:
    """Oklab -> sRGB; what sRGB cannot show lies outside [0, 1].  (..., 3) -> (..., 3)"""
    lms = (lab @ _matrix(_TO_LAB, lab).inverse().T) ** 3
    linear = lms @ _matrix(_TO_LMS, lab).inverse().T
    return torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)


def to_gray(pixels: Tensor) -> Tensor:
    """A picture in grays of its own lightness.  (H, W, 3) -> (H, W, 3)"""
    return _gray_from_lightness(to_oklab(pixels)[..., :1])


def lightness_statistics(pixels: Tensor, seen: Tensor) -> tuple[float, float]:
    """Mean and deviation of the lightness of a picture (H, W, 3) where it is seen, (H, W)"""
    light = to_oklab(pixels[seen])[..., 0]
    return float(light.mean()), float(light.std())


def match_luminance(style: Tensor, seen: Tensor, goal: tuple[float, float]) -> Tensor:
    """The style in grays, with the lightness brought to a mean and a deviation.  (H, W, 3), (H, W) -> (H, W, 3)"""
    mean, deviation = lightness_statistics(style, seen)
    light = to_oklab(style)[..., :1]
    return _gray_from_lightness((light - mean) * (goal[1] / max(deviation, 1e-3)) + goal[0])


def color_statistics(pixels: Tensor, seen: Tensor) -> ColorStatistics:
    """Mean and covariance of the colors of a picture (H, W, 3) by how much each pixel is seen, (H, W), in double precision"""
    rgb, weights = pixels.flatten(0, 1).double(), seen.flatten().double()
    weights = (weights / weights.sum())[:, None]
    mean = (weights * rgb).sum(0)
    deviations = rgb - mean
    # A picture in one color, or in grays, has no covariance in some directions: a little in all of them.
    return ColorStatistics(
        mean, (weights * deviations).T @ deviations + 1e-5 * torch.eye(3, dtype=torch.float64, device=rgb.device)
    )


def match_colors(style: Tensor, seen: Tensor, goal: ColorStatistics, how: str = "monge") -> Tensor:
    """The style in colors with the mean and covariance of another picture: A (x - mu) + mu*.  (H, W, 3) -> (H, W, 3)

    A C A^T = C* leaves a rotation open. how: `monge` takes the A that moves colors least, C^-1/2 (C^1/2 C* C^1/2)^1/2 C^-1/2;
    `pca` C*^1/2 C^-1/2; `cholesky` L* L^-1
    """
    own = color_statistics(style, seen)
    if how == "cholesky":
        carry = torch.linalg.cholesky(goal.covariance) @ torch.linalg.cholesky(own.covariance).inverse()
    else:
        half = matrix_sqrt(own.covariance)
        back = half.inverse()
        carry = (
            matrix_sqrt(goal.covariance) @ back if how == "pca" else back @ matrix_sqrt(half @ goal.covariance @ half) @ back
        )
    moved: Tensor = (style.double() - own.mean) @ carry.T + goal.mean
    return moved.clamp(0, 1).to(style.dtype)


def transfer_luminance(painted: Tensor, content: Tensor) -> Tensor:
    """The lightness of one picture with the hues of another.

    Where sRGB cannot show that color so light or so dark, the hue stays and the chroma is reduced until it can.
    """
    lab = to_oklab(content)
    lab[..., 0] = to_oklab(painted)[..., 0]
    low, high = torch.zeros_like(lab[..., :1]), torch.ones_like(lab[..., :1])
    for _ in range(8):  # bisection: the share of the chroma that fits
        share = (low + high) / 2
        rgb = from_oklab(torch.cat([lab[..., :1], lab[..., 1:] * share], dim=-1))
        fits = ((rgb >= -1e-3) & (rgb <= 1 + 1e-3)).all(-1, keepdim=True)
        low, high = torch.where(fits, share, low), torch.where(fits, high, share)
    whole = from_oklab(lab)
    fits = ((whole >= -1e-3) & (whole <= 1 + 1e-3)).all(-1, keepdim=True)
    return torch.where(fits, whole, from_oklab(torch.cat([lab[..., :1], lab[..., 1:] * low], dim=-1))).clamp(0, 1)


def _gray_from_lightness(light: Tensor) -> Tensor:
    linear = light.clamp(0, 1) ** 3
    encoded = torch.where(linear <= 0.0031308, linear * 12.92, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055)
    return encoded.expand(*light.shape[:-1], 3).contiguous()


def _matrix(rows: list[list[float]], like: Tensor) -> Tensor:
    return torch.tensor(rows, dtype=like.dtype, device=like.device)
