"""How good a model is on faces whose people are known, with intervals that say how sure that is."""

from __future__ import annotations
