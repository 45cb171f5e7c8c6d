# Plain cross entropy, for comparison.
