"""The validation suite that users run: `pytest --pyargs pytest_stm32pose.suite --board=NAME`.

The same tests judge a virtual board and a bench; nothing here knows which it is.
"""
