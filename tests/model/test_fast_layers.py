"""The fast replacements of convolutions, against those of torch."""

import pytest
import torch

from w2vkit.model.fast_layers import WideConvolution


@pytest.mark.parametrize(("taps", "frames"), [(3000, 850), (3000, 1), (601, 40), (512, 700), (1000, 500)])
def test_wide_convolution_equals_that_of_torch(taps, frames):
    conv = torch.nn.Conv1d(8, 8, taps, padding=taps // 2, groups=8)
    x = torch.randn(2, 8, frames) + 10
    assert WideConvolution.fits(conv) and not WideConvolution.fits(torch.nn.Conv1d(8, 8, 128, groups=8))
    with torch.no_grad():
        torch.testing.assert_close(WideConvolution(conv)(x), conv(x), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("silent", [slice(0, 700), slice(300, 1200), slice(0, 1200), slice(0, 100)])
@pytest.mark.parametrize("frames", [64, 500])
def test_wide_convolution_skips_zero_taps_and_follows_changes_of_the_weight(silent, frames):
    conv = torch.nn.Conv1d(4, 4, 1200, padding=600, groups=4)
    wide, x = WideConvolution(conv), torch.randn(2, 4, frames)
    with torch.no_grad():
        conv.weight[..., silent] = 0
        torch.testing.assert_close(wide(x), conv(x), atol=1e-4, rtol=1e-4)
    wide(x)  # with gradients on, an optimiser can change the weight at any time
    with torch.no_grad():
        conv.weight += torch.randn_like(conv.weight)
        torch.testing.assert_close(wide(x), conv(x), atol=1e-3, rtol=1e-3)
