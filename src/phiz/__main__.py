"""``python -m phiz`` is ``phiz``."""

import sys

from phiz.cli import main

sys.exit(main())
