"""What a run record is made of: typed, frozen, as JSON has it. Pure; judge, record, tell and report work on these."""
