"""Ways in which a weight file can be wrong."""

from __future__ import annotations

import random


def mutate(data: bytes, seed: int) -> bytes:
    """Return the file truncated, with flipped bits, with changed lengths, or with parts moved."""
    chance = random.Random(seed)
    out = bytearray(data)
    kind = chance.choice(["truncate", "flip", "flip many", "length", "splice", "zero", "head"])
    at = chance.randrange(len(out))
    if kind == "truncate":
        return bytes(out[:at])
    if kind == "flip":
        out[at] ^= 1 << chance.randrange(8)
    elif kind == "flip many":
        for _ in range(chance.randrange(2, 40)):
            out[chance.randrange(len(out))] ^= 1 << chance.randrange(8)
    elif kind == "length":  # an integer in the first bytes becomes another one, perhaps a huge one
        at = chance.randrange(min(len(out), 400))
        size = chance.randrange(1, 9)
        out[at : at + 1 + chance.randrange(3)] = bytes([size]) + chance.randbytes(size)
    elif kind == "splice":
        length = chance.randrange(1, 200)
        del out[at : at + length]
        if chance.random() < 0.5:
            out[at:at] = chance.randbytes(chance.randrange(200))
    elif kind == "zero":
        length = chance.randrange(1, 64)
        out[at : at + length] = bytes([chance.choice([0, 0xFF, 0x88, 1])]) * length
    else:  # most counts and sizes are in the first bytes
        for _ in range(chance.randrange(1, 4)):
            out[chance.randrange(min(len(out), 300))] = chance.randrange(256)
    return bytes(out)
