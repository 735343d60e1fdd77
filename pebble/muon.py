"""Muon, the optimizer of the matrices inside the layers (Keller Jordan and others, 2024)."""

import torch
from torch import Tensor, nn


class Muon:
    """Momentum whose step is made orthogonal, for the matrices inside the layers.

    A gradient matrix is usually dominated by a few directions. Muon gives all of them the same length, by
    a few rounds of a matrix polynomial (Newton-Schulz), so that rare directions are learned as fast as
    common ones.
    """

    def __init__(self, parameters: list[nn.Parameter], momentum: float = 0.95) -> None:
        self.momentum = momentum
        self.groups: dict[tuple[int, int], list[nn.Parameter]] = {}
        for p in parameters:  # matrices of one shape are worked on together; wide ones lie down
            self.groups.setdefault((min(p.shape), max(p.shape)), []).append(p)
        self.velocity = {s: torch.zeros(len(ps), *s, device=ps[0].device) for s, ps in self.groups.items()}

    @torch.no_grad()
    def step(self, rate: float, decay: float = 0.0) -> None:
        """Go one step of length `rate`; `decay` draws the weights towards zero, or they grow for ever."""
        for shape, ps in self.groups.items():
            grads = [p.grad for p in ps if p.grad is not None]
            g = torch.stack([gradient if gradient.shape == shape else gradient.T for gradient in grads])
            v = self.velocity[shape].lerp_(g, 1 - self.momentum)
            x = orthogonal(g.lerp(v, self.momentum))
            scale = rate * (shape[1] / shape[0]) ** 0.5
            for p, update in zip(ps, x, strict=True):
                p.mul_(1 - rate * decay).sub_(update if p.shape == shape else update.T, alpha=scale)


def orthogonal(x: Tensor) -> Tensor:
    """Matrices [N, small, large] with all singular values near 1 and the same singular vectors."""
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for a, b, c in [(3.4445, -4.7750, 2.0315)] * 5:
        s = x @ x.mT
        x = a * x + (b * s + c * s @ s) @ x
    return x
