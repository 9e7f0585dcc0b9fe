"""Where trials run: in this process, in processes of their own, on a cluster. They place trials, and decide nothing."""
