"""``python -m w2vkit`` is the command ``w2vkit``."""

from w2vkit.cli import main

raise SystemExit(main())
