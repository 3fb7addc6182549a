"""The run record: entries, reading and writing, one of several, and the baseline to compare with."""
