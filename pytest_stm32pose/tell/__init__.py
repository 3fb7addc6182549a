"""What a record says elsewhere: terminal, Markdown, OpenMetrics, code quality, conformance. Pure but for `publish`."""
