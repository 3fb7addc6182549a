"""The device's OKS against the labels is a fifth less than it is."""

from __future__ import annotations

from pytest_stm32pose.metrics import keypoints

oks_vs_truth = keypoints.oks_vs_truth
keypoints.oks_vs_truth = lambda *arguments: 0.8 * oks_vs_truth(*arguments)
