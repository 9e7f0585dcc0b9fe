"""`python -m lrscope` is `lrscope`."""

from lrscope.cli.app import main

if __name__ == "__main__":
    main()
