"""`python -m fastmf`: the same as the `fastmf` command."""

from fastmf.cli import main

if __name__ == "__main__":
    main()
