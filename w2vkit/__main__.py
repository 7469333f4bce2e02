"""Make ``python -m w2vkit`` run the command ``w2vkit``."""

from w2vkit.cli import main

raise SystemExit(main())
