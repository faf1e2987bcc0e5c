"""`python -m covcat`."""

from covcat.cli.main import main

if __name__ == "__main__":
    main()
