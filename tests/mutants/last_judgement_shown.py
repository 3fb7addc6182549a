"""Of a budget that was judged on several pictures, the last judgement is kept instead of the worst."""

from __future__ import annotations

from pytest_stm32pose.run import measurements

measurements._is_worse = lambda new, old: True
