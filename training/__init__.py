"""The recipe that made w2v-mini. Not needed to use w2vkit; see training/README.md."""
