"""`python -m halodesk` is the `halodesk` command."""

from halodesk.cli import main

if __name__ == "__main__":
    main()
