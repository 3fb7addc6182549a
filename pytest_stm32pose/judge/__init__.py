"""Where a verdict is made: budgets, and the gate against a baseline. Pure."""
