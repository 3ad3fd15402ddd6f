"""``python -m dirvae``, where the command ``dirvae`` is not on the path."""

from dirvae.cli import main

if __name__ == "__main__":
    main()
