"""What tests share: models of hardware, doubles, tables of cases, browsers."""
