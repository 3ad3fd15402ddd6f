"""The demos: models of digits and of docstrings, trained and shown; a caller like any user."""
